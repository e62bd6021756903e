//! Charges, invoices and their payments through the real router, on a real database,
//! with stand-ins for the services that billing asks.

mod accounts;
mod adjusting;
mod charges;
mod house;
mod instalments;
mod invoices;
mod late;
mod ledger;
mod paying;
mod prepaying;
mod printing;
mod tills;

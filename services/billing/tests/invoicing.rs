//! Charges, invoices and their payments through the real router, on a real database,
//! with stand-ins for the services that billing asks.

#[path = "invoicing/adjusting.rs"]
mod adjusting;
#[path = "invoicing/charges.rs"]
mod charges;
#[path = "invoicing/house.rs"]
mod house;
#[path = "invoicing/invoices.rs"]
mod invoices;
#[path = "invoicing/ledger.rs"]
mod ledger;
#[path = "invoicing/paying.rs"]
mod paying;

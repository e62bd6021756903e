//! The billing service through its real router, on a real database.

mod catalogue;
mod claims;
mod counting;
mod denials;
mod estimates;
mod hospital;
mod insured;
mod invoicing;
mod plans;
mod remittances;
mod second;

//! The billing service through its real router, on a real database.

#[path = "billing/claims.rs"]
mod claims;
#[path = "billing/denials.rs"]
mod denials;
#[path = "billing/hospital.rs"]
mod hospital;
#[path = "billing/insured.rs"]
mod insured;
#[path = "billing/remittances.rs"]
mod remittances;

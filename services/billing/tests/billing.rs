//! The billing service through its real router, on a real database.

#[path = "billing/catalogue.rs"]
mod catalogue;
#[path = "billing/claims.rs"]
mod claims;
#[path = "billing/counting.rs"]
mod counting;
#[path = "billing/denials.rs"]
mod denials;
#[path = "billing/estimates.rs"]
mod estimates;
#[path = "billing/hospital.rs"]
mod hospital;
#[path = "billing/insured.rs"]
mod insured;
#[path = "billing/plans.rs"]
mod plans;
#[path = "billing/remittances.rs"]
mod remittances;

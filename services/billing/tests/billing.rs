//! The billing service through its real router, on a real database.

#[path = "billing/catalogue.rs"]
mod catalogue;
#[path = "billing/counting.rs"]
mod counting;
#[path = "billing/estimates.rs"]
mod estimates;
#[path = "billing/hospital.rs"]
mod hospital;
#[path = "billing/plans.rs"]
mod plans;

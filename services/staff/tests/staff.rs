//! The staff service through its real router, on a real database.

#[path = "staff/availability.rs"]
mod availability;
#[path = "staff/hospital.rs"]
mod hospital;
#[path = "staff/invariants.rs"]
mod invariants;
#[path = "staff/leaves.rs"]
mod leaves;
#[path = "staff/patterns.rs"]
mod patterns;
#[path = "staff/practitioners.rs"]
mod practitioners;
#[path = "staff/shifts.rs"]
mod shifts;
#[path = "staff/verification.rs"]
mod verification;

//! What this service does when it hears of something.

pub mod on_patient_changed;
pub mod on_patient_erased;
pub mod on_user_provisioned;

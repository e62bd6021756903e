//! What staff hears from other services.

pub mod verify_practitioner;

//! What SecurePay knows of patients: that they exist, and which records are one person.

pub mod directory;
pub mod reach;

pub use directory::Patients;
pub use reach::Reach;

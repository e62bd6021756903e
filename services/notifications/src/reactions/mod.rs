//! What this service does when something happens elsewhere.

pub mod accesses;
pub mod accounts;
pub mod appointments;
pub mod contacts;
pub mod reminder;

pub use accesses::Accesses;
pub use accounts::Accounts;
pub use appointments::Appointments;
pub use contacts::ContactChanges;
pub use reminder::Reminders;

//! Patients as scheduling knows them: whether a record takes bookings (asked), and
//! which records are one person (heard).

pub mod directory;
pub mod reach;
pub mod store;

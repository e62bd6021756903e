//! Patients as billing knows them: which records are one person.

pub mod reach;

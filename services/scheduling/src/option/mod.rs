//! Doctor options: who could see a patient at a given time.

pub mod find;
pub mod model;
pub mod store;

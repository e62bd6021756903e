//! Organisations (FHIR Organization): who provides care, and who pays for it.

pub mod find;
pub mod get;
pub mod model;
pub mod register;
pub mod store;

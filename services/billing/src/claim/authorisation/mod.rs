//! Pre-authorisations: what payers have agreed to before it was done.

pub mod decide;
pub mod find;
pub mod request;
pub mod store;

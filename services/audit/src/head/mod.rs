//! Signed tree heads: what the hospital has committed itself to. Published in the
//! database, over the API, and as lines of a file that the database cannot roll back.

pub(crate) mod file;
pub(crate) mod key;
pub mod model;
pub(crate) mod show;
pub(crate) mod sign;
pub(crate) mod store;

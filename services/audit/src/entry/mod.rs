//! The entries: what they hold, how they are written as bytes, and reading them.

pub(crate) mod list;
pub mod model;
pub(crate) mod store;

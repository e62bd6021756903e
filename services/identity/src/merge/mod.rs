//! What the merging of patient records does to accounts.

pub(crate) mod model;
pub(crate) mod store;

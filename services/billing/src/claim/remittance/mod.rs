//! What payers have paid, and what they say about it.

pub mod post;
pub mod record;
mod store;

//! Orders to a payment provider, of which top-ups and payouts are two directions.

pub mod find;
pub mod model;
pub(crate) mod place;
pub mod pursue;
pub mod store;
pub mod view;

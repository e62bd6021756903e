//! Allergies and intolerances.

pub mod list;
pub mod model;
pub mod record;
pub mod store;

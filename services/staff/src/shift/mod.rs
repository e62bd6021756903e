//! Shifts: when a practitioner works.

pub mod cancel;
pub mod list;
pub mod model;
pub mod plan;
pub mod store;
pub mod view;

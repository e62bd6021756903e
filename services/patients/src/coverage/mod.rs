//! Coverages: who pays for a patient, when, and in which order.

pub mod add;
pub mod contract;
pub mod list;
pub mod model;
pub mod revise;
pub mod store;
pub mod view;

pub use model::{CoverageError, CoverageTerms};

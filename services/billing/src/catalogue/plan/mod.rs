//! Plans in the catalogue: which payer has them, and which version is in force when.

pub mod model;
pub mod store;

pub use model::{CatalogueError, CataloguePlan, InForce, PlanVersion};

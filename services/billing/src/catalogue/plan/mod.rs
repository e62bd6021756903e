//! Plans in the catalogue: which payer has them, and which version is in force when.

pub mod find;
pub mod get;
pub mod model;
pub mod publish;
pub mod register;
pub mod store;
pub mod versions;
pub mod view;

pub use model::{CatalogueError, CataloguePlan, InForce, PlanVersion};

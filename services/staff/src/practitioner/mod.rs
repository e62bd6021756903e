//! Practitioners: who they are, where they belong, whether they still practise.

pub mod change;
pub mod deactivate;
pub mod find;
pub mod get;
pub mod model;
pub mod name;
pub mod register;
pub mod store;
pub mod view;

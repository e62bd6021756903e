//! Payers: who pays for care besides patients.

pub mod find;
pub mod get;
pub mod model;
pub mod register;
pub mod revise;
pub mod rpc;
pub mod store;
pub mod view;

pub use model::{Payer, PayerError, PayerId};

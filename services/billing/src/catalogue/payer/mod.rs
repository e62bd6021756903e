//! Payers: who pays for care besides patients.

pub mod model;
pub mod store;

pub use model::{Payer, PayerError, PayerId};

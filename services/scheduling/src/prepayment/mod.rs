//! What patients are asked to pay before appointments, and whether they have.
//!
//! Billing takes the money and knows what became of it; here is what the front desk needs
//! to see beside an appointment, as billing said it last.

pub mod model;
pub mod store;

pub use model::{Prepayment, Status};

//! Billing: who owes what for care, and why.
//!
//! **Owns** insurance plans, which are data ([`plan`]), and the one function that
//! applies them ([`adjudication`]).

pub mod adjudication;
pub mod plan;

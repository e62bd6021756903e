//! SecurePay: the hospital's money.
//!
//! **Owns** the double-entry [`ledger`].

pub mod ledger;

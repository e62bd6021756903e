//! SecurePay: the hospital's money.
//!
//! **Owns** the double-entry [`ledger`], which only its [`writer`] changes.

mod checks;
pub mod ledger;
pub mod writer;

pub use checks::CHECKS;

use galen_storage::{Migration, migrations};

/// The schema's history.
pub const MIGRATIONS: &[Migration] = migrations!["0001_ledger"];

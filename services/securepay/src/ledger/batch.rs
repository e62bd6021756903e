//! What the requests of a batch change together: what the writer stores in one
//! statement.

use std::collections::HashMap;

use super::account::{Account, AccountId, Standing, Totals};
use super::hold::{Hold, HoldId};
use super::operation::Posting;

/// Collects what was decided until it is stored.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) postings: Vec<Posting>,
    /// The accounts that were touched, as they are in the database.
    pub(super) before: HashMap<AccountId, Account>,
    /// The holds that were made or changed, and whether they were made.
    pub(super) holds: HashMap<HoldId, bool>,
}

impl Batch {
    /// What is to be written down, in order.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    /// Whether nothing was done.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.postings.is_empty()
    }
}

/// How an account comes out of a batch: one update, however many postings name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountChange {
    /// Which.
    pub id: AccountId,
    /// The version that it must still have.
    pub expected: i64,
    /// The version that it gets.
    pub version: i64,
    /// The standing that it must still have.
    pub standing: Standing,
    /// Its totals afterwards.
    pub totals: Totals,
}

/// All that a batch changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// New rows, in the order of their stamps.
    pub postings: Vec<Posting>,
    /// Changed accounts, in the order of their ids: everybody who locks accounts takes
    /// them in this order.
    pub accounts: Vec<AccountChange>,
    /// Holds that there were not before, in the order of their ids.
    pub new_holds: Vec<Hold>,
    /// Other holds that are not what they were, in the order of their ids.
    pub changed_holds: Vec<Hold>,
}

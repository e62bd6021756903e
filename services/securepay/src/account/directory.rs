//! Accounts that were looked up before. What an account is for never changes, so that
//! whoever pays every day is not looked up for every payment.

use galen_storage::{Db, Error};
use moka::sync::Cache;

use super::store;
use super::{Account, PublicId};

/// Most accounts in memory.
const REMEMBERED: u64 = 200_000;

/// What accounts are for. Their versions, which count how often they were frozen and
/// thawed, are those of the first look: whoever needs them asks [`store`].
pub struct Directory {
    known: Cache<PublicId, Account>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            known: Cache::new(REMEMBERED),
        }
    }
}

impl Directory {
    /// The accounts that everybody else calls so, in no order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn by_ids(&self, db: &Db, ids: &[PublicId]) -> Result<Vec<Account>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match self.known.get(id) {
                Some(account) => found.push(account),
                None => missing.push(*id),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        for account in store::by_ids(db.pool(), &missing).await? {
            self.known.insert(account.public_id, account);
            found.push(account);
        }
        Ok(found)
    }
}

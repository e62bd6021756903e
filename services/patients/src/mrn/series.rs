//! Hands out record numbers of one facility.

use std::ops::Range;

use galen_storage::{Db, Error};
use tokio::sync::Mutex;

use super::{Mrn, Prefix};

/// Numbers taken from the database at a time; what is left of them at a stop is skipped.
const BLOCK: i64 = 32;

/// The series of one facility. Numbers are taken in blocks and before the registering
/// transaction, so that registrations wait neither for each other's commit nor for a
/// second connection while they hold one.
pub struct Series {
    prefix: Prefix,
    taken: Mutex<Range<i64>>,
}

impl Series {
    /// Opens the series of a facility, and starts it at the first time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(db: &Db, prefix: Prefix) -> Result<Self, Error> {
        sqlx::query("insert into mrn_series (prefix) values ($1) on conflict do nothing")
            .bind(prefix.as_str())
            .execute(db.pool())
            .await?;
        Ok(Self {
            prefix,
            taken: Mutex::new(0..0),
        })
    }

    /// The next number. It is used up even if the registration fails.
    ///
    /// # Errors
    /// When the database fails, or the series is at its end.
    pub async fn next(&self, db: &Db) -> Result<Mrn, Error> {
        let mut taken = self.taken.lock().await;
        if taken.is_empty() {
            let first: i64 = sqlx::query_scalar(
                "update mrn_series set next = next + $2 where prefix = $1 returning next - $2",
            )
            .bind(self.prefix.as_str())
            .bind(BLOCK)
            .fetch_one(db.pool())
            .await?;
            *taken = first..first + BLOCK;
        }
        let number = taken.next().ok_or(Error::Inconsistent {
            column: "patients.mrn_series.next",
        })?;
        let number = u64::try_from(number).map_err(|_| Error::Inconsistent {
            column: "patients.mrn_series.next",
        })?;
        Ok(Mrn::issue(&self.prefix, number))
    }
}

//! Entries of the waitlist whose window has passed wait no longer.

use galen_kernel::Problem;
use galen_storage::Db;

use crate::waitlist::store;

/// How many in one statement.
const BATCH: i64 = 500;

/// Ends all that are overdue; returns how many.
///
/// # Errors
/// When the database fails; what was committed stays.
pub async fn end_overdue(db: &Db) -> Result<u64, Problem> {
    let mut ended = 0;
    loop {
        let batch = store::end_overdue(db.pool(), db.clock().now(), BATCH).await?;
        ended += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(ended);
        }
    }
}

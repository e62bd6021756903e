//! Forgets what ended long ago.

use galen_kernel::{Problem, Timestamp};
use galen_storage::Db;
use jiff::SignedDuration;

use super::store;

/// How long a delivery can be looked at and asked for after it ended.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Rows in one statement.
const AT_ONCE: i64 = 5_000;

/// Forgets deliveries that ended a month ago, and the messages that nobody waits for any
/// more. Says how many deliveries.
pub(crate) async fn forget(db: &Db, now: Timestamp) -> Result<u64, Problem> {
    let before = now.checked_sub(KEPT).map_err(Problem::internal)?;
    let most = AT_ONCE.cast_unsigned();
    let mut forgotten = 0;
    loop {
        let some = store::forget(db.pool(), before, AT_ONCE).await?;
        forgotten += some;
        if some < most {
            break;
        }
    }
    while store::forget_messages(db.pool(), before, AT_ONCE).await? == most {}
    Ok(forgotten)
}

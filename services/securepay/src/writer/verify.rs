//! Whether the chain holds.

use futures::TryStreamExt as _;
use galen_storage::{Columns as _, Db, Error};

use super::{Shard, store};
use crate::ledger::chain::Link;
use crate::ledger::{Posting, Stamp};

/// Recomputes the links of a shard from its postings. Returns the first stamp of the
/// first batch whose link is another; `None` when nothing was changed, removed or put
/// in another order.
///
/// # Errors
/// When the database fails.
pub async fn verify(db: &Db, shard: Shard) -> Result<Option<i64>, Error> {
    let mut link = Link::GENESIS;
    let mut batches =
        sqlx::query("select first, last, link from batch where shard = $1 order by first")
            .bind(shard.0)
            .fetch(db.pool());
    let mut reader = db.pool().acquire().await?;
    while let Some(batch) = batches.try_next().await? {
        let (first, last): (i64, i64) = (batch.col("first")?, batch.col("last")?);
        let postings: Vec<Posting> =
            store::between(&mut reader, shard, Stamp(first), Stamp(last)).await?;
        link = link.next(&postings);
        if batch.col::<Vec<u8>>("link")? != link.0 {
            return Ok(Some(first));
        }
    }
    Ok(None)
}

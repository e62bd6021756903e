//! Retention: old events go, unless somebody has not read them.
//!
//! Events lie in partitions by their number. The maintainer creates the next ones
//! ahead of time, seals the full ones (so that the sequencer need not look at them),
//! trims the tick chain, and drops the oldest when everything in it is older than the
//! operator wants to keep, every cursor is past it and no lane refers to it. Without a
//! wish it keeps everything, and projections can be rebuilt from the beginning.

use std::time::Duration;

use galen_storage::{Db, Error};
use tokio_util::sync::CancellationToken;

use crate::log::ts;

/// How often the maintainer looks.
const EVERY: Duration = Duration::from_secs(60);

/// Events in one partition.
const SIZE: i64 = 4_000_000;

/// Empty partitions ahead of the current one.
const AHEAD: i32 = 2;

/// Ticks kept, for whoever wants to see how it went.
const TICKS: i64 = 1000;

/// Keeps the log in shape.
pub(crate) struct Maintainer {
    pub(crate) events: Db,
    /// How long events are kept at least; for ever if not said.
    pub(crate) keep: Option<Duration>,
}

impl Maintainer {
    /// Runs until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.round().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the log is not maintained"
                );
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn round(&self) -> Result<(), Error> {
        extend(&self.events, AHEAD, SIZE).await?;
        seal(&self.events).await?;
        sqlx::query("delete from tick where id < (select max(id) from tick) - $1")
            .bind(TICKS)
            .execute(self.events.pool())
            .await?;
        if let Some(keep) = self.keep {
            while let Some(part) = drop_oldest(&self.events, keep).await? {
                tracing::info!(part, "old events are dropped");
            }
        }
        Ok(())
    }
}

/// Creates partitions until `ahead` empty ones follow the current one.
async fn extend(events: &Db, ahead: i32, size: i64) -> Result<i32, Error> {
    Ok(sqlx::query_scalar("select events.extend_events($1, $2)")
        .bind(ahead)
        .bind(size)
        .fetch_one(events.pool())
        .await?)
}

/// Seals full partitions; returns how many.
async fn seal(events: &Db) -> Result<i32, Error> {
    Ok(sqlx::query_scalar("select events.seal_events()")
        .fetch_one(events.pool())
        .await?)
}

/// Drops the oldest partition if it may go; returns its number.
async fn drop_oldest(events: &Db, keep: Duration) -> Result<Option<i32>, Error> {
    let now = events.clock().now();
    let limit = now.checked_sub(keep).unwrap_or(now);
    let mut tx = events.begin().await?;
    // It reads a whole partition, and does not wait for a lock on the whole log.
    sqlx::raw_sql("set local statement_timeout = 0; set local lock_timeout = '2s'")
        .execute(tx.conn())
        .await?;
    let dropped = sqlx::query_scalar("select events.drop_events($1)")
        .bind(ts(limit))
        .fetch_one(tx.conn())
        .await?;
    tx.commit().await?;
    Ok(dropped)
}

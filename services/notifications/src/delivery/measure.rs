//! How much waits, and for how long: for alerts.

use galen_kernel::Timestamp;
use galen_storage::{Db, Error, Ts};
use sqlx::Row as _;

/// Messages in a state that is not an end.
const WAITING: &str = "galen_notifications_waiting";
/// Age of the oldest message that is overdue, in seconds.
const OVERDUE: &str = "galen_notifications_overdue_seconds";
/// Messages that wait for a person.
const DEAD: &str = "galen_notifications_dead";

/// Measures; returns how many messages wait.
///
/// # Errors
/// When the database fails.
pub async fn measure(db: &Db, now: Timestamp) -> Result<u64, Error> {
    let row = sqlx::query(
        "select count(*) filter (where status in ('QUEUED', 'SENDING')) as waiting,
                count(*) filter (where status = 'DEAD') as dead,
                min(not_before) filter (where status in ('QUEUED', 'SENDING') and not_before <= $1) as oldest
         from message where status in ('QUEUED', 'SENDING', 'DEAD')",
    )
    .bind(Ts::from(now))
    .fetch_one(db.pool())
    .await?;
    let (waiting, dead): (i64, i64) = (row.try_get("waiting")?, row.try_get("dead")?);
    let oldest: Option<Ts> = row.try_get("oldest")?;
    let overdue = oldest.map_or(0.0, |at| now.duration_since(at.to_jiff()).as_secs_f64());
    metrics::gauge!(WAITING).set(count(waiting));
    metrics::gauge!(DEAD).set(count(dead));
    metrics::gauge!(OVERDUE).set(overdue);
    Ok(u64::try_from(waiting).unwrap_or(0))
}

/// Gauges are floats; counts of messages stay far below where that matters.
fn count(n: i64) -> f64 {
    f64::from(i32::try_from(n).unwrap_or(i32::MAX))
}

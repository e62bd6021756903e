//! What an operator sees and does: lag, dead letters, processes, projections.

mod letters;
mod processes;

use std::sync::Arc;

use galen_kernel::Timestamp;
use galen_storage::{Db, Error, Ts, Tx};
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::sync::Notify;

pub use letters::{DeadLetter, DeadLetterFilter};
pub use processes::{FailingTimer, ProcessStep, ProcessView};

/// Reads and repairs the backbone, for `/ops` and the command line alike. Every
/// change is written to `events.operation` with who and why.
#[derive(Clone)]
pub struct Operations {
    db: Db,
    /// The retrier of this process; others look by themselves within a second.
    retrier: Option<Arc<Notify>>,
}

/// How far a subscription is behind.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lag {
    /// Group.
    pub group: String,
    /// Topic.
    pub topic: String,
    /// Events not yet applied, over all partitions.
    pub events: i64,
    /// Age of the oldest of them, in milliseconds.
    pub age_ms: i64,
    /// Keys that wait behind a failure.
    pub parked_keys: i64,
    /// Dead letters.
    pub dead: i64,
}

impl Operations {
    /// `db` logs in as the owner of the `events` schema.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db, retrier: None }
    }

    /// Wakes the retrier of this process after a repair.
    pub(crate) fn waking(db: Db, retrier: Arc<Notify>) -> Self {
        Self {
            db,
            retrier: Some(retrier),
        }
    }

    fn repaired(&self) {
        if let Some(retrier) = &self.retrier {
            retrier.notify_one();
        }
    }

    /// Lag of every subscription.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lag(&self) -> Result<Vec<Lag>, Error> {
        let rows = sqlx::query(
            "select c.grp, t.name, sum(h.off - c.off)::bigint as behind,
                    coalesce(max(extract(epoch from clock_timestamp() - oldest.at)) * 1000, 0)::bigint as age_ms,
                    (select count(*) from parked p where p.grp = c.grp and p.topic = c.topic) as parked,
                    (select count(*) from lane l where l.grp = c.grp and l.topic = c.topic and l.state = 'dead') as dead
             from cursor c
             join head h on h.topic = c.topic and h.part = c.part
             join topic t on t.id = c.topic
             left join lateral (
                 select e.at from log l join event e on e.seq = l.seq
                 where l.topic = c.topic and l.part = c.part and l.off = c.off + 1 and h.off > c.off) as oldest on true
             group by c.grp, c.topic, t.name
             order by c.grp, t.name",
        )
        .fetch_all(self.db.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Lag {
                    group: row.try_get("grp")?,
                    topic: row.try_get("name")?,
                    events: row.try_get("behind")?,
                    age_ms: row.try_get("age_ms")?,
                    parked_keys: row.try_get("parked")?,
                    dead: row.try_get("dead")?,
                })
            })
            .collect()
    }

    /// Committed events that have no offset yet: count and age in milliseconds.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unsequenced(&self) -> Result<(i64, i64), Error> {
        // The statement's own snapshot sees what is committed; what the last tick saw
        // is left out.
        Ok(sqlx::query_as(
            "with last as materialized (
                 select t.snap, greatest(t.floor, (select max(hi) from event_part where sealed)) as open
                 from tick t order by t.id desc limit 1)
             select count(*), coalesce(max(extract(epoch from clock_timestamp() - at)) * 1000, 0)::bigint
             from (
                 select e.at from event e, last
                 where e.seq >= last.open and e.xid >= pg_snapshot_xmax(last.snap)
                 union all
                 select e.at from event e, last
                 where e.seq >= last.open and e.xid = any (array(select pg_snapshot_xip(last.snap)))) as waiting",
        )
        .fetch_one(self.db.pool())
        .await?)
    }

    /// Forgets how far a group has come, which no process has any more: it no longer
    /// holds retention up. `false` when it is unknown, or a process that lives has it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_group(
        &self,
        group: &str,
        actor: &str,
        reason: &str,
    ) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let forgotten = sqlx::query(
            "delete from cursor where grp = $1
             and not exists (select from member where $1 = any (groups) and alive_until > clock_timestamp())",
        )
        .bind(group)
        .execute(tx.conn())
        .await?
        .rows_affected();
        if forgotten == 0 {
            return Ok(false);
        }
        for sql in [
            "delete from lane where grp = $1",
            "delete from parked where grp = $1",
        ] {
            sqlx::query(sql).bind(group).execute(tx.conn()).await?;
        }
        note(
            &mut tx,
            actor,
            "forget-group",
            reason,
            json!({ "group": group }),
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }
}

fn instant(row: &PgRow, column: &str) -> Result<Timestamp, Error> {
    Ok(row.try_get::<Ts, _>(column)?.to_jiff())
}

/// Writes down what an operator did.
async fn note(
    tx: &mut Tx,
    actor: &str,
    action: &str,
    reason: &str,
    detail: serde_json::Value,
) -> Result<(), Error> {
    sqlx::query("insert into operation (actor, action, reason, detail) values ($1, $2, $3, $4)")
        .bind(actor)
        .bind(action)
        .bind(reason)
        .bind(detail)
        .execute(tx.conn())
        .await?;
    Ok(())
}

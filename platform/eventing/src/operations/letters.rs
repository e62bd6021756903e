//! Dead letters, and what operators do with them.

use galen_kernel::{Timestamp, TraceContext};
use galen_storage::Error;
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Operations, instant};

/// A dead letter, or an event that waits or is retried in front of one.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Names it in redrive and discard.
    pub id: i64,
    /// Group whose handler failed.
    pub group: String,
    /// Topic.
    pub topic: String,
    /// Key that is parked.
    pub key: String,
    /// Offset of the event.
    pub offset: i64,
    /// CloudEvents type.
    pub event_type: String,
    /// `retry`, `blocked` or `dead`.
    pub state: String,
    /// Tries so far.
    pub attempts: i32,
    /// Class of the last error.
    pub error_class: Option<String>,
    /// The last error with its causes.
    pub error: Option<String>,
    /// When it first failed.
    pub first_at: Timestamp,
    /// When it is tried next.
    pub next_at: Timestamp,
    /// Later events of the same key that wait behind it.
    pub blocked_behind: i64,
    /// The payload as JSON, when asked for one letter.
    pub payload: Option<serde_json::Value>,
    /// Trace of the publisher.
    pub trace_id: Option<String>,
}

/// Which dead letters are meant.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    /// Only of this group.
    pub group: Option<String>,
    /// Only of this CloudEvents type.
    pub event_type: Option<String>,
    /// Only of this error class.
    pub error_class: Option<String>,
    /// Only of this key.
    pub key: Option<String>,
}

impl Operations {
    /// Dead letters, and events that are retried, by id, oldest first, after `after`.
    /// What waits behind them is counted with each.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        after: i64,
        limit: u16,
    ) -> Result<Vec<DeadLetter>, Error> {
        let rows = sqlx::query(
            "select l.id, l.grp, t.name, l.key, l.off, e.type, l.state, l.attempts, l.error_class, l.error,
                    l.first_at, l.next_at, e.headers ->> 'traceparent' as trace, null::bytea as data,
                    (select count(*) from lane b where b.grp = l.grp and b.topic = l.topic and b.key = l.key
                        and b.off > l.off and b.state <> 'discarded') as behind
             from lane l join topic t on t.id = l.topic join event e on e.seq = l.seq
             where l.state in ('dead', 'retry') and l.id > $1
               and ($2::text is null or l.grp = $2) and ($3::text is null or e.type = $3)
               and ($4::text is null or l.error_class = $4) and ($5::text is null or l.key = $5)
             order by l.id limit $6",
        )
        .bind(after)
        .bind(&filter.group)
        .bind(&filter.event_type)
        .bind(&filter.error_class)
        .bind(&filter.key)
        .bind(i64::from(limit))
        .fetch_all(self.db.pool())
        .await?;
        rows.iter().map(letter).collect()
    }

    /// One dead letter, or any other event of a lane, with its payload.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>, Error> {
        let row = sqlx::query(
            "select l.id, l.grp, t.name, l.key, l.off, e.type, l.state, l.attempts, l.error_class, l.error,
                    l.first_at, l.next_at, e.headers ->> 'traceparent' as trace, e.data,
                    (select count(*) from lane b where b.grp = l.grp and b.topic = l.topic and b.key = l.key
                        and b.off > l.off and b.state <> 'discarded') as behind
             from lane l join topic t on t.id = l.topic join event e on e.seq = l.seq
             where l.id = $1",
        )
        .bind(id)
        .fetch_optional(self.db.pool())
        .await?;
        row.as_ref().map(letter).transpose()
    }

    /// Tries matching dead letters again, in order, and what waits behind them after
    /// them; returns how many. Named ones that are between two tries are tried now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn redrive(
        &self,
        filter: &DeadLetterFilter,
        ids: Option<&[i64]>,
        actor: &str,
    ) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        let redriven = sqlx::query(
            "with chosen as (
                 select l.id from lane l join event e on e.seq = l.seq
                 where (l.state = 'dead' or (l.state = 'retry' and l.id = any ($1)))
                   and ($1::bigint[] is null or l.id = any ($1))
                   and ($2::text is null or l.grp = $2) and ($3::text is null or e.type = $3)
                   and ($4::text is null or l.error_class = $4) and ($5::text is null or l.key = $5)
                 order by l.id for update of l
             ), redriven as (
                 update lane l set state = 'retry', attempts = 0, next_at = clock_timestamp()
                 from chosen c where l.id = c.id
                 returning l.id, l.grp, l.topic, l.key, l.off, l.error_class
             )
             insert into operation (actor, action, detail)
             select $6, 'redrive', jsonb_build_object('letter', r.id, 'group', r.grp, 'topic', t.name, 'key', r.key,
                                                      'offset', r.off, 'class', r.error_class)
             from redriven r join topic t on t.id = r.topic",
        )
        .bind(ids)
        .bind(&filter.group)
        .bind(&filter.event_type)
        .bind(&filter.error_class)
        .bind(&filter.key)
        .bind(actor)
        .execute(tx.conn())
        .await?
        .rows_affected();
        tx.commit().await?;
        self.repaired();
        Ok(redriven)
    }

    /// Gives an event up for its group; what waits behind it goes on. `false` when
    /// there is no such dead letter.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn discard(&self, id: i64, actor: &str, reason: &str) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let lane: Option<(String, i16, String)> = sqlx::query_as(
            "select grp, topic, key from lane where id = $1 and state <> 'discarded'",
        )
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
        let Some((group, topic, key)) = lane else {
            return Ok(false);
        };
        // The lane's lock, which also the consumer and the retrier take first.
        sqlx::query("select from parked where grp = $1 and topic = $2 and key = $3 for update")
            .bind(&group)
            .bind(topic)
            .bind(&key)
            .execute(tx.conn())
            .await?;
        let discarded = sqlx::query(
            "with discarded as (
                 update lane set state = 'discarded' where id = $1 and state <> 'discarded'
                 returning grp, topic, key, off, attempts, error_class
             )
             insert into operation (actor, action, reason, detail)
             select $2, 'discard', $3, jsonb_build_object('letter', $1, 'group', d.grp, 'topic', t.name, 'key', d.key,
                                                          'offset', d.off, 'attempts', d.attempts, 'class', d.error_class)
             from discarded d join topic t on t.id = d.topic",
        )
        .bind(id)
        .bind(actor)
        .bind(reason)
        .execute(tx.conn())
        .await?
        .rows_affected();
        // Between the look and the lock it may have been applied after all.
        if discarded == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        sqlx::query("select events.promote_lane($1, $2, $3)")
            .bind(&group)
            .bind(topic)
            .bind(&key)
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
        self.repaired();
        Ok(true)
    }
}

fn letter(row: &PgRow) -> Result<DeadLetter, Error> {
    let event_type: String = row.try_get("type")?;
    let data: Option<Vec<u8>> = row.try_get("data")?;
    let trace: Option<String> = row.try_get("trace")?;
    Ok(DeadLetter {
        id: row.try_get("id")?,
        group: row.try_get("grp")?,
        topic: row.try_get("name")?,
        key: row.try_get("key")?,
        offset: row.try_get("off")?,
        payload: data.and_then(|data| galen_contracts::registry::to_json(&event_type, &data)),
        event_type,
        state: row.try_get("state")?,
        attempts: row.try_get("attempts")?,
        error_class: row.try_get("error_class")?,
        error: row.try_get("error")?,
        first_at: instant(row, "first_at")?,
        next_at: instant(row, "next_at")?,
        blocked_behind: row.try_get("behind")?,
        trace_id: trace
            .as_deref()
            .and_then(TraceContext::parse)
            .map(|t| t.trace_id_hex()),
    })
}

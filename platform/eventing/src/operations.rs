//! What an operator sees and does: lag, dead letters, processes, projections.

use std::sync::Arc;

use galen_kernel::{Timestamp, TraceContext};
use galen_storage::{Db, Error, Ts};
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::Status;

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

/// An instance of a process manager.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessView {
    /// Process id.
    pub id: Uuid,
    /// Kind.
    pub kind: String,
    /// The aggregate it is about.
    pub business_key: String,
    /// Where it stands.
    pub status: String,
    /// The step it waits in.
    pub step: String,
    /// When the whole must have ended.
    pub deadline: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
}

/// A step in the history of a process.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessStep {
    /// Its number, from 1.
    pub number: i32,
    /// What moved the instance.
    pub trigger: String,
    /// Where it then stood.
    pub status: String,
    /// The step it then waited in.
    pub step: String,
    /// When.
    pub at: Timestamp,
}

/// A timer whose handler fails; it is tried again and again.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailingTimer {
    /// Whose.
    pub service: String,
    /// What it is for.
    pub kind: String,
    /// Whom it is for.
    pub key: String,
    /// When it was to fire.
    pub fire_at: Timestamp,
    /// When it is tried next.
    pub next_at: Timestamp,
    /// Tries that failed.
    pub attempts: i32,
    /// The last error with its causes.
    pub error: Option<String>,
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

    /// Process instances by id, newest first, of a status or all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn processes(
        &self,
        status: Option<&str>,
        before: Option<Uuid>,
        limit: u16,
    ) -> Result<Vec<ProcessView>, Error> {
        let rows = sqlx::query(
            "select id, kind, business_key, status, step, deadline, updated_at from process
             where ($1::text is null or status = $1) and ($2::uuid is null or id < $2)
             order by id desc limit $3",
        )
        .bind(status)
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(self.db.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ProcessView {
                    id: row.try_get("id")?,
                    kind: row.try_get("kind")?,
                    business_key: row.try_get("business_key")?,
                    status: row.try_get("status")?,
                    step: row.try_get("step")?,
                    deadline: instant(row, "deadline")?,
                    updated_at: instant(row, "updated_at")?,
                })
            })
            .collect()
    }

    /// How an instance got where it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn process_history(&self, id: Uuid) -> Result<Vec<ProcessStep>, Error> {
        let rows = sqlx::query(
            "select n, trigger, status, step, at from process_step where process = $1 order by n",
        )
        .bind(id)
        .fetch_all(self.db.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ProcessStep {
                    number: row.try_get("n")?,
                    trigger: row.try_get("trigger")?,
                    status: row.try_get("status")?,
                    step: row.try_get("step")?,
                    at: instant(row, "at")?,
                })
            })
            .collect()
    }

    /// Lets an instance that has not ended decide once more, as at its deadline.
    /// `false` when there is none such.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_process(&self, id: Uuid, actor: &str, reason: &str) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let now = crate::log::ts(tx.clock().now());
        let set = sqlx::query(
            "insert into timer (service, kind, key, fire_at, next_at, payload, headers)
             select service, kind, id::text, $2, $2, '{\"deadline\": true}', '{}' from process
             where id = $1 and status not in ('COMPLETED', 'REJECTED', 'COMPENSATED')
             on conflict (service, kind, key) do update set next_at = excluded.next_at, attempts = 0",
        )
        .bind(id)
        .bind(now)
        .execute(tx.conn())
        .await?
        .rows_affected();
        if set == 0 {
            return Ok(false);
        }
        note(
            &mut tx,
            actor,
            "retry-process",
            reason,
            json!({ "process": id }),
        )
        .await?;
        tx.timer_set(now.to_jiff());
        tx.commit().await?;
        Ok(true)
    }

    /// Declares an instance ended, after a person has dealt with it. `false` when it is
    /// unknown or has ended already.
    ///
    /// # Errors
    /// When the database fails; [`Error::Inconsistent`] when `status` is not an end.
    pub async fn end_process(
        &self,
        id: Uuid,
        status: Status,
        actor: &str,
        reason: &str,
    ) -> Result<bool, Error> {
        if !status.has_ended() {
            return Err(Error::Inconsistent {
                column: "events.process.status",
            });
        }
        let mut tx = self.db.begin().await?;
        let ended = sqlx::query(
            "with ended as (
                 update process set status = $2, version = version + 1, updated_at = clock_timestamp()
                 where id = $1 and status not in ('COMPLETED', 'REJECTED', 'COMPENSATED')
                 returning id, service, kind, version, status, step
             ), silenced as (
                 delete from timer t using ended e
                 where t.service = e.service and t.kind = e.kind and starts_with(t.key, e.id::text)
             )
             insert into process_step (process, n, trigger, status, step)
             select id, version, 'Operator', status, step from ended",
        )
        .bind(id)
        .bind(status.name())
        .execute(tx.conn())
        .await?
        .rows_affected();
        if ended == 0 {
            return Ok(false);
        }
        note(
            &mut tx,
            actor,
            "end-process",
            reason,
            json!({ "process": id, "status": status.name() }),
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Timers whose handler fails, the longest waiting first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn failing_timers(&self, limit: u16) -> Result<Vec<FailingTimer>, Error> {
        let rows = sqlx::query(
            "select service, kind, key, fire_at, next_at, attempts, error from timer
             where error_class is not null order by fire_at, service, kind, key limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.db.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(FailingTimer {
                    service: row.try_get("service")?,
                    kind: row.try_get("kind")?,
                    key: row.try_get("key")?,
                    fire_at: instant(row, "fire_at")?,
                    next_at: instant(row, "next_at")?,
                    attempts: row.try_get("attempts")?,
                    error: row.try_get("error")?,
                })
            })
            .collect()
    }
}

fn instant(row: &PgRow, column: &str) -> Result<Timestamp, Error> {
    Ok(row.try_get::<Ts, _>(column)?.to_jiff())
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

/// Writes down what an operator did.
async fn note(
    tx: &mut galen_storage::Tx,
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

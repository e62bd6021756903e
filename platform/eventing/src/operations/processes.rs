//! Process instances and failing timers, and what operators do with them.

use galen_kernel::Timestamp;
use galen_storage::Error;
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use uuid::Uuid;

use super::{Operations, instant, note};
use crate::Status;
use crate::log::ts;

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
        let now = ts(tx.clock().now());
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

//! What an operator sees and does: lag, dead letters, processes, projections.

use galen_kernel::Timestamp;
use galen_storage::{Db, Error};
use serde::Serialize;

/// Reads and repairs the backbone, for `/ops` and the command line alike. Every
/// change is written to `events.operation` with who and why.
#[derive(Clone)]
pub struct Operations {
    db: Db,
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
    pub id: uuid::Uuid,
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

impl Operations {
    /// `db` logs in as the owner of the `events` schema.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Lag of every subscription.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lag(&self) -> Result<Vec<Lag>, Error> {
        let _ = &self.db;
        todo!()
    }

    /// Committed events that have no offset yet: count and age in milliseconds.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unsequenced(&self) -> Result<(i64, i64), Error> {
        todo!()
    }

    /// Dead letters by id, oldest first, after `cursor`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        after: i64,
        limit: u16,
    ) -> Result<Vec<DeadLetter>, Error> {
        let _ = (filter, after, limit);
        todo!()
    }

    /// One dead letter with its payload.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>, Error> {
        let _ = id;
        todo!()
    }

    /// Tries matching dead letters again, in order; returns how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn redrive(
        &self,
        filter: &DeadLetterFilter,
        ids: Option<&[i64]>,
        actor: &str,
    ) -> Result<u64, Error> {
        let _ = (filter, ids, actor);
        todo!()
    }

    /// Gives an event up for its group; what waits behind it goes on. `false` when
    /// there is no such dead letter.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn discard(&self, id: i64, actor: &str, reason: &str) -> Result<bool, Error> {
        let _ = (id, actor, reason);
        todo!()
    }

    /// Process instances by id, newest first, of a status or all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn processes(
        &self,
        status: Option<&str>,
        before: Option<uuid::Uuid>,
        limit: u16,
    ) -> Result<Vec<ProcessView>, Error> {
        let _ = (status, before, limit);
        todo!()
    }
}

//! Commands that somebody else commits: one transaction for many of them.
//!
//! Whoever collects commands ([`Cx::deferred`](crate::Cx::deferred)) asks [`settled`]
//! which of their keys were used before, does what the others want, [`record`]s their
//! answers and their entries in the audit log in the same transaction, and after the
//! commit [`Recorded::keep`]s them. A refused command leaves nothing behind, as ever.
//!
//! Keys are not locked: a batch must not wait for one caller. The primary key of the
//! table is what keeps two commands with one key apart, and whoever comes second fails
//! with [`KEY_TAKEN`], looks again, and finds the answer.

use std::sync::Arc;

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, Ts};
use galen_vault::Sealed;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Claim, IdempotencyKey, reused, stored};
use crate::audit::{Entry, Note};
use crate::outcome::{Answer, Halt};

/// The constraint that a second answer under one key violates.
pub const KEY_TAKEN: &str = "idempotency_pkey";

/// A command without a transaction of its own: its idempotency key, and what the audit
/// log is to hold of it.
pub struct Deferred {
    claim: Option<Claim>,
    note: Arc<Note>,
    /// The command's; whoever commits it has another one or none.
    trace: Option<String>,
}

/// Answers and entries that are in a transaction.
#[must_use = "commands are recorded when the transaction has committed"]
#[derive(Default)]
pub struct Recorded(Vec<(Arc<Note>, Entry)>);

/// Why commands are not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The database failed, or one of the keys was taken meanwhile: [`KEY_TAKEN`].
    #[error(transparent)]
    Storage(#[from] Error),
    /// An answer cannot be sealed.
    #[error("an answer cannot be stored")]
    Answer(#[from] galen_kernel::Problem),
}

impl From<sqlx::Error> for RecordError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl Deferred {
    pub(crate) fn new(claim: Option<Claim>, note: Arc<Note>) -> Self {
        Self {
            claim,
            note,
            trace: galen_telemetry::current().map(|trace| trace.trace_id_hex()),
        }
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> Option<&IdempotencyKey> {
        self.claim.as_ref().map(|claim| &claim.key)
    }

    /// What becomes of it when another command with its key was done in the same
    /// transaction: that one's answer again, or a refusal when it is another request.
    #[must_use]
    pub fn repeats(&self, other: &Self, answer: &Answer) -> Option<Halt> {
        let (own, other) = (self.key()?, other.key()?);
        if (&own.caller, &own.key) != (&other.caller, &other.key) {
            return None;
        }
        Some(if own.fingerprint == other.fingerprint {
            Halt::Replay(Box::new(answer.clone()))
        } else {
            reused().into()
        })
    }
}

/// Which of these commands go on (`Ok`), and what the others are answered: their keys
/// were used before, or the vault that would seal their answers does not open.
///
/// # Errors
/// When the database fails.
pub async fn settled(
    connection: &mut PgConnection,
    service: &'static str,
    commands: &[&Deferred],
    now: Timestamp,
) -> Result<Vec<Result<(), Halt>>, Error> {
    let mut found: Vec<Result<(), Halt>> = commands.iter().map(|_| Ok(())).collect();
    let claims: Vec<(usize, &Claim)> = commands
        .iter()
        .enumerate()
        .filter_map(|(place, command)| Some((place, command.claim.as_ref()?)))
        .collect();
    if claims.is_empty() {
        return Ok(found);
    }
    let (callers, keys): (Vec<_>, Vec<_>) = claims
        .iter()
        .map(|(_, claim)| (claim.key.caller.as_str(), claim.key.key.as_str()))
        .unzip();
    let rows = sqlx::query(
        "select c.n, i.status, i.subject, i.answer, i.fingerprint, i.headers, i.body
         from unnest($1::text[], $2::text[]) with ordinality c (caller, key, n)
         join idempotency i on i.caller = c.caller and i.key = c.key",
    )
    .bind(callers)
    .bind(keys)
    .fetch_all(&mut *connection)
    .await?;
    for row in &rows {
        let n: i64 = row.col("n")?;
        let (place, claim) = usize::try_from(n)
            .ok()
            .and_then(|n| claims.get(n.checked_sub(1)?))
            .ok_or(Error::Inconsistent { column: "n" })?;
        let row = stored::Row::read(row)?;
        let settled = row.settles(&claim.key, &claim.vault, service, connection);
        found[*place] = Err(settled.await.unwrap_or_else(Into::into));
    }
    for (place, claim) in claims {
        if found[place].is_ok()
            && let Err(problem) = stored::ready(connection, &claim.vault, now).await
        {
            found[place] = Err(problem.into());
        }
    }
    Ok(found)
}

/// Stores the answers of commands under their keys, and writes their entries into the
/// audit log: both in the transaction of this connection, with one statement each.
///
/// # Errors
/// [`RecordError`]; the transaction is not to be committed then.
pub async fn record(
    connection: &mut PgConnection,
    service: &'static str,
    done: &[(&Deferred, &Answer)],
    now: Timestamp,
) -> Result<Recorded, RecordError> {
    let mut rows = Rows::default();
    let mut recorded = Vec::with_capacity(done.len());
    for (command, answer) in done {
        if let Some(Claim { key, vault }) = &command.claim {
            let (subject, answer_) =
                stored::seal(connection, vault, service, key, answer, now).await?;
            rows.callers.push(&key.caller);
            rows.keys.push(&key.key);
            rows.ids.push(stored::row_id(key));
            rows.subjects.push(subject);
            rows.statuses.push(answer.status.as_u16().cast_signed());
            rows.answers.push(answer_);
        }
        let mut entry = command.note.of_command(answer);
        entry.trace_id.clone_from(&command.trace);
        recorded.push((Arc::clone(&command.note), entry));
    }
    if !rows.keys.is_empty() {
        sqlx::query(
            "insert into idempotency (caller, key, id, subject, status, answer, created_at)
             select c.*, $7 from unnest($1::text[], $2::text[], $3::uuid[], $4::uuid[], $5::smallint[], $6::bytea[]) c",
        )
        .bind(rows.callers)
        .bind(rows.keys)
        .bind(rows.ids)
        .bind(rows.subjects)
        .bind(rows.statuses)
        .bind(rows.answers)
        .bind(Ts::from(now))
        .execute(&mut *connection)
        .await?;
    }
    let entries: Vec<&Entry> = recorded
        .iter()
        .filter(|(note, _)| note.recorder().is_log())
        .map(|(_, entry)| entry)
        .collect();
    if !entries.is_empty() {
        sqlx::query("select audit.record($1)")
            .bind(sqlx::types::Json(entries))
            .execute(connection)
            .await?;
    }
    Ok(Recorded(recorded))
}

#[derive(Default)]
struct Rows<'a> {
    callers: Vec<&'a str>,
    keys: Vec<&'a str>,
    ids: Vec<Uuid>,
    subjects: Vec<Uuid>,
    statuses: Vec<i16>,
    answers: Vec<Sealed<stored::Stored>>,
}

impl Recorded {
    /// The transaction has committed: nothing more is written down of these commands.
    pub fn keep(self) {
        for (note, entry) in self.0 {
            note.recorder().keep(entry);
            note.is_recorded();
        }
    }
}

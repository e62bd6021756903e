//! The transaction of a command, with its idempotency key.

pub mod deferred;
mod stored;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use galen_kernel::{Problem, Timestamp};
use galen_storage::{Db, Error, Migration, Ts, Tx};
use galen_vault::Vault;
use sqlx::PgConnection;

use crate::audit::Note;
use crate::outcome::{Answer, Halt, Outcome};

pub use deferred::Deferred;
pub(crate) use stored::sealed_answers;
pub use stored::{SEALED_ANSWERS, erase_days};

/// How long a key is remembered.
pub const KEY_LIFETIME: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// SQLSTATE of a wait for a lock that took too long.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// An `Idempotency-Key` of a caller, with the fingerprint of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The user, or the address of an anonymous caller.
    pub caller: String,
    /// As given.
    pub key: String,
    /// SHA-256 over method, path, query, content type and body.
    pub fingerprint: [u8; 32],
}

/// The table behind the keys; the host adds it to every service's schema.
///
/// A key is claimed by an advisory lock that lives as long as the transaction, so
/// that a second request with the same key waits for the first and then sees its
/// answer. Both happen in one function, which in READ COMMITTED reads with a fresh
/// snapshot after the lock, in one round trip. Looking without claiming waits as
/// well, but shortly: a transaction that was given up is undone a moment later.
pub const IDEMPOTENCY: Migration = Migration {
    name: "0000_idempotency",
    sql: "
create table idempotency (
    caller text not null,
    key text not null check (length(key) between 1 and 255),
    fingerprint bytea not null check (length(fingerprint) = 32),
    status smallint not null,
    headers jsonb not null,
    body bytea not null,
    created_at timestamptz not null,
    primary key (caller, key)
);
create index on idempotency (created_at);

create function idempotency_lock_id(caller text, key text) returns bigint
language sql stable as $$
    select hashtextextended(current_schema() || '/' || caller || '/' || key, 0)
$$;

create function claim_idempotency_key(caller_ text, key_ text) returns setof idempotency
language plpgsql volatile set lock_timeout = '5s' as $$
begin
    perform pg_advisory_xact_lock(idempotency_lock_id(caller_, key_));
    return query select * from idempotency i where i.caller = caller_ and i.key = key_;
end
$$;

create function look_up_idempotency_key(caller_ text, key_ text) returns setof idempotency
language plpgsql volatile set lock_timeout = '250ms' as $$
begin
    perform pg_advisory_xact_lock_shared(idempotency_lock_id(caller_, key_));
    return query select * from idempotency i where i.caller = caller_ and i.key = key_;
end
$$;
",
};

/// A key with what its answer is sealed and opened by.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) key: IdempotencyKey,
    pub(crate) vault: Vault,
}

/// The transaction of one command. Derefs to [`Tx`], so it publishes and runs SQL.
/// Dropping it undoes everything, the claim of the key included.
pub struct Command {
    tx: Tx,
    claim: Option<Claim>,
    note: Arc<Note>,
}

impl Command {
    /// Starts a transaction and claims the key in it.
    pub(crate) async fn begin(
        db: &Db,
        claim: Option<Claim>,
        note: Arc<Note>,
    ) -> Result<Self, Halt> {
        let mut tx = db.begin().await?;
        if let Some(claim) = &claim {
            let sql = "select status, subject, answer, fingerprint, headers, body
                       from claim_idempotency_key($1, $2)";
            claim.unless_settled(sql, db.service(), tx.conn()).await?;
        }
        Ok(Self { tx, claim, note })
    }

    /// Stores the answer under the key, writes the command's entry into the audit
    /// log, commits, and gives the answer back.
    ///
    /// # Errors
    /// When the commit fails; the outcome of a lost connection is unknown, and the
    /// same key finds it out.
    pub async fn commit(mut self, answer: Answer) -> Outcome {
        if let Some(Claim { key, vault }) = &self.claim {
            let (now, service) = (self.tx.clock().now(), self.tx.service());
            stored::store(self.tx.conn(), vault, service, key, &answer, now).await?;
        }
        let entry = self.note.of_command(&answer);
        self.note.recorder().add(&mut self.tx, &entry)?;
        self.tx.commit().await?;
        self.note.recorder().keep(entry);
        self.note.is_recorded();
        Ok(answer)
    }
}

/// Says what is known of a key, without claiming it.
pub(crate) async fn look_up(db: &Db, claim: &Claim) -> Result<(), Halt> {
    let sql = "select status, subject, answer, fingerprint, headers, body
               from look_up_idempotency_key($1, $2)";
    let mut connection = db.pool().acquire().await.map_err(Error::from)?;
    claim
        .unless_settled(sql, db.service(), &mut connection)
        .await
}

/// Forgets the keys of answers given before an instant; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn forget_keys(db: &Db, before: Timestamp) -> Result<u64, Error> {
    const BATCH: u64 = 5_000;
    let mut forgotten = 0;
    loop {
        let batch = sqlx::query(
            "delete from idempotency where (caller, key) in
                (select caller, key from idempotency where created_at < $1 order by created_at limit $2)",
        )
        .bind(Ts::from(before))
        .bind(BATCH.cast_signed())
        .execute(db.pool())
        .await?
        .rows_affected();
        forgotten += batch;
        if batch < BATCH {
            return Ok(forgotten);
        }
    }
}

impl Claim {
    /// Goes on unless the key was used before, or the first request still runs.
    async fn unless_settled(
        &self,
        sql: &'static str,
        service: &'static str,
        connection: &mut PgConnection,
    ) -> Result<(), Halt> {
        let stored = sqlx::query(sql)
            .bind(&self.key.caller)
            .bind(&self.key.key)
            .fetch_optional(&mut *connection)
            .await;
        match stored.map_err(Error::from) {
            Ok(None) => Ok(()),
            Ok(Some(row)) => {
                let row = stored::Row::read(&row)?;
                let settled = row.settles(&self.key, &self.vault, service, connection);
                Err(settled.await?)
            }
            Err(error) if error.sqlstate().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
                Err(in_progress().into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn in_progress() -> Problem {
    Problem::conflict(
        "REQUEST_IN_PROGRESS",
        "The first request with this idempotency key is still running.",
    )
    .retry_after(1)
}

fn reused() -> Problem {
    Problem::new(
        422,
        "IDEMPOTENCY_KEY_REUSED",
        "The idempotency key was used for another request.",
    )
}

impl Deref for Command {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl DerefMut for Command {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}

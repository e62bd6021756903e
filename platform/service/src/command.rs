//! The transaction of a command, with its idempotency key.

use std::ops::{Deref, DerefMut};

use galen_storage::{Migration, Tx};

use crate::outcome::{Answer, Outcome};

/// An `Idempotency-Key` of a caller, with the fingerprint of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The user, or the address of an anonymous caller.
    pub caller: String,
    /// As given.
    pub key: String,
    /// SHA-256 over method, path, query and body.
    pub fingerprint: [u8; 32],
}

/// The table behind the keys; the host adds it to every service's schema.
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
",
};

/// The transaction of one command. Derefs to [`Tx`], so it publishes and runs SQL.
/// Dropping it undoes everything, the claim of the key included.
pub struct Command {
    tx: Tx,
    claim: Option<IdempotencyKey>,
}

impl Command {
    pub(crate) const fn new(tx: Tx, claim: Option<IdempotencyKey>) -> Self {
        Self { tx, claim }
    }

    /// Stores the answer under the key, commits, and gives the answer back.
    ///
    /// # Errors
    /// When the commit fails; the outcome of a lost connection is unknown, and the
    /// same key finds it out.
    pub async fn commit(self, answer: Answer) -> Outcome {
        let _ = (&self.claim, answer);
        todo!()
    }
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

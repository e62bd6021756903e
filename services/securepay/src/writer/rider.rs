//! Riders: rows that commit together with the postings they are about.

use galen_service::{Answer, Deferred};
use galen_storage::Error;
use sqlx::PgConnection;

use crate::ledger::Posting;
use crate::payment;

/// Makes the answer to a command that was done, from its postings in the order of the
/// requests. Called again when the command has to be decided again.
pub type Answering = Box<dyn Fn(&[Posting]) -> Answer + Send + Sync>;

/// What a command stores together with its group, or not at all.
pub struct Rider {
    /// Its idempotency key and its entry in the audit log: `cx.deferred()?`.
    pub deferred: Deferred,
    /// What else there is to store of it.
    pub facts: Vec<Fact>,
    /// What it is answered when it is done.
    pub answer: Answering,
}

/// A row of another table that exists if and only if its postings do.
#[derive(Debug, Clone)]
pub enum Fact {
    /// A payment began.
    Payment(payment::Payment),
}

/// Stores the facts of a batch: one statement for each kind.
pub(super) async fn store(connection: &mut PgConnection, facts: &[&Fact]) -> Result<(), Error> {
    let mut payments = Vec::new();
    for fact in facts {
        match fact {
            Fact::Payment(payment) => payments.push(payment),
        }
    }
    payment::store::insert(connection, &payments).await
}

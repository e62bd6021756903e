//! Riders: rows that commit together with the postings they are about.

use galen_service::{Answer, Deferred};
use galen_storage::Error;
use sqlx::PgConnection;

use crate::ledger::Posting;
use crate::payment;
use crate::provider::order::store::{self as orders, NewOrder};

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
    /// A payment provider is to move money.
    Order(NewOrder),
}

/// Stores the facts of a batch: one statement for each kind.
pub(super) async fn store(connection: &mut PgConnection, facts: &[&Fact]) -> Result<(), Error> {
    let (mut payments, mut placed) = (Vec::new(), Vec::new());
    for fact in facts {
        match fact {
            Fact::Payment(payment) => payments.push(payment),
            Fact::Order(order) => placed.push(order),
        }
    }
    payment::store::insert(connection, &payments).await?;
    orders::insert(connection, &placed).await
}

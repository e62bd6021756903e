//! The hospital's entries into the ledger.
//!
//! Billing says what is to move in the transaction that changes why; a job carries it to
//! SecurePay afterwards, in order, as often as it takes. The ids of the transfers are
//! made when the order is entered, so that none is posted twice. What the ledger refuses
//! stays an order that is not posted: it is asked again, logged, and found by
//! `galen verify`.

pub mod model;
pub mod post;
mod store;

use std::sync::Arc;
use std::time::Duration;

use galen_service::Job;
use galen_storage::{Error, Tx};
use uuid::Uuid;

pub use model::{AccountKind, AccountRef, Entry};
pub use post::{account, post};

use crate::Billing;

/// How often it is looked whether something is to be posted, beside being woken.
const TICK: Duration = Duration::from_secs(5);

/// Enters an order: all of its entries are posted together, after the transaction. The
/// same order entered again changes nothing, and one without entries is none.
///
/// # Errors
/// When the database fails, or an entry is not possible.
pub async fn enter(tx: &mut Tx, id: Uuid, entries: &[Entry]) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    store::enter(tx, id, entries).await
}

/// Its work.
pub(crate) fn jobs(billing: &Arc<Billing>) -> Vec<Job> {
    let posting = Arc::clone(billing);
    let job = Job::new("billing.journal", TICK, move || {
        let billing = Arc::clone(&posting);
        async move { post(&billing).await }
    });
    vec![job.woken_by(Arc::clone(&billing.bell))]
}

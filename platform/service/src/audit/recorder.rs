//! Writes entries down.

use std::sync::{Arc, Mutex, PoisonError};

use galen_kernel::Problem;
use galen_storage::{Db, Error, Tx};
use sqlx::PgExecutor;
use tokio::sync::{mpsc, oneshot};

use super::Entry;

/// Most entries of one statement.
const BATCH: usize = 256;
/// Entries that may wait; when more do, the database does not keep up.
const WAITING: usize = 4096;

/// Where the entries of a service go. Cheap to clone.
#[derive(Clone)]
pub struct Recorder(Place);

#[derive(Clone)]
enum Place {
    /// The log, through the service's own role.
    Log(mpsc::Sender<Waiting>),
    /// A list, for tests on databases without the log.
    Memory(Arc<Mutex<Vec<Entry>>>),
}

/// An entry, and who waits until it is durable.
struct Waiting {
    entry: Entry,
    done: oneshot::Sender<Result<(), Arc<Error>>>,
}

impl Recorder {
    /// Writes to the log in the name of a service. Its work ends with the last
    /// clone of it.
    #[must_use]
    pub fn to_log(db: Db) -> Self {
        let (waiting, queue) = mpsc::channel(WAITING);
        tokio::spawn(write(db, queue));
        Self(Place::Log(waiting))
    }

    /// Keeps entries in memory, for [`Recorder::kept`].
    #[must_use]
    pub fn in_memory() -> Self {
        Self(Place::Memory(Arc::default()))
    }

    /// What was recorded in memory so far.
    #[must_use]
    pub fn kept(&self) -> Vec<Entry> {
        match &self.0 {
            Place::Log(_) => Vec::new(),
            Place::Memory(entries) => entries
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    /// Makes an entry durable, together with those of everybody else who waits.
    ///
    /// # Errors
    /// 503 when it cannot be written down.
    pub async fn record(&self, entry: Entry) -> Result<(), Problem> {
        let waiting = match &self.0 {
            Place::Log(waiting) => waiting,
            Place::Memory(_) => {
                self.keep(entry);
                return Ok(());
            }
        };
        let (done, written) = oneshot::channel();
        waiting
            .try_send(Waiting { entry, done })
            .map_err(|_| unwritten("too many entries wait"))?;
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(unwritten(error)),
            Err(_) => Err(unwritten("the writer has ended")),
        }
    }

    /// Whether entries go to the log.
    pub(crate) const fn is_log(&self) -> bool {
        matches!(self.0, Place::Log(_))
    }

    /// Adds the entry of a command to its transaction.
    pub(crate) fn add(&self, tx: &mut Tx, entry: &Entry) -> Result<(), Problem> {
        if let Place::Log(_) = &self.0 {
            tx.audit(serde_json::to_value([entry]).map_err(unwritten)?);
        }
        Ok(())
    }

    /// The command has committed.
    pub(crate) fn keep(&self, entry: Entry) {
        if let Place::Memory(entries) = &self.0 {
            entries
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(entry);
        }
    }
}

/// Writes what waits, all at once; meanwhile more begins to wait. Nobody waits for
/// a clock.
async fn write(db: Db, mut queue: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let (entries, waiting): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|w| (w.entry, w.done)).unzip();
        let written = insert(db.pool(), &entries).await.map_err(Arc::new);
        metrics::histogram!("galen_audit_batch_entries", "service" => db.service())
            .record(u32::try_from(entries.len()).map_or(f64::MAX, f64::from));
        for done in waiting {
            // Whoever no longer waits gets no answer either.
            let _ = done.send(written.clone());
        }
    }
}

async fn insert(executor: impl PgExecutor<'_>, entries: &[Entry]) -> Result<(), Error> {
    sqlx::query("select audit.record($1)")
        .bind(sqlx::types::Json(entries))
        .execute(executor)
        .await?;
    Ok(())
}

/// What cannot be written down is not done, and not shown.
fn unwritten(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Problem {
    Problem::unavailable(cause)
}

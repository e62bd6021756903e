//! The writer: the one place where the ledger changes.
//!
//! All requests of a shard go through one task, which takes whatever waits, decides it
//! on a [`Book`](crate::ledger::Book) in memory, and stores the whole batch with one
//! statement: one commit for many callers, and one update of an account however many
//! postings name it. Nobody waits for a timer: while one batch is being stored, the
//! next one gathers.
//!
//! **One writer.** It holds an advisory lock for as long as its connection lives, and
//! with it an *epoch*: whoever takes over raises the epoch first, so that a statement of
//! the predecessor that is still on its way finds another epoch and fails. [`Mode::Shared`]
//! is for several processes without forwarding between them: each batch locks the head
//! and begins with what the database says.
//!
//! **Unknown outcomes.** When a statement fails, or its answer is lost, the writer throws
//! its book away, takes a new epoch, after which nothing of the old one can commit, and
//! decides what it has not answered again. What did commit is found by its id and
//! answered as it was. Nothing is answered before it is committed.

mod run;
mod store;
mod verify;

pub use verify::verify;

use std::time::Duration;

use galen_storage::Db;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::ledger::Group;
use crate::ledger::book::Answer;

/// Groups that may wait for the writer.
const WAITING: usize = 8_192;
/// How long a caller waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which part of the ledger a writer decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard(pub i16);

/// Whether there may be several writers of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// This one alone, as long as it lives; others wait until it does not.
    Exclusive,
    /// Side by side with others, one batch at a time.
    Shared,
}

/// A group on its way to the writer.
struct Submission {
    group: Group,
    answer: oneshot::Sender<Vec<Answer>>,
}

/// There is no answer. Whether it was done is unknown: asking again with the same ids
/// finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// Too many wait already; certainly not done.
    #[error("too many requests wait for the ledger")]
    Busy,
    /// The writer did not answer in time.
    #[error("the ledger did not answer in time")]
    Late,
}

/// The way to the writer of a shard. Cheap to clone; the writer ends when it is told to,
/// or with the last clone.
#[derive(Clone)]
pub struct Ledger {
    queue: mpsc::Sender<Submission>,
}

impl Ledger {
    /// Starts the writer of a shard.
    #[must_use]
    pub fn start(db: &Db, shard: Shard, mode: Mode, stopping: CancellationToken) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        tokio::spawn(run::Writer::new(db, shard, mode).run(waiting, stopping));
        Self { queue }
    }

    /// Has a group decided and stored. The answers are in the order of its requests.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn submit(&self, group: Group) -> Result<Vec<Answer>, Unanswered> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Submission { group, answer })
            .map_err(|_| Unanswered::Busy)?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answers)) => Ok(answers),
            Ok(Err(_)) | Err(_) => Err(Unanswered::Late),
        }
    }
}

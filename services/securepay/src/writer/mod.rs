//! The writer: the one place where the ledger changes.
//!
//! All requests of a shard go through one task, which takes whatever waits, decides it
//! on a [`Book`](crate::ledger::Book) in memory, and stores the whole batch with one
//! statement: one commit for many callers, and one update of an account however many
//! postings name it. Nobody waits for a timer: while one batch is being stored, the
//! next one grows, decided and all.
//!
//! **Riders.** A command brings along what belongs to its postings ([`Ledger::carry`]):
//! a payment, the answer under its idempotency key, its entry in the audit log. A batch
//! with riders is a transaction of few statements, each for all of them. What cannot be
//! stored fails alone: the rest of its batch is decided again without it.
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

mod batch;
mod bell;
mod flow;
mod reign;
mod rider;
mod run;
mod standing;
mod store;
mod submission;
mod verify;

pub use rider::{Answering, Fact, Rider};
pub use standing::set_standing;
pub use submission::Told;
pub use verify::verify;

use std::sync::Arc;
use std::time::Duration;

use galen_kernel::Problem;
use galen_service::Outcome;
use galen_storage::Db;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::ledger::book::Answer;
use crate::ledger::{Group, Stamp};
use bell::Bells;
use submission::{Asker, Submission};

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

impl From<Unanswered> for Problem {
    fn from(unanswered: Unanswered) -> Self {
        Self::unavailable(unanswered)
    }
}

/// The way to the writer of a shard. Cheap to clone; the writer ends when it is told to,
/// or with the last clone.
#[derive(Clone)]
pub struct Ledger {
    queue: mpsc::Sender<Submission>,
    bells: Arc<Bells>,
}

impl Ledger {
    /// Starts the writer of a shard. It ends at once when `stopping` is cancelled: that
    /// is to be after the last request.
    #[must_use]
    pub fn start(db: &Db, shard: Shard, mode: Mode, stopping: CancellationToken) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let bells = Arc::default();
        let writer = run::Writer::new(db, shard, mode, Arc::clone(&bells));
        tokio::spawn(writer.run(waiting, stopping));
        Self { queue, bells }
    }

    /// Has a group decided and stored. The answers are in the order of its requests.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn submit(&self, group: Group) -> Result<Vec<Answer>, Unanswered> {
        Ok(self.submit_with(group, Vec::new()).await?.answers)
    }

    /// As [`Ledger::submit`], with facts that are stored when the group is done; when it
    /// was done before, they were stored before, and it is told so.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn submit_with(&self, group: Group, facts: Vec<Fact>) -> Result<Told, Unanswered> {
        let (to, answered) = oneshot::channel();
        let asker = Asker::Service(to);
        self.send(group, facts, asker, answered).await
    }

    /// Has the group of a command decided, and stored together with what the command
    /// brings along. A refused group leaves nothing behind.
    ///
    /// # Errors
    /// The refusal, the stored answer of an earlier command with the same key, or 503
    /// when the outcome is unknown, which the same key finds out.
    pub async fn carry(&self, group: Group, rider: Rider) -> Outcome {
        let Rider {
            deferred,
            facts,
            answer,
        } = rider;
        let (to, answered) = oneshot::channel();
        let asker = Asker::Command {
            deferred,
            answer,
            to,
        };
        self.send(group, facts, asker, answered).await?
    }

    /// The stamp of the last posting that was committed by this writer; changes with
    /// each batch.
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<Option<Stamp>> {
        self.bells.subscribe()
    }

    /// A bell of one's own that rings after each batch, for a
    /// [`Job`](galen_service::Job).
    #[must_use]
    pub fn bell(&self) -> Arc<Notify> {
        self.bells.add()
    }

    async fn send<A>(
        &self,
        group: Group,
        facts: Vec<Fact>,
        asker: Asker,
        answered: oneshot::Receiver<A>,
    ) -> Result<A, Unanswered> {
        self.queue
            .try_send(Submission {
                group,
                facts,
                asker,
            })
            .map_err(|_| Unanswered::Busy)?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(Unanswered::Late),
        }
    }
}

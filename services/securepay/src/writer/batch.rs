//! One batch: what has to be known, what is decided, what is stored.

use std::collections::{HashMap, HashSet};

use galen_kernel::{Problem, Timestamp};
use galen_service::command::deferred::{self, RecordError, Recorded};
use galen_service::{Answer, Deferred, Halt};
use galen_storage::Error;
use sqlx::PgConnection;

use super::submission::{Asker, Reply, Submission, Told};
use super::{Fact, rider, store};
use crate::books;
use crate::ledger::batch::Changes;
use crate::ledger::book::Missing;
use crate::ledger::{AccountId, Batch, Book, Hold, Posting, Rejection, Stamp, book};

/// Most holds that expire in one batch.
const MOST_DUE: i64 = 1_000;

/// Why a batch is not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Storage(#[from] Error),
    #[error("an answer cannot be stored")]
    Answer(#[source] Problem),
    #[error("a batch was lost")]
    Lost(#[from] tokio::task::JoinError),
}

/// What a command is known by: who asks, and their key.
pub(super) type Key = (String, String);

/// A batch that grows until it is stored.
#[derive(Default)]
pub(super) struct Gathered {
    batch: Batch,
    decided: Vec<(Submission, Reply)>,
    /// The places of what brings something along that is to be stored.
    riding: Vec<usize>,
    /// The commands that were done, and their places.
    keys: HashMap<Key, usize>,
}

/// What became of the keys of some commands; `None`: not a command, or nobody looked
/// because it has no key.
pub(super) type Keys = Vec<Option<Result<(), Halt>>>;

impl Broken {
    /// The database knows something that the book does not: another writer, or the
    /// standing of an account.
    pub(super) fn is_stale(&self) -> bool {
        match self {
            Self::Storage(error) => matches!(error.sqlstate().as_deref(), Some("40001" | "40P01")),
            Self::Answer(_) | Self::Lost(_) => false,
        }
    }

    /// The database has refused it, so that certainly nothing was stored: a constraint,
    /// a value, a trigger.
    pub(super) fn is_refused(&self) -> bool {
        match self {
            Self::Storage(error) => error.sqlstate().is_some_and(|state| {
                ["22", "23", "42", "P0"]
                    .iter()
                    .any(|c| state.starts_with(c))
            }),
            Self::Answer(_) => true,
            Self::Lost(_) => false,
        }
    }

    pub(super) fn into_problem(self) -> Problem {
        match self {
            Self::Storage(error) => error.into(),
            Self::Answer(problem) => problem,
            Self::Lost(error) => Problem::internal(error),
        }
    }
}

impl From<sqlx::Error> for Broken {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<RecordError> for Broken {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Storage(error) => Self::Storage(error),
            RecordError::Answer(problem) => Self::Answer(problem),
        }
    }
}

/// What has to be looked up before some submissions can be decided; `since`: transfers
/// whose ids are of later instants are new.
pub(super) fn missing(book: &Book, waiting: &[Submission], since: Option<Stamp>) -> Missing {
    let mut missing = book.missing(waiting.iter().map(|submission| &submission.group));
    if let Some(since) = since {
        missing.transfers.retain(|id| !id.is_from_after(since));
    }
    missing
}

/// Which keys were used before.
pub(super) async fn keys(
    connection: &mut PgConnection,
    service: &'static str,
    waiting: &[Submission],
    now: Timestamp,
) -> Result<Keys, Error> {
    let commands: Vec<&Deferred> = waiting.iter().filter_map(Submission::command).collect();
    let found = if commands.is_empty() {
        Vec::new()
    } else {
        deferred::settled(connection, service, &commands, now).await?
    };
    let mut found = found.into_iter();
    Ok(waiting
        .iter()
        .map(|submission| submission.command().and_then(|_| found.next()))
        .collect())
}

/// Loads what the book has to know.
pub(super) async fn learn(
    connection: &mut PgConnection,
    book: &mut Book,
    missing: Missing,
) -> Result<(), Error> {
    for posting in books::postings(&mut *connection, &missing.transfers).await? {
        book.learn_posting(posting);
    }
    let holds = books::holds(&mut *connection, &missing.holds).await?;
    learn_holds(connection, book, holds, missing.accounts).await
}

/// Loads holds whose time has ended. Those in memory need no looking for.
pub(super) async fn learn_due(
    connection: &mut PgConnection,
    book: &mut Book,
    now: Stamp,
) -> Result<(), Error> {
    let holds = store::due(connection, now, MOST_DUE).await?;
    learn_holds(connection, book, holds, Vec::new()).await
}

/// Takes holds in with their accounts, and some accounts more.
async fn learn_holds(
    connection: &mut PgConnection,
    book: &mut Book,
    holds: Vec<Hold>,
    mut accounts: Vec<AccountId>,
) -> Result<(), Error> {
    for hold in holds {
        accounts.extend([hold.debit, hold.credit]);
        book.learn_hold(hold);
    }
    accounts.sort_unstable();
    accounts.dedup();
    accounts.retain(|id| book.wants(*id));
    for account in books::accounts(connection, &accounts).await? {
        book.learn_account(account);
    }
    Ok(())
}

impl Gathered {
    /// How many were decided.
    pub(super) const fn len(&self) -> usize {
        self.decided.len()
    }

    /// Whether there is nothing to store and nobody to answer.
    pub(super) const fn is_empty(&self) -> bool {
        self.decided.is_empty() && self.batch.is_empty()
    }

    /// Whether there is nothing to store but the ledger's own.
    pub(super) const fn is_plain(&self) -> bool {
        self.riding.is_empty()
    }

    /// The keys of its commands that were done.
    pub(super) fn keys(&self) -> HashSet<Key> {
        self.keys.keys().cloned().collect()
    }

    /// Decides some more, in their order.
    pub(super) fn decide(
        &mut self,
        book: &mut Book,
        waiting: Vec<Submission>,
        keys: Keys,
        now: Stamp,
    ) {
        book.expire(now, &mut self.batch);
        for (submission, key) in waiting.into_iter().zip(keys) {
            let reply = self.one(book, &submission, key, now);
            self.decided.push((submission, reply));
        }
    }

    fn one(
        &mut self,
        book: &mut Book,
        submission: &Submission,
        key: Option<Result<(), Halt>>,
        now: Stamp,
    ) -> Reply {
        // What is known of the ledger's own was done by an attempt whose end was not
        // seen, and has its answer under its key: it is not a repetition.
        let is_known = book.knows(&submission.group);
        if let Asker::Command { deferred, .. } = &submission.asker
            && !is_known
        {
            let halt = match key {
                Some(Err(halt)) => Some(halt),
                Some(Ok(())) | None => self.repeated(deferred),
            };
            if let Some(halt) = halt {
                return Reply::Command(Box::new(Err(halt)));
            }
        }
        let answers = book.decide(&submission.group, now, &mut self.batch);
        let place = self.decided.len();
        let is_done = !is_known && answers.iter().all(Result::is_ok);
        let rides = submission.command().is_some() || !submission.facts.is_empty();
        if is_done && rides {
            self.riding.push(place);
        }
        match &submission.asker {
            Asker::Service(_) => Reply::Service(Told {
                answers,
                is_repeated: is_known,
            }),
            Asker::Command {
                deferred, answer, ..
            } => {
                if is_done {
                    self.keys.extend(key_of(deferred).map(|key| (key, place)));
                }
                let outcome = match whole(&answers) {
                    Ok(postings) => Ok(answer(&postings)),
                    Err(rejection) => Err(rejection.into()),
                };
                Reply::Command(Box::new(outcome))
            }
        }
    }

    /// What a command is answered whose key was used by one before it in this batch.
    fn repeated(&self, deferred: &Deferred) -> Option<Halt> {
        let place = self.keys.get(&key_of(deferred)?)?;
        let (first, answer) = done(self.decided.get(*place)?)?;
        deferred.repeats(first, answer)
    }

    /// What is to be stored of the ledger's own: once, when nothing more is decided.
    pub(super) fn close(&mut self, book: &Book) -> Changes {
        let postings = u32::try_from(self.batch.postings().len());
        metrics::histogram!("galen_ledger_batch_postings")
            .record(postings.map_or(f64::MAX, f64::from));
        book.changes(std::mem::take(&mut self.batch))
    }

    /// Stores what the groups brought along.
    pub(super) async fn ride(
        &self,
        connection: &mut PgConnection,
        service: &'static str,
        now: Timestamp,
    ) -> Result<Recorded, Broken> {
        let riding = || self.riding.iter().map(|place| &self.decided[*place]);
        let facts: Vec<&Fact> = riding().flat_map(|(asked, _)| &asked.facts).collect();
        rider::store(connection, &facts).await?;
        let commands: Vec<(&Deferred, &Answer)> = riding().filter_map(done).collect();
        Ok(deferred::record(connection, service, &commands, now).await?)
    }

    /// It is stored: everybody is told.
    pub(super) fn answer(self) {
        for (submission, reply) in self.decided {
            submission.answer(reply);
        }
    }

    /// It is not stored: what waits still.
    pub(super) fn undecided(self) -> impl Iterator<Item = Submission> {
        self.decided.into_iter().map(|(submission, _)| submission)
    }
}

/// A command that was done, with its answer.
fn done((submission, reply): &(Submission, Reply)) -> Option<(&Deferred, &Answer)> {
    match reply {
        Reply::Command(outcome) => Some((submission.command()?, outcome.as_ref().as_ref().ok()?)),
        Reply::Service(_) => None,
    }
}

/// The key of a command.
pub(super) fn key_of(command: &Deferred) -> Option<Key> {
    let key = command.key()?;
    Some((key.caller.clone(), key.key.clone()))
}

/// The postings of a group, or why it was refused.
fn whole(answers: &[book::Answer]) -> Result<Vec<Posting>, Rejection> {
    let refused = answers.iter().find_map(|answer| match answer {
        Err(Rejection::GroupRefused(_)) | Ok(_) => None,
        Err(rejection) => Some(*rejection),
    });
    match refused {
        Some(rejection) => Err(rejection),
        None => answers.iter().copied().collect(),
    }
}

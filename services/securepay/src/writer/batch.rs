//! One batch: what has to be known, what is decided, what is stored.

use galen_kernel::{Problem, Timestamp};
use galen_service::command::deferred::{self, RecordError, Recorded};
use galen_service::{Answer, Deferred, Halt};
use galen_storage::Error;
use sqlx::PgConnection;

use super::submission::{Asker, Reply, Submission};
use super::{Fact, rider, store};
use crate::books;
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
}

/// What was decided of a batch.
pub(super) struct Decided<'a> {
    pub(super) batch: Batch,
    pub(super) replies: Vec<Reply>,
    facts: Vec<&'a Fact>,
    /// The commands that were done, and the places of their answers.
    done: Vec<(&'a Deferred, usize)>,
}

/// What became of the keys of the commands in a batch; `None`: not a command.
pub(super) type Keys = Vec<Option<Result<(), Halt>>>;

impl Broken {
    /// The database knows something that the book does not: another writer, or the
    /// standing of an account.
    pub(super) fn is_stale(&self) -> bool {
        match self {
            Self::Storage(error) => matches!(error.sqlstate().as_deref(), Some("40001" | "40P01")),
            Self::Answer(_) => false,
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
        }
    }

    pub(super) fn into_problem(self) -> Problem {
        match self {
            Self::Storage(error) => error.into(),
            Self::Answer(problem) => problem,
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

/// Loads what the book has to know; `since`: ids of later instants are new.
pub(super) async fn learn(
    connection: &mut PgConnection,
    book: &mut Book,
    waiting: &[Submission],
    since: Option<Stamp>,
) -> Result<(), Error> {
    let mut missing = book.missing(waiting.iter().map(|submission| &submission.group));
    if let Some(since) = since {
        missing.transfers.retain(|id| !id.is_from_after(since));
    }
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

/// Decides all that waits, in its order.
pub(super) fn decide<'a>(
    book: &mut Book,
    waiting: &'a [Submission],
    keys: Keys,
    now: Stamp,
) -> Decided<'a> {
    let mut decided = Decided {
        batch: Batch::default(),
        replies: Vec::with_capacity(waiting.len()),
        facts: Vec::new(),
        done: Vec::new(),
    };
    book.expire(now, &mut decided.batch);
    for (submission, key) in waiting.iter().zip(keys) {
        let reply = decided.one(book, submission, key, now);
        decided.replies.push(reply);
    }
    metrics::histogram!("galen_ledger_batch_postings")
        .record(u32::try_from(decided.batch.postings().len()).map_or(f64::MAX, f64::from));
    decided
}

impl<'a> Decided<'a> {
    fn one(
        &mut self,
        book: &mut Book,
        submission: &'a Submission,
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
        let is_done = !is_known && answers.iter().all(Result::is_ok);
        if is_done {
            self.facts.extend(&submission.facts);
        }
        match &submission.asker {
            Asker::Service(_) => Reply::Service(answers),
            Asker::Command {
                deferred, answer, ..
            } => {
                if is_done {
                    self.done.push((deferred, self.replies.len()));
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
        deferred.key()?;
        self.answers()
            .find_map(|(first, answer)| deferred.repeats(first, answer))
    }

    /// The commands that were done, with their answers.
    fn answers(&self) -> impl Iterator<Item = (&'a Deferred, &Answer)> {
        self.done
            .iter()
            .filter_map(|(deferred, place)| match self.replies.get(*place) {
                Some(Reply::Command(outcome)) => Some((*deferred, outcome.as_ref().as_ref().ok()?)),
                _ => None,
            })
    }

    /// Whether there is nothing to store but the ledger's own.
    pub(super) const fn is_plain(&self) -> bool {
        self.facts.is_empty() && self.done.is_empty()
    }

    /// Stores what the groups brought along.
    pub(super) async fn ride(
        &self,
        connection: &mut PgConnection,
        service: &'static str,
        now: Timestamp,
    ) -> Result<Recorded, Broken> {
        rider::store(connection, &self.facts).await?;
        let done: Vec<(&Deferred, &Answer)> = self.answers().collect();
        Ok(deferred::record(connection, service, &done, now).await?)
    }
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

//! The writer's work: taking what waits, deciding, storing, answering.

use std::time::{Duration, Instant};

use galen_kernel::Clock;
use galen_storage::{Db, Error};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::store::{self, Head};
use super::{Mode, Shard, Submission};
use crate::ledger::book::Answer;
use crate::ledger::{AccountId, Batch, Book, Hold, Stamp};

/// Most groups of a batch.
const MOST: usize = 512;
/// How often holds that are not in memory are looked at.
const TICK: Duration = Duration::from_secs(1);
/// Most holds that expire in one batch.
const MOST_DUE: i64 = 1_000;
/// Pauses after failures: the first, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];
/// Postings that are remembered to recognise repeated requests without looking.
const REMEMBERED: usize = 200_000;

pub(super) struct Writer {
    options: PgConnectOptions,
    clock: Clock,
    shard: Shard,
    mode: Mode,
}

/// What a writer has while its connection lives.
struct Reign {
    connection: PgConnection,
    head: Head,
    book: Book,
    /// Requests with ids from before are looked up; the database refuses all others
    /// that were done, and then they are looked up as well.
    since: Stamp,
    /// Look everything up: something has failed.
    careful: bool,
    /// When to look for holds that are not in memory and whose time has ended.
    look: Instant,
}

impl Writer {
    pub(super) fn new(db: &Db, shard: Shard, mode: Mode) -> Self {
        Self {
            options: db.pool().connect_options().as_ref().clone(),
            clock: db.clock().clone(),
            shard,
            mode,
        }
    }

    /// Works until it is told to stop or nobody can ask any more.
    pub(super) async fn run(
        self,
        mut queue: mpsc::Receiver<Submission>,
        stopping: CancellationToken,
    ) {
        let mut unanswered = Vec::new();
        let mut pause = PAUSES[0];
        while !stopping.is_cancelled() {
            let worked = stopping
                .run_until_cancelled(self.reign(&mut unanswered, &mut queue, &mut pause))
                .await;
            match worked {
                None | Some(Ok(())) => break,
                Some(Err(error)) => {
                    tracing::warn!(
                        shard = self.shard.0,
                        error = &error as &dyn std::error::Error,
                        "the writer of the ledger begins again"
                    );
                    metrics::counter!("galen_ledger_restarts_total").increment(1);
                    unanswered.retain(|waiting: &Submission| !waiting.answer.is_closed());
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES[1]);
                }
            }
        }
    }

    /// Connects, takes the shard over and works until something fails.
    async fn reign(
        &self,
        unanswered: &mut Vec<Submission>,
        queue: &mut mpsc::Receiver<Submission>,
        pause: &mut Duration,
    ) -> Result<(), Error> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        store::prepare(&mut connection).await?;
        let head = match self.mode {
            Mode::Exclusive => {
                store::wait_for_the_shard(&mut connection, self.shard).await?;
                store::take_over(&mut connection, self.shard).await?
            }
            Mode::Shared => store::look_at(&mut connection, self.shard).await?,
        };
        let mut reign = Reign {
            connection,
            book: Book::after(head.last),
            head,
            since: self.now(),
            careful: true,
            look: Instant::now(),
        };
        let mut tick = tokio::time::interval(TICK);
        loop {
            if unanswered.is_empty() {
                tokio::select! {
                    taken = queue.recv_many(unanswered, MOST) => if taken == 0 {
                        return Ok(());
                    },
                    _ = tick.tick() => {}
                }
            }
            let answers = match self.batch(&mut reign, unanswered).await {
                Ok(answers) => answers,
                // Done before, outside of what is remembered: look everything up.
                Err(error) if !reign.careful && error.constraint() == Some("posting_pkey") => {
                    reign.forget();
                    self.batch(&mut reign, unanswered).await?
                }
                Err(error) => return Err(error),
            };
            *pause = PAUSES[0];
            reign.careful = false;
            for (waiting, answer) in unanswered.drain(..).zip(answers) {
                // Whoever no longer waits asks again with the same ids.
                let _ = waiting.answer.send(answer);
            }
            if reign.book.remembers() > REMEMBERED {
                reign.since = self.now();
                reign.book = Book::after(reign.head.last);
            }
        }
    }

    /// Decides and stores what waits.
    async fn batch(
        &self,
        reign: &mut Reign,
        waiting: &[Submission],
    ) -> Result<Vec<Vec<Answer>>, Error> {
        match self.mode {
            Mode::Exclusive => {
                let now = self.now();
                let (connection, head, book) = (&mut reign.connection, reign.head, &mut reign.book);
                let since = (!reign.careful).then_some(reign.since);
                learn(connection, book, waiting, since).await?;
                if reign.look <= Instant::now() {
                    learn_due(connection, book, now).await?;
                    reign.look = Instant::now() + TICK;
                }
                let (answers, batch) = decide(book, waiting, now);
                let changes = book.changes(batch);
                reign.head = store::store(connection, self.shard, head, &changes).await?;
                Ok(answers)
            }
            Mode::Shared => {
                let mut tx = reign.connection.begin().await?;
                let head = store::lock(&mut tx, self.shard).await?;
                let mut book = Book::after(head.last);
                let now = self.now();
                learn(&mut tx, &mut book, waiting, None).await?;
                learn_due(&mut tx, &mut book, now).await?;
                let (answers, batch) = decide(&mut book, waiting, now);
                let changes = book.changes(batch);
                store::store(&mut tx, self.shard, head, &changes).await?;
                tx.commit().await?;
                Ok(answers)
            }
        }
    }

    fn now(&self) -> Stamp {
        Stamp(self.clock.now().as_microsecond())
    }
}

impl Reign {
    /// Begins again with nothing but what the database says.
    fn forget(&mut self) {
        self.book = Book::after(self.head.last);
        self.careful = true;
    }
}

/// Loads what the book has to know; `since`: ids of later instants are new.
async fn learn(
    connection: &mut PgConnection,
    book: &mut Book,
    waiting: &[Submission],
    since: Option<Stamp>,
) -> Result<(), Error> {
    let mut missing = book.missing(waiting.iter().map(|submission| &submission.group));
    if let Some(since) = since {
        missing.transfers.retain(|id| !id.is_from_after(since));
    }
    for posting in store::postings(connection, &missing.transfers).await? {
        book.learn_posting(posting);
    }
    let holds = store::holds(connection, &missing.holds).await?;
    learn_holds(connection, book, holds, missing.accounts).await
}

/// Loads holds whose time has ended. Those in memory need no looking for.
async fn learn_due(
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
    accounts.retain(|id| book.account(*id).is_none());
    for account in store::accounts(connection, &accounts).await? {
        book.learn_account(account);
    }
    Ok(())
}

fn decide(book: &mut Book, waiting: &[Submission], now: Stamp) -> (Vec<Vec<Answer>>, Batch) {
    let mut batch = Batch::default();
    book.expire(now, &mut batch);
    let answers = waiting
        .iter()
        .map(|submission| book.decide(&submission.group, now, &mut batch))
        .collect();
    metrics::histogram!("galen_ledger_batch_postings")
        .record(u32::try_from(batch.postings().len()).map_or(f64::MAX, f64::from));
    (answers, batch)
}

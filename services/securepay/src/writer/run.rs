//! The writer's work: taking what waits, deciding, storing, answering.

use std::sync::Arc;
use std::time::{Duration, Instant};

use galen_kernel::{Clock, Timestamp};
use galen_storage::{Db, Error};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::batch::{self, Broken, Decided};
use super::bell::Bells;
use super::store::{self, Head};
use super::submission::{Reply, Submission};
use super::{Mode, Shard};
use crate::ledger::{Book, Stamp};

/// Most groups of a batch.
const MOST: usize = 512;
/// How often holds that are not in memory are looked at.
const TICK: Duration = Duration::from_secs(1);
/// Pauses after failures: the first, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];
/// Postings that are remembered to recognise repeated requests without looking.
const REMEMBERED: usize = 200_000;

pub(super) struct Writer {
    options: PgConnectOptions,
    service: &'static str,
    clock: Clock,
    shard: Shard,
    mode: Mode,
    bells: Arc<Bells>,
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
    /// So many are decided one by one: one of them cannot be stored.
    singly: usize,
    /// When to look for holds that are not in memory and whose time has ended.
    look: Instant,
}

impl Writer {
    pub(super) fn new(db: &Db, shard: Shard, mode: Mode, bells: Arc<Bells>) -> Self {
        Self {
            options: db.pool().connect_options().as_ref().clone(),
            service: db.service(),
            clock: db.clock().clone(),
            shard,
            mode,
            bells,
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
                Some(Err(broken)) => {
                    tracing::warn!(
                        shard = self.shard.0,
                        error = &broken as &dyn std::error::Error,
                        "the writer of the ledger begins again"
                    );
                    metrics::counter!("galen_ledger_restarts_total").increment(1);
                    unanswered.retain(|waiting: &Submission| !waiting.is_given_up());
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
    ) -> Result<(), Broken> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        store::prepare(&mut connection).await?;
        if self.mode == Mode::Exclusive {
            store::wait_for_the_shard(&mut connection, self.shard).await?;
        }
        let head = self.take_over(&mut connection).await?;
        let mut reign = Reign {
            connection,
            book: Book::after(head.last),
            head,
            since: stamp(self.clock.now()),
            careful: true,
            singly: 0,
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
            let some = match reign.singly {
                0 => unanswered.len(),
                _ => unanswered.len().min(1),
            };
            match self.batch(&mut reign, &unanswered[..some]).await {
                Ok(replies) => {
                    *pause = PAUSES[0];
                    reign.careful = false;
                    reign.singly = reign.singly.saturating_sub(some);
                    for (waiting, reply) in unanswered.drain(..some).zip(replies) {
                        waiting.answer(reply);
                    }
                    self.bells.ring(reign.head.last);
                    if reign.book.remembers() > REMEMBERED {
                        reign.since = stamp(self.clock.now());
                        reign.book = Book::after(reign.head.last);
                    }
                }
                Err(broken) => {
                    if let Some(failed) = self.mend(&mut reign, some, broken).await? {
                        reign.singly = reign.singly.saturating_sub(1);
                        tracing::error!(
                            error = &failed as &dyn std::error::Error,
                            "the ledger cannot store what somebody asked for"
                        );
                        unanswered.remove(0).fail(failed.into_problem());
                    }
                }
            }
        }
    }

    /// What to do about a batch that was not stored: nothing but trying again with all
    /// that can be looked up, then one by one, then giving up the one that fails alone;
    /// or, when it is not certain what happened, a new reign.
    async fn mend(
        &self,
        reign: &mut Reign,
        some: usize,
        broken: Broken,
    ) -> Result<Option<Broken>, Broken> {
        let (is_stale, was_careful) = (broken.is_stale(), reign.careful);
        if !is_stale && !broken.is_refused() || (is_stale || some == 0) && was_careful {
            return Err(broken);
        }
        if is_stale {
            reign.head = self.take_over(&mut reign.connection).await?;
        }
        reign.book = Book::after(reign.head.last);
        reign.careful = true;
        match (was_careful, some) {
            (false, _) => Ok(None),
            (true, 1) => Ok(Some(broken)),
            (true, _) => {
                reign.singly = some;
                Ok(None)
            }
        }
    }

    async fn take_over(&self, connection: &mut PgConnection) -> Result<Head, Error> {
        match self.mode {
            Mode::Exclusive => store::take_over(connection, self.shard).await,
            Mode::Shared => store::look_at(connection, self.shard).await,
        }
    }

    /// Decides and stores what waits.
    async fn batch(&self, reign: &mut Reign, waiting: &[Submission]) -> Result<Vec<Reply>, Broken> {
        let now = self.clock.now();
        match self.mode {
            Mode::Exclusive => {
                let (connection, head, book) = (&mut reign.connection, reign.head, &mut reign.book);
                let since = (!reign.careful).then_some(reign.since);
                let keys = batch::keys(connection, self.service, waiting, now).await?;
                batch::learn(connection, book, waiting, since).await?;
                if reign.look <= Instant::now() {
                    batch::learn_due(connection, book, stamp(now)).await?;
                    reign.look = Instant::now() + TICK;
                }
                let decided = batch::decide(book, waiting, keys, stamp(now));
                let (head, replies) = if decided.is_plain() {
                    let changes = book.changes(decided.batch);
                    let head = store::store(connection, self.shard, head, &changes).await?;
                    (head, decided.replies)
                } else {
                    let tx = connection.begin().await?;
                    self.commit(tx, head, book, decided, now).await?
                };
                reign.head = head;
                Ok(replies)
            }
            Mode::Shared => {
                let mut tx = reign.connection.begin().await?;
                let head = store::lock(&mut tx, self.shard).await?;
                let mut book = Book::after(head.last);
                let keys = batch::keys(&mut tx, self.service, waiting, now).await?;
                batch::learn(&mut tx, &mut book, waiting, None).await?;
                batch::learn_due(&mut tx, &mut book, stamp(now)).await?;
                let decided = batch::decide(&mut book, waiting, keys, stamp(now));
                let (head, replies) = self.commit(tx, head, &book, decided, now).await?;
                reign.head = head;
                Ok(replies)
            }
        }
    }

    /// Stores a batch with its riders.
    async fn commit(
        &self,
        mut tx: sqlx::Transaction<'_, sqlx::Postgres>,
        head: Head,
        book: &Book,
        mut decided: Decided<'_>,
        now: Timestamp,
    ) -> Result<(Head, Vec<Reply>), Broken> {
        let changes = book.changes(std::mem::take(&mut decided.batch));
        let head = store::store(&mut tx, self.shard, head, &changes).await?;
        let recorded = decided.ride(&mut tx, self.service, now).await?;
        tx.commit().await?;
        recorded.keep();
        Ok((head, decided.replies))
    }
}

fn stamp(now: Timestamp) -> Stamp {
    Stamp(now.as_microsecond())
}

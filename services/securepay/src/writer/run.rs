//! The writer's work: taking what waits, deciding, storing, answering.

use std::sync::Arc;
use std::time::{Duration, Instant};

use galen_kernel::{Clock, Timestamp};
use galen_service::command::deferred::Recorded;
use galen_storage::{Db, Error};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::batch::{self, Broken, Gathered};
use super::bell::Bells;
use super::flow::Flow;
use super::reign::{Reign, TICK, stamp};
use super::store::{self, Head};
use super::submission::Submission;
use super::{Mode, Shard};
use crate::ledger::Book;
use crate::ledger::batch::Changes;

/// Most groups of a batch.
pub(super) const MOST: usize = 512;
/// Pauses after failures: the first, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];

pub(super) struct Writer {
    pub(super) options: PgConnectOptions,
    pub(super) service: &'static str,
    pub(super) clock: Clock,
    pub(super) shard: Shard,
    mode: Mode,
    pub(super) bells: Arc<Bells>,
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
        let mut reign = Reign::new(connection, head, &self.clock);
        let mut tick = tokio::time::interval(TICK);
        loop {
            // Whoever has reason to look everything up goes step by step.
            if self.mode == Mode::Exclusive && !reign.careful && reign.singly == 0 {
                let flow = Flow::new(self, &mut reign, unanswered);
                match flow.run(queue).await {
                    Ok(()) => return Ok(()),
                    Err(broken) => self.mend(&mut reign, broken).await?,
                }
                continue;
            }
            if unanswered.is_empty() {
                tokio::select! {
                    taken = queue.recv_many(unanswered, MOST) => if taken == 0 {
                        return Ok(());
                    },
                    _ = tick.tick() => {}
                }
            }
            let some = match reign.singly {
                0 => unanswered.len().min(MOST),
                _ => unanswered.len().min(1),
            };
            let mut gathered = Gathered::default();
            match self.step(&mut reign, unanswered, some, &mut gathered).await {
                Ok(()) => {
                    *pause = PAUSES[0];
                    reign.careful = false;
                    reign.singly = reign.singly.saturating_sub(some);
                    gathered.answer();
                    self.bells.ring(reign.head.last);
                }
                Err(broken) => {
                    unanswered.splice(0..0, gathered.undecided());
                    self.mend_step(&mut reign, unanswered, some, broken).await?;
                }
            }
        }
    }

    /// What to do about a step that was not stored: with all that can be looked up, one
    /// by one; then giving up the one that fails alone.
    async fn mend_step(
        &self,
        reign: &mut Reign,
        unanswered: &mut Vec<Submission>,
        some: usize,
        broken: Broken,
    ) -> Result<(), Broken> {
        if !reign.careful {
            return self.mend(reign, broken).await;
        }
        if some == 0 || !broken.is_refused() {
            return Err(broken);
        }
        reign.begin_again(&self.clock);
        if some > 1 {
            reign.singly = some;
            return Ok(());
        }
        reign.singly = reign.singly.saturating_sub(1);
        tracing::error!(
            error = &broken as &dyn std::error::Error,
            "the ledger cannot store what somebody asked for"
        );
        unanswered.remove(0).fail(broken.into_problem());
        Ok(())
    }

    /// What to do about what was not stored: trying again with all that can be looked
    /// up; or, when it is not certain what happened, a new reign.
    async fn mend(&self, reign: &mut Reign, broken: Broken) -> Result<(), Broken> {
        if broken.is_stale() {
            reign.head = self.take_over(reign.idle()).await?;
        } else if !broken.is_refused() {
            return Err(broken);
        }
        reign.begin_again(&self.clock);
        Ok(())
    }

    async fn take_over(&self, connection: &mut PgConnection) -> Result<Head, Error> {
        match self.mode {
            Mode::Exclusive => store::take_over(connection, self.shard).await,
            Mode::Shared => store::look_at(connection, self.shard).await,
        }
    }

    /// Decides and stores the first of those who wait, and nothing meanwhile.
    async fn step(
        &self,
        reign: &mut Reign,
        waiting: &mut Vec<Submission>,
        some: usize,
        gathered: &mut Gathered,
    ) -> Result<(), Broken> {
        let place = (self.shard, self.service);
        match self.mode {
            Mode::Exclusive => {
                let from = (&self.options, self.service);
                reign
                    .gather(from, &self.clock, waiting, some, gathered)
                    .await?;
                let (changes, head) = (gathered.close(&reign.book), reign.head);
                let now = self.clock.now();
                reign.head = write(reign.idle(), place, head, &changes, gathered, now).await?;
            }
            Mode::Shared => {
                let now = self.clock.now();
                let mut tx = reign.idle().begin().await?;
                let head = store::lock(&mut tx, self.shard).await?;
                let mut book = Book::after(head.last);
                let keys = batch::keys(&mut tx, self.service, &waiting[..some], now).await?;
                let missing = batch::missing(&book, &waiting[..some], None);
                batch::learn(&mut tx, &mut book, missing).await?;
                batch::learn_due(&mut tx, &mut book, stamp(now)).await?;
                gathered.decide(&mut book, waiting.drain(..some).collect(), keys, stamp(now));
                let changes = gathered.close(&book);
                let (head, recorded) =
                    write_in(&mut tx, place, head, &changes, gathered, now).await?;
                tx.commit().await?;
                recorded.keep();
                reign.head = head;
            }
        }
        Ok(())
    }
}

/// Stores a batch: one statement, or a transaction when something rides along. Says
/// where the shard stands then.
pub(super) async fn write(
    connection: &mut PgConnection,
    place: (Shard, &'static str),
    head: Head,
    changes: &Changes,
    gathered: &Gathered,
    now: Timestamp,
) -> Result<Head, Broken> {
    let began = Instant::now();
    let head = if gathered.is_plain() {
        store::store(connection, place.0, head, changes).await?
    } else {
        let mut tx = connection.begin().await?;
        let (head, recorded) = write_in(&mut tx, place, head, changes, gathered, now).await?;
        tx.commit().await?;
        recorded.keep();
        head
    };
    metrics::histogram!("galen_ledger_store_seconds").record(began.elapsed().as_secs_f64());
    Ok(head)
}

async fn write_in(
    tx: &mut PgConnection,
    (shard, service): (Shard, &'static str),
    head: Head,
    changes: &Changes,
    gathered: &Gathered,
    now: Timestamp,
) -> Result<(Head, Recorded), Broken> {
    let head = store::store(&mut *tx, shard, head, changes).await?;
    let recorded = gathered.ride(tx, service, now).await?;
    Ok((head, recorded))
}

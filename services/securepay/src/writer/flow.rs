//! While one batch is being stored, the next one grows.
//!
//! The book is ahead of the database by both of them. Of the next one nobody is told
//! anything before the one under way is stored; when that fails, neither happened, and
//! the book is thrown away.

use std::collections::HashSet;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::batch::{Broken, Gathered, Key, key_of};
use super::reign::{Reign, TICK};
use super::run::{MOST, Writer, write};
use super::store::Head;
use super::submission::Submission;

/// One batch under way and one that grows.
pub(super) struct Flow<'a> {
    writer: &'a Writer,
    reign: &'a mut Reign,
    /// Not decided yet.
    waiting: &'a mut Vec<Submission>,
    next: Gathered,
    under_way: Option<UnderWay>,
}

struct UnderWay {
    stored: AbortOnDropHandle<Landed>,
    /// Its commands: what else comes under one of these keys is decided when it is known
    /// what became of them.
    keys: HashSet<Key>,
}

/// A batch of which it is known whether it was stored.
struct Landed {
    connection: sqlx::PgConnection,
    gathered: Gathered,
    stored: Result<Head, Broken>,
}

impl<'a> Flow<'a> {
    pub(super) fn new(
        writer: &'a Writer,
        reign: &'a mut Reign,
        waiting: &'a mut Vec<Submission>,
    ) -> Self {
        Self {
            writer,
            reign,
            waiting,
            next: Gathered::default(),
            under_way: None,
        }
    }

    /// Until something fails, or nobody can ask any more. Who was not answered waits
    /// again when something has failed.
    pub(super) async fn run(
        mut self,
        queue: &mut mpsc::Receiver<Submission>,
    ) -> Result<(), Broken> {
        let ended = match self.turn(queue).await {
            Ok(()) => self.land_all().await,
            Err(broken) => {
                // What is under way on a connection of its own may well be stored.
                let landed = self.land_all().await;
                landed.and(Err(broken))
            }
        };
        let undecided = std::mem::take(&mut self.next).undecided();
        self.waiting.splice(0..0, undecided);
        ended
    }

    async fn turn(&mut self, queue: &mut mpsc::Receiver<Submission>) -> Result<(), Broken> {
        let mut tick = tokio::time::interval(TICK);
        loop {
            self.gather().await?;
            self.launch();
            if self.reign.is_full() && self.under_way.is_none() {
                self.reign.forget(&self.writer.clock);
            }
            let room = MOST - self.next.len();
            let takes = room > 0 && self.waiting.is_empty() && !self.reign.is_full();
            tokio::select! {
                landed = land(&mut self.under_way) => self.landed(landed?)?,
                taken = queue.recv_many(self.waiting, room), if takes => if taken == 0 {
                    return Ok(());
                },
                _ = tick.tick() => {}
            }
        }
    }

    /// Decides as many of those who wait as there is room for.
    async fn gather(&mut self) -> Result<(), Broken> {
        while self.repeats() {
            let landed = land(&mut self.under_way).await?;
            self.landed(landed)?;
        }
        let some = self.some();
        let writer = self.writer;
        self.reign
            .gather(
                (&writer.options, writer.service),
                &writer.clock,
                self.waiting,
                some,
                &mut self.next,
            )
            .await
    }

    /// How many of those who wait there is room for.
    fn some(&self) -> usize {
        self.waiting.len().min(MOST - self.next.len())
    }

    /// Whether one of them comes under a key of what is under way.
    fn repeats(&self) -> bool {
        self.under_way.as_ref().is_some_and(|batch| {
            let first = self.waiting[..self.some()].iter();
            let mut keys = first.filter_map(|asked| key_of(asked.command()?));
            keys.any(|key| batch.keys.contains(&key))
        })
    }

    /// Begins to store what was gathered, unless something is under way.
    fn launch(&mut self) {
        if self.under_way.is_some() || self.next.is_empty() {
            return;
        }
        let mut gathered = std::mem::take(&mut self.next);
        let changes = gathered.close(&self.reign.book);
        if changes.postings.is_empty() {
            gathered.answer();
            return;
        }
        let mut connection = self
            .reign
            .connection
            .take()
            .expect("one batch is stored at a time");
        let keys = gathered.keys();
        let (shard, service) = (self.writer.shard, self.writer.service);
        let (head, now) = (self.reign.head, self.writer.clock.now());
        let stored = tokio::spawn(async move {
            let stored = write(
                &mut connection,
                (shard, service),
                head,
                &changes,
                &gathered,
                now,
            )
            .await;
            Landed {
                connection,
                gathered,
                stored,
            }
        });
        self.under_way = Some(UnderWay {
            stored: AbortOnDropHandle::new(stored),
            keys,
        });
    }

    /// Answers a batch that is stored, after the next one is on its way.
    fn landed(&mut self, landed: Landed) -> Result<(), Broken> {
        let Landed {
            connection,
            gathered,
            stored,
        } = landed;
        self.reign.connection = Some(connection);
        match stored {
            Ok(head) => {
                self.reign.head = head;
                self.launch();
                gathered.answer();
                self.writer.bells.ring(head.last);
                Ok(())
            }
            Err(broken) => {
                let next = std::mem::take(&mut self.next);
                let undecided = gathered.undecided().chain(next.undecided());
                self.waiting.splice(0..0, undecided);
                Err(broken)
            }
        }
    }

    async fn land_all(&mut self) -> Result<(), Broken> {
        while self.under_way.is_some() {
            let landed = land(&mut self.under_way).await?;
            self.landed(landed)?;
        }
        Ok(())
    }
}

/// Waits for what is under way; for ever when there is nothing.
async fn land(under_way: &mut Option<UnderWay>) -> Result<Landed, Broken> {
    let Some(batch) = under_way else {
        return std::future::pending().await;
    };
    let landed = (&mut batch.stored).await;
    *under_way = None;
    Ok(landed?)
}

//! What a writer has while its connection lives.

use std::time::{Duration, Instant};

use galen_kernel::{Clock, Timestamp};
use galen_storage::Error;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

use super::batch::{self, Broken, Gathered, Keys};
use super::store::{self, Head};
use super::submission::Submission;
use crate::ledger::{Book, Stamp};

/// How often holds that are not in memory are looked at.
pub(super) const TICK: Duration = Duration::from_secs(1);
/// Postings that are remembered to recognise repeated requests without looking.
const REMEMBERED: usize = 200_000;
/// Accounts that are remembered.
const ACCOUNTS: usize = 500_000;

pub(super) struct Reign {
    /// Where batches are stored; `None` while one is.
    pub(super) connection: Option<PgConnection>,
    /// Where things are looked up meanwhile; opened when it is needed first.
    reader: Option<PgConnection>,
    /// As it is stored.
    pub(super) head: Head,
    /// As it will be when everything decided is stored.
    pub(super) book: Book,
    /// Requests with ids from before are looked up; the database refuses all others
    /// that were done, and then they are looked up as well.
    since: Stamp,
    /// Look everything up: something has failed.
    pub(super) careful: bool,
    /// So many are decided one by one: one of them cannot be stored.
    pub(super) singly: usize,
    /// When to look for holds that are not in memory and whose time has ended.
    look: Instant,
}

impl Reign {
    pub(super) fn new(connection: PgConnection, head: Head, clock: &Clock) -> Self {
        Self {
            connection: Some(connection),
            reader: None,
            book: Book::after(head.last),
            head,
            since: stamp(clock.now()),
            careful: true,
            singly: 0,
            look: Instant::now(),
        }
    }

    /// Where batches are stored.
    ///
    /// # Panics
    /// While one is.
    pub(super) fn idle(&mut self) -> &mut PgConnection {
        self.connection
            .as_mut()
            .expect("one batch is stored at a time")
    }

    /// Nothing that was decided and is not stored counts any more.
    pub(super) fn begin_again(&mut self, clock: &Clock) {
        self.book = Book::after(self.head.last);
        self.since = stamp(clock.now());
        self.careful = true;
    }

    /// Whether it remembers so much that it has to forget.
    pub(super) fn is_full(&self) -> bool {
        self.book.remembers() > REMEMBERED
    }

    /// Forgets what can be looked up. Everything that was decided has to be stored.
    pub(super) fn forget(&mut self, clock: &Clock) {
        self.book.forget(ACCOUNTS);
        self.since = stamp(clock.now());
    }

    /// Looks up what has to be known of the first of those who wait, and decides it.
    pub(super) async fn gather(
        &mut self,
        (options, service): (&PgConnectOptions, &'static str),
        clock: &Clock,
        waiting: &mut Vec<Submission>,
        some: usize,
        gathered: &mut Gathered,
    ) -> Result<(), Broken> {
        let now = clock.now();
        let first = &waiting[..some];
        let missing = batch::missing(&self.book, first, (!self.careful).then_some(self.since));
        let is_time = self.look <= Instant::now();
        let mut keys = Keys::new();
        if is_time || !missing.is_empty() || first.iter().any(|asked| asked.command().is_some()) {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                None => reader(&mut self.reader, options).await?,
            };
            keys = batch::keys(connection, service, first, now).await?;
            batch::learn(connection, &mut self.book, missing).await?;
            if is_time {
                batch::learn_due(connection, &mut self.book, stamp(now)).await?;
                self.look = Instant::now() + TICK;
            }
        }
        keys.resize_with(some, || None);
        let first = waiting.drain(..some).collect();
        gathered.decide(&mut self.book, first, keys, stamp(now));
        Ok(())
    }
}

async fn reader<'a>(
    reader: &'a mut Option<PgConnection>,
    options: &PgConnectOptions,
) -> Result<&'a mut PgConnection, Error> {
    match reader {
        Some(connection) => Ok(connection),
        None => {
            let mut connection = PgConnection::connect_with(options).await?;
            store::prepare(&mut connection).await?;
            Ok(reader.insert(connection))
        }
    }
}

pub(super) fn stamp(now: Timestamp) -> Stamp {
    Stamp(now.as_microsecond())
}

//! Runs everything: sequencer, subscriptions, lanes, timers, retention.

use galen_storage::{Db, Wake};
use tokio_util::sync::CancellationToken;

use crate::projection::Projection;
use crate::subscription::Definition;
use crate::{Operations, TimerSubscription};

/// The backbone of one process. Services add what they hear; then it runs.
pub struct Backbone {
    events: Db,
    wake: Wake,
}

/// A running backbone.
pub struct Running {
    operations: Operations,
}

impl Backbone {
    /// `events` logs in as the owner of the `events` schema.
    #[must_use]
    pub const fn new(events: Db, wake: Wake) -> Self {
        Self { events, wake }
    }

    /// Adds a subscription whose effects go to `db`.
    pub fn subscribe(&mut self, db: &Db, subscription: Definition) {
        let _ = (db, subscription, &self.events, &self.wake);
        todo!()
    }

    /// Adds a projection of `db`.
    pub fn project(&mut self, db: &Db, projection: Projection) {
        let _ = (db, projection);
        todo!()
    }

    /// Adds a handler of timers of `db`'s service.
    pub fn on_timer(&mut self, db: &Db, timers: TimerSubscription) {
        let _ = (db, timers);
        todo!()
    }

    /// Runs until `stop`; then finishes what is under way and gives its leases back.
    #[must_use]
    pub fn run(self, stop: CancellationToken) -> Running {
        let _ = stop;
        todo!()
    }
}

impl Running {
    /// What an operator can see and do.
    #[must_use]
    pub const fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Rebuilds a projection of this process from the log: replays beside the live
    /// one's readers and swaps; returns the number of events replayed.
    ///
    /// # Errors
    /// When the database fails or the projection is unknown (`None`).
    pub async fn rebuild(&self, projection: &str) -> Result<Option<u64>, galen_storage::Error> {
        let _ = projection;
        todo!()
    }

    /// Waits until every subscription has applied everything that was committed
    /// before the call and no retry is due: for tests, instead of sleeping.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle(&self) -> Result<(), galen_storage::Error> {
        todo!()
    }

    /// Waits until everything has stopped.
    pub async fn stopped(self) {
        todo!()
    }
}

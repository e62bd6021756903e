//! Applies one partition for one group: reads a range, runs the handlers, and moves
//! the cursor in the same transaction.
//!
//! A batch is one transaction. When it fails, it is not examined with savepoints: the
//! events before the failing one are applied again without it, and the failing one
//! then stands at the front, where it is parked if it was to blame and waited for if
//! it was not.

use std::sync::Arc;
use std::time::Duration;

use galen_storage::{Db, Error};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::attempt::{Place, Step, waiting};
use crate::slot::{Grant, Ownership, Slot};
use crate::subscription::Failure;
use crate::{backoff, cursor, group, measure};

/// Most offsets in one transaction.
const BATCH: i64 = 256;

/// A cursor that was moved in memory only is stored after this.
const STORE_AFTER: Duration = Duration::from_secs(1);

/// The worker of one slot.
pub(crate) struct Consumer {
    pub(crate) slot: Arc<Slot>,
    pub(crate) head: watch::Receiver<i64>,
    /// The owner of the `events` schema, to give the partition back.
    pub(crate) events: Db,
    pub(crate) me: Uuid,
    /// How many partitions of the group work at once.
    pub(crate) group_permits: Arc<Semaphore>,
    /// How many transactions of the service's pool the backbone may use at once.
    pub(crate) db_permits: Arc<Semaphore>,
    /// Told after every move.
    pub(crate) progress: Arc<Notify>,
    /// Told when something was parked.
    pub(crate) lanes: Arc<Notify>,
}

impl Consumer {
    /// Runs until `stop`, whenever the slot is owned.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut ownership = self.slot.ownership.subscribe();
        loop {
            let held = tokio::select! {
                () = stop.cancelled() => return,
                held = ownership.wait_for(|o| matches!(o, Ownership::Held(_))) => held.map(|o| *o),
            };
            if let Ok(Ownership::Held(grant)) = held {
                self.own(grant, &mut ownership, &stop).await;
            }
        }
    }

    /// Works until the slot is lost, recalled or the process stops.
    async fn own(
        &mut self,
        grant: Grant,
        ownership: &mut watch::Receiver<Ownership>,
        stop: &CancellationToken,
    ) {
        let mut place = Place {
            epoch: grant.epoch,
            off: grant.off,
            stored: grant.off,
            limit: None,
            failures: 0,
        };
        self.moved(&place);
        loop {
            if stop.is_cancelled() {
                self.store(&mut place).await;
                return;
            }
            if *ownership.borrow_and_update() != Ownership::Held(grant) {
                self.store(&mut place).await;
                self.give_back(&place).await;
                return;
            }
            let head = tokio::select! {
                () = stop.cancelled() => continue,
                _ = ownership.changed() => continue,
                head = wait_beyond(&mut self.head, place.off) => head,
                () = tokio::time::sleep(STORE_AFTER), if place.off > place.stored => {
                    self.store(&mut place).await;
                    continue;
                }
            };
            let upto = head
                .min(place.off + BATCH)
                .min(place.limit.unwrap_or(i64::MAX));
            let outcome = {
                let _group = self.group_permits.acquire().await;
                let _db = self.db_permits.acquire().await;
                self.advance(&mut place, upto).await
            };
            match outcome {
                Ok(true) => {}
                Ok(false) => {
                    self.lost(&place);
                    return;
                }
                Err(failure) => self.pause(&mut place, &failure, stop).await,
            }
        }
    }

    /// Tries a range and deals with what came of it. False when the slot is lost; an
    /// error is nobody's fault here and is waited for.
    async fn advance(&self, place: &mut Place, upto: i64) -> Result<bool, Failure> {
        match self.slot.step(place, upto).await? {
            Step::Applied => {
                place.stored = upto;
                self.reached(place, upto);
            }
            Step::Passed => self.reached(place, upto),
            Step::Moved => return self.look_again(place).await.map_err(waiting),
            Step::Shorten(limit) => place.limit = Some(limit),
            Step::Blame(event, failure @ Failure::Infrastructure(_)) => {
                place.limit = Some(event.received.offset);
                return Err(failure);
            }
            Step::Blame(event, failure) => {
                let off = event.received.offset;
                if !self
                    .slot
                    .park(place, *event, &failure)
                    .await
                    .map_err(waiting)?
                {
                    return self.look_again(place).await.map_err(waiting);
                }
                self.lanes.notify_one();
                place.stored = off;
                self.reached(place, off);
            }
        }
        Ok(true)
    }

    fn reached(&self, place: &mut Place, off: i64) {
        place.off = off;
        if place.limit.is_some_and(|limit| limit <= off) {
            place.limit = None;
        }
        if place.failures > 0 {
            self.resumed(place);
        }
        self.moved(place);
    }

    fn moved(&self, place: &Place) {
        self.slot.set_applied(place.off);
        self.progress.notify_waiters();
    }

    /// The cursor was not where it was left. A commit whose answer was lost is found
    /// to have happened; otherwise the partition is somebody else's.
    async fn look_again(&self, place: &mut Place) -> Result<bool, Error> {
        let Slot {
            group, topic, part, ..
        } = &*self.slot;
        match cursor::of(&group.db, group.name, topic.id, *part).await? {
            Some(grant) if grant.epoch == place.epoch => {
                place.stored = grant.off;
                self.reached(place, grant.off);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn lost(&self, place: &Place) {
        let group = self.slot.group.name;
        tracing::info!(
            group,
            topic = self.slot.topic.name,
            part = self.slot.part,
            "lost to another process"
        );
        metrics::counter!(measure::FENCED, "group" => group).increment(1);
        if place.failures > 0 {
            metrics::gauge!(measure::PAUSED, "group" => group).decrement(1.0);
        }
        self.slot.ownership.send_replace(Ownership::None);
    }

    async fn pause(&self, place: &mut Place, failure: &Failure, stop: &CancellationToken) {
        let group = self.slot.group.name;
        place.failures += 1;
        if place.failures == 1 {
            metrics::gauge!(measure::PAUSED, "group" => group).increment(1.0);
            tracing::warn!(
                group,
                topic = self.slot.topic.name,
                part = self.slot.part,
                cause = group::explain(failure),
                "waits for what it stands on"
            );
        }
        let pause = backoff::half_jitter(
            Duration::from_millis(20),
            Duration::from_secs(5),
            place.failures,
        );
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    fn resumed(&self, place: &mut Place) {
        let group = self.slot.group.name;
        metrics::gauge!(measure::PAUSED, "group" => group).decrement(1.0);
        tracing::info!(
            group,
            part = self.slot.part,
            failures = place.failures,
            "goes on"
        );
        place.failures = 0;
    }

    /// Stores a cursor that was moved in memory only. When that fails, the range is
    /// looked at once more by whoever comes next.
    async fn store(&self, place: &mut Place) {
        if place.off > place.stored
            && matches!(self.slot.move_cursor(place, place.off).await, Ok(true))
        {
            place.stored = place.off;
        }
    }

    /// Gives the partition back, so that its new owner need not wait.
    async fn give_back(&self, place: &Place) {
        let released = sqlx::query("select events.release($1, $2, $3, $4, $5)")
            .bind(self.me)
            .bind(self.slot.group.name)
            .bind(self.slot.topic.id)
            .bind(self.slot.part)
            .bind(place.epoch)
            .execute(self.events.pool())
            .await;
        if let Err(error) = released {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a partition is given back late"
            );
        }
        if place.failures > 0 {
            metrics::gauge!(measure::PAUSED, "group" => self.slot.group.name).decrement(1.0);
        }
        self.slot.ownership.send_replace(Ownership::None);
    }
}

/// The head, once it is beyond `off`.
async fn wait_beyond(head: &mut watch::Receiver<i64>, off: i64) -> i64 {
    let beyond = head.wait_for(|head| *head > off).await.map(|head| *head);
    match beyond {
        Ok(head) => head,
        // The heads live as long as the backbone; without them nothing comes.
        Err(_) => std::future::pending().await,
    }
}

//! Applies one partition for one group: reads a range, runs the handlers, and moves
//! the cursor in the same transaction.
//!
//! A batch is one transaction. When it fails, it is not examined with savepoints: the
//! events before the failing one are applied again without it, and the failing one
//! then stands at the front, where it is parked if it was to blame and waited for if
//! it was not.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use galen_storage::{Db, Error};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::group;
use crate::log::{self, Logged, Slice};
use crate::slot::{Grant, Ownership, Slot};
use crate::subscription::Failure;
use crate::{backoff, measure};
use crate::{cursor, lane};

/// Most offsets in one transaction.
const BATCH: i64 = 256;

/// Ranges without a type that matters move the cursor in memory; it is stored with
/// the next effect, after this many offsets, or after a while.
const STORE_EVERY: i64 = 4096;

/// That while.
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

/// Where an owned partition stands.
struct Place {
    epoch: i64,
    /// Applied or passed over up to here.
    off: i64,
    /// What the cursor says.
    stored: i64,
    /// Do not go beyond this before the failure there is dealt with.
    limit: Option<i64>,
    failures: u32,
}

/// How an attempt on a range ended.
enum Step {
    /// Effects and cursor are committed.
    Applied,
    /// Nothing in the range matters here.
    Passed,
    /// The cursor is elsewhere, or somebody else's.
    Moved,
    /// Apply only up to here first.
    Shorten(i64),
    /// The event at the front fails.
    Blame(Box<Logged>, Failure),
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
        match self.step(place, upto).await? {
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
                if !self.park(place, *event, &failure).await.map_err(waiting)? {
                    return self.look_again(place).await.map_err(waiting);
                }
                place.stored = off;
                self.reached(place, off);
            }
        }
        Ok(true)
    }

    async fn step(&self, place: &Place, upto: i64) -> Result<Step, Failure> {
        let group = &self.slot.group;
        let slice = Slice {
            group: group.name,
            topic: &self.slot.topic,
            part: self.slot.part,
            after: place.off,
            upto,
            types: &group.patterns,
        };
        let events = log::read(&group.db, &slice).await.map_err(waiting)?;
        if events.is_empty() {
            if upto - place.stored < STORE_EVERY {
                return Ok(Step::Passed);
            }
            let moved = self.move_cursor(place, upto).await.map_err(waiting)?;
            return Ok(if moved { Step::Applied } else { Step::Moved });
        }
        let offsets: Vec<i64> = events.iter().map(|e| e.received.offset).collect();
        match self.apply(place, upto, events).await {
            Ok(true) => Ok(Step::Applied),
            Ok(false) => Ok(Step::Moved),
            Err((failed, failure)) => self.examine(place, &slice, &offsets, failed, failure).await,
        }
    }

    /// One transaction: handlers, lanes, cursor. False when it was fenced. An error
    /// comes with the offset of the event that caused it, if that is known.
    async fn apply(
        &self,
        place: &Place,
        upto: i64,
        events: Vec<Logged>,
    ) -> Result<bool, (Option<i64>, Failure)> {
        let unknown = |error: Error| (None, Failure::from(error));
        let Slot {
            group, topic, part, ..
        } = &*self.slot;
        let mut tx = group.db.begin().await.map_err(unknown)?;
        let keys: HashSet<&str> = events.iter().map(|e| e.received.key.as_str()).collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let parked = lane::parked_among(&mut tx, group.name, topic.id, &keys)
            .await
            .map_err(unknown)?;
        let (waiting, clean): (Vec<_>, Vec<_>) = events
            .into_iter()
            .partition(|e| parked.contains(&e.received.key));
        if let Err(failed) = group.apply_all(&mut tx, clean).await {
            // At once; merely dropped, it would keep its locks a little longer.
            tx.rollback().await.map_err(unknown)?;
            return Err(failed);
        }
        let blocked: Vec<_> = waiting.iter().map(lane::Entry::blocked).collect();
        lane::park(&mut tx, group.name, topic.id, *part, &blocked)
            .await
            .map_err(unknown)?;
        let moved = cursor::advance(
            tx.conn(),
            group.name,
            topic.id,
            *part,
            place.epoch,
            place.stored,
            upto,
        )
        .await
        .map_err(unknown)?;
        if moved {
            tx.commit().await.map_err(unknown)?;
        } else {
            tx.rollback().await.map_err(unknown)?;
        }
        Ok(moved)
    }

    /// Finds out which event a failed range failed on.
    async fn examine(
        &self,
        place: &Place,
        slice: &Slice<'_>,
        offsets: &[i64],
        failed: Option<i64>,
        failure: Failure,
    ) -> Result<Step, Failure> {
        let first = offsets[0];
        match failed {
            Some(off) if off > first => return Ok(Step::Shorten(off - 1)),
            Some(_) => {}
            // The transaction as a whole: half of it tells more. What is away is
            // away for the other half as well.
            None if matches!(failure, Failure::Infrastructure(_)) => return Err(failure),
            None if offsets.len() > 1 => return Ok(Step::Shorten(offsets[offsets.len() / 2 - 1])),
            None => {}
        }
        let only = Slice {
            after: first - 1,
            upto: first,
            ..*slice
        };
        debug_assert!(place.off < first);
        let event = log::read(&self.slot.group.db, &only)
            .await
            .map_err(waiting)?
            .pop();
        event.map_or(Err(failure_of_log()), |event| {
            Ok(Step::Blame(Box::new(event), failure))
        })
    }

    /// Parks the event at the front, and moves the cursor past it. False when fenced.
    async fn park(&self, place: &Place, event: Logged, failure: &Failure) -> Result<bool, Error> {
        let Slot {
            group, topic, part, ..
        } = &*self.slot;
        let entry = lane::Entry::failed(&event, failure, &group.retry);
        tracing::warn!(
            group = group.name,
            topic = topic.name,
            key = event.received.key,
            offset = event.received.offset,
            class = group::class(failure),
            dead = entry.is_dead(),
            "an event is parked"
        );
        let mut tx = group.db.begin().await?;
        lane::parked_among(&mut tx, group.name, topic.id, &[&event.received.key]).await?;
        lane::park(&mut tx, group.name, topic.id, *part, &[entry]).await?;
        let off = event.received.offset;
        if !cursor::advance(
            tx.conn(),
            group.name,
            topic.id,
            *part,
            place.epoch,
            place.stored,
            off,
        )
        .await?
        {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        self.lanes.notify_one();
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
        if place.off > place.stored && matches!(self.move_cursor(place, place.off).await, Ok(true))
        {
            place.stored = place.off;
        }
    }

    async fn move_cursor(&self, place: &Place, off: i64) -> Result<bool, Error> {
        let Slot {
            group, topic, part, ..
        } = &*self.slot;
        let mut connection = group.db.pool().acquire().await?;
        cursor::advance(
            &mut connection,
            group.name,
            topic.id,
            *part,
            place.epoch,
            place.stored,
            off,
        )
        .await
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

/// The backbone's own statements fail for nobody's fault, whatever the error.
fn waiting(error: Error) -> Failure {
    Failure::Infrastructure(Box::new(error))
}

fn failure_of_log() -> Failure {
    waiting(Error::Inconsistent {
        column: "events.log.off",
    })
}

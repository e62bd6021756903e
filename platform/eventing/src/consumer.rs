//! Applies partitions for one group: takes what is new in all of its partitions, runs
//! the handlers, and moves the cursors in the same transaction.
//!
//! A batch is one transaction. When it fails, each partition is tried alone; and when
//! that fails, it is not examined with savepoints: the events before the failing one
//! are applied again without it, and the failing one then stands at the front, where
//! it is parked if it was to blame and waited for if it was not.

use std::sync::Arc;
use std::time::Duration;

use galen_storage::{Db, Error};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::attempt::{Outcome, Place, Range, Refused, Verdict, attempt};
use crate::group::Group;
use crate::slot::{Grant, Ownership, Slot};
use crate::subscription::Failure;
use crate::{backoff, cursor, group, measure};

/// Most offsets in one transaction.
const BATCH: i64 = 512;

/// Least share of a partition in a batch.
const SHARE: i64 = 32;

/// Longest pause after a transaction with few events. While much happens, what comes
/// meanwhile is cheaper together: a transaction of a few events costs nearly what one of
/// hundreds does.
const GATHER: Duration = Duration::from_millis(20);

/// A cursor that was moved in memory only is stored after this.
const STORE_AFTER: Duration = Duration::from_secs(1);

/// The worker of some partitions of a group.
pub(crate) struct Consumer {
    pub(crate) group: Arc<Group>,
    pub(crate) slots: Vec<Arc<Slot>>,
    /// Rung when a head or an ownership changed.
    pub(crate) bell: Arc<Notify>,
    /// The owner of the `events` schema, to give partitions back.
    pub(crate) events: Db,
    pub(crate) me: Uuid,
    /// How many transactions of the service's pool the backbone may use at once.
    pub(crate) permits: Arc<Semaphore>,
    /// Told after every move.
    pub(crate) progress: Arc<Notify>,
    /// Told when something was parked.
    pub(crate) lanes: Arc<Notify>,
}

/// An owned slot.
struct Owned {
    slot: Arc<Slot>,
    place: Place,
    /// Something it stands on is away.
    paused_until: Option<Instant>,
    /// Since when the cursor is behind what was passed over.
    unstored_since: Option<Instant>,
}

impl Consumer {
    /// Runs until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut owned = Vec::new();
        let mut turn = 0_usize;
        while !stop.is_cancelled() {
            self.take_notice(&mut owned).await;
            let now = Instant::now();
            let mut batch = batch(&owned, now);
            if self.group.one_by_one && !batch.is_empty() {
                let (at, upto) = batch[turn % batch.len()];
                batch = vec![(at, upto.min(owned[at].place.off + 1))];
                turn = turn.wrapping_add(1);
            }
            if batch.is_empty() {
                self.wait(&mut owned, &stop).await;
                continue;
            }
            let offsets: i64 = batch
                .iter()
                .map(|(at, upto)| upto - owned[*at].place.off)
                .sum();
            let began = Instant::now();
            {
                let _permit = self.permits.acquire().await;
                self.apply(&mut owned, &batch).await;
            }
            if offsets < BATCH / 2 && !self.group.one_by_one {
                // At most half of the time is spent on small ones.
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(began.elapsed().min(GATHER)) => {}
                }
            }
        }
        for one in &mut owned {
            one.store().await;
        }
    }

    /// Begins with what was granted, and gives back what was recalled.
    async fn take_notice(&self, owned: &mut Vec<Owned>) {
        for slot in &self.slots {
            let at = owned.iter().position(|one| Arc::ptr_eq(&one.slot, slot));
            match (slot.ownership(), at) {
                (Ownership::Held(grant), None) => owned.push(Owned::begin(slot, grant)),
                (Ownership::Leaving(_), Some(at)) => {
                    let mut one = owned.swap_remove(at);
                    one.store().await;
                    self.give_back(&one).await;
                }
                (Ownership::Leaving(_), None) => slot.set_ownership(Ownership::None),
                (Ownership::Held(_), Some(_)) | (Ownership::None, _) => {}
            }
        }
    }

    /// Sleeps until there is something to do; stores cursors that have waited.
    async fn wait(&self, owned: &mut [Owned], stop: &CancellationToken) {
        let until = owned.iter().flat_map(Owned::wakes_at).min();
        tokio::select! {
            () = stop.cancelled() => return,
            () = self.bell.notified() => {}
            () = sleep_until(until) => {}
        }
        let now = Instant::now();
        for one in owned {
            if one
                .unstored_since
                .is_some_and(|since| since + STORE_AFTER <= now)
            {
                one.store().await;
            }
        }
    }

    /// Applies a batch: together if it can be, and one partition after the other if
    /// that fails or some of them had trouble before.
    async fn apply(&self, owned: &mut Vec<Owned>, batch: &[(usize, i64)]) {
        let (mut alone, together): (Vec<_>, Vec<_>) = batch
            .iter()
            .copied()
            .partition(|(at, _)| owned[*at].is_troubled());
        if together.len() == 1 {
            alone.extend(together);
        } else if !together.is_empty() {
            let ranges: Vec<_> = together
                .iter()
                .map(|(at, upto)| owned[*at].range(*upto))
                .collect();
            match attempt(&self.group, &ranges).await {
                Ok(outcomes) => {
                    for ((at, upto), outcome) in together.iter().zip(outcomes) {
                        owned[*at].reached(*upto, outcome);
                    }
                    self.progress.notify_waiters();
                }
                Err(_) => alone.extend(together),
            }
        }
        let mut lost = Vec::new();
        for (at, upto) in alone {
            let one = &mut owned[at];
            match self.apply_alone(one, upto).await {
                Ok(true) => self.progress.notify_waiters(),
                Ok(false) => lost.push(Arc::clone(&one.slot)),
                Err(failure) => one.pause(&failure),
            }
        }
        owned.retain(|one| !lost.iter().any(|slot| Arc::ptr_eq(slot, &one.slot)));
    }

    /// Tries a range of one partition and deals with what came of it. False when the
    /// slot is lost; an error is nobody's fault here and is waited for.
    async fn apply_alone(&self, one: &mut Owned, upto: i64) -> Result<bool, Failure> {
        let range = one.range(upto);
        match attempt(&self.group, &[range]).await {
            Ok(outcomes) => {
                let outcome = outcomes.first().copied().unwrap_or(Outcome::Passed);
                one.reached(upto, outcome);
                Ok(true)
            }
            Err(Refused::Away(failure)) => Err(failure),
            Err(Refused::Fenced) => one.look_again().await,
            Err(Refused::Handlers {
                offset,
                failure,
                offsets,
            }) => {
                match range
                    .examine(offset, failure, &offsets)
                    .await
                    .map_err(waiting)?
                {
                    Verdict::Wait(failure) => Err(failure),
                    Verdict::Shorten(limit) => {
                        one.place.limit = Some(limit);
                        Ok(true)
                    }
                    Verdict::Blame(event, failure @ Failure::Infrastructure(_)) => {
                        one.place.limit = Some(event.received.offset);
                        Err(failure)
                    }
                    Verdict::Blame(event, failure) => {
                        if !range.park(&event, &failure).await.map_err(waiting)? {
                            return one.look_again().await;
                        }
                        self.lanes.notify_one();
                        one.reached(event.received.offset, Outcome::Applied);
                        Ok(true)
                    }
                }
            }
        }
    }

    /// Gives a partition back, so that its new owner need not wait.
    async fn give_back(&self, one: &Owned) {
        let released = sqlx::query("select events.release($1, $2, $3, $4, $5)")
            .bind(self.me)
            .bind(self.group.name)
            .bind(one.slot.topic.id)
            .bind(one.slot.part)
            .bind(one.place.epoch)
            .execute(self.events.pool())
            .await;
        if let Err(error) = released {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a partition is given back late"
            );
        }
        one.slot.set_ownership(Ownership::None);
    }
}

/// What is new: the place in `owned`, and up to which offset. Every partition gets its
/// share of a transaction.
fn batch(owned: &[Owned], now: Instant) -> Vec<(usize, i64)> {
    let ready: Vec<_> = owned
        .iter()
        .enumerate()
        .filter(|(_, one)| one.is_ready(now))
        .collect();
    let share = BATCH / i64::try_from(ready.len().max(1)).unwrap_or(BATCH);
    let share = share.max(SHARE);
    ready
        .into_iter()
        .map(|(at, one)| {
            let upto = one.slot.head().min(one.place.off + share);
            (at, upto.min(one.place.limit.unwrap_or(i64::MAX)))
        })
        .collect()
}

impl Owned {
    fn begin(slot: &Arc<Slot>, grant: Grant) -> Self {
        slot.set_applied(grant.off);
        let place = Place {
            epoch: grant.epoch,
            off: grant.off,
            stored: grant.off,
            limit: None,
            failures: 0,
        };
        Self {
            slot: Arc::clone(slot),
            place,
            paused_until: None,
            unstored_since: None,
        }
    }

    fn range(&self, upto: i64) -> Range<'_> {
        Range {
            slot: &self.slot,
            place: self.place,
            upto,
        }
    }

    fn is_ready(&self, now: Instant) -> bool {
        self.slot.head() > self.place.off && self.paused_until.is_none_or(|until| until <= now)
    }

    const fn is_troubled(&self) -> bool {
        self.place.failures > 0 || self.place.limit.is_some()
    }

    fn wakes_at(&self) -> impl Iterator<Item = Instant> + use<> {
        self.paused_until
            .into_iter()
            .chain(self.unstored_since.map(|since| since + STORE_AFTER))
    }

    fn reached(&mut self, off: i64, outcome: Outcome) {
        self.place.off = off;
        match outcome {
            Outcome::Applied => {
                self.place.stored = off;
                self.unstored_since = None;
            }
            Outcome::Passed => {
                self.unstored_since.get_or_insert_with(Instant::now);
            }
        }
        if self.place.limit.is_some_and(|limit| limit <= off) {
            self.place.limit = None;
        }
        if self.place.failures > 0 {
            self.resume();
        }
        self.slot.set_applied(off);
    }

    /// The cursor was not where it was left. A commit whose answer was lost is found
    /// to have happened; otherwise the partition is somebody else's: false.
    async fn look_again(&mut self) -> Result<bool, Failure> {
        let Slot {
            group, topic, part, ..
        } = &*self.slot;
        let found = cursor::of(&group.db, group.name, topic.id, *part)
            .await
            .map_err(waiting)?;
        match found {
            Some(grant) if grant.epoch == self.place.epoch => {
                self.reached(grant.off, Outcome::Applied);
                Ok(true)
            }
            _ => {
                tracing::info!(
                    group = group.name,
                    topic = topic.name,
                    part,
                    "lost to another process"
                );
                metrics::counter!(measure::FENCED, "group" => group.name).increment(1);
                self.slot.set_ownership(Ownership::None);
                Ok(false)
            }
        }
    }

    fn pause(&mut self, failure: &Failure) {
        let Slot {
            group, topic, part, ..
        } = &*self.slot;
        self.place.failures += 1;
        if self.place.failures == 1 {
            metrics::gauge!(measure::PAUSED, "group" => group.name).increment(1.0);
            let cause = group::explain(failure);
            tracing::warn!(
                group = group.name,
                topic = topic.name,
                part,
                cause,
                "waits for what it stands on"
            );
        }
        let pause = backoff::half_jitter(
            Duration::from_millis(20),
            Duration::from_secs(5),
            self.place.failures,
        );
        self.paused_until = Some(Instant::now() + pause);
    }

    fn resume(&mut self) {
        let group = self.slot.group.name;
        metrics::gauge!(measure::PAUSED, "group" => group).decrement(1.0);
        tracing::info!(
            group,
            part = self.slot.part,
            failures = self.place.failures,
            "goes on"
        );
        self.place.failures = 0;
        self.paused_until = None;
    }

    /// Stores a cursor that was moved in memory only. When that fails, the range is
    /// looked at once more by whoever comes next.
    async fn store(&mut self) {
        if self.place.off > self.place.stored
            && matches!(self.range(self.place.off).store().await, Ok(true))
        {
            self.place.stored = self.place.off;
        }
        self.unstored_since = None;
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.place.failures > 0 {
            metrics::gauge!(measure::PAUSED, "group" => self.slot.group.name).decrement(1.0);
        }
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// The backbone's own statements fail for nobody's fault, whatever the error.
fn waiting(error: Error) -> Failure {
    Failure::Infrastructure(Box::new(error))
}

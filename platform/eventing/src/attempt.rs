//! One attempt on a range of a partition: reads it, runs the handlers, parks what has
//! to wait, and moves the cursor, in one transaction; or finds out what went wrong.

use galen_storage::Error;

use crate::group;
use crate::log::{self, Logged, Slice};
use crate::slot::Slot;
use crate::subscription::Failure;
use crate::{cursor, lane};

/// Ranges without a type that matters move the cursor in memory; it is stored with
/// the next effect, after this many offsets, or after a while.
const STORE_EVERY: i64 = 4096;

/// Where an owned partition stands.
pub(crate) struct Place {
    pub(crate) epoch: i64,
    /// Applied or passed over up to here.
    pub(crate) off: i64,
    /// What the cursor says.
    pub(crate) stored: i64,
    /// Do not go beyond this before the failure there is dealt with.
    pub(crate) limit: Option<i64>,
    pub(crate) failures: u32,
}

/// How an attempt on a range ended.
pub(crate) enum Step {
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

impl Slot {
    /// Tries to apply what follows, up to `upto`. An error is nobody's fault here.
    pub(crate) async fn step(&self, place: &Place, upto: i64) -> Result<Step, Failure> {
        let group = &self.group;
        let slice = Slice {
            group: group.name,
            topic: &self.topic,
            part: self.part,
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
        } = self;
        let mut tx = group.db.begin().await.map_err(unknown)?;
        let keys: Vec<&str> = events
            .iter()
            .filter(|event| event.waits)
            .map(|event| event.received.key.as_str())
            .collect();
        // Some of them may have been let go by now.
        let parked = lane::parked_among(&mut tx, group.name, topic.id, &keys)
            .await
            .map_err(unknown)?;
        let (waiting, clean): (Vec<_>, Vec<_>) = events
            .into_iter()
            .partition(|event| event.waits && parked.contains(&event.received.key));
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
        let event = log::read(&self.group.db, &only)
            .await
            .map_err(waiting)?
            .pop();
        event.map_or(Err(failure_of_log()), |event| {
            Ok(Step::Blame(Box::new(event), failure))
        })
    }

    /// Parks the event at the front, and moves the cursor past it. False when fenced.
    pub(crate) async fn park(
        &self,
        place: &Place,
        event: Logged,
        failure: &Failure,
    ) -> Result<bool, Error> {
        let Slot {
            group, topic, part, ..
        } = self;
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
        Ok(true)
    }

    /// Moves the cursor without an effect. False when fenced.
    pub(crate) async fn move_cursor(&self, place: &Place, off: i64) -> Result<bool, Error> {
        let Slot {
            group, topic, part, ..
        } = self;
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
}

/// The backbone's own statements fail for nobody's fault, whatever the error.
pub(crate) fn waiting(error: Error) -> Failure {
    Failure::Infrastructure(Box::new(error))
}

fn failure_of_log() -> Failure {
    waiting(Error::Inconsistent {
        column: "events.log.off",
    })
}

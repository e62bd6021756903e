//! One attempt on ranges of partitions: reads them, runs the handlers, parks what has
//! to wait, and moves the cursors, in one transaction; or finds out what went wrong.

use galen_storage::{Error, Tx};

use crate::cursor::Move;
use crate::group::{self, Group};
use crate::log::{self, Logged, Slice};
use crate::slot::Slot;
use crate::subscription::Failure;
use crate::{cursor, lane};

/// Ranges without a type that matters move the cursor in memory; it is stored with
/// the next effect, after this many offsets, or after a while.
const STORE_EVERY: i64 = 4096;

/// Where an owned partition stands.
#[derive(Debug, Clone, Copy)]
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

/// What to apply next of a partition.
#[derive(Clone, Copy)]
pub(crate) struct Range<'a> {
    pub(crate) slot: &'a Slot,
    pub(crate) place: Place,
    /// Inclusive, at most the head.
    pub(crate) upto: i64,
}

/// How a range of a successful attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Effects and cursor are committed.
    Applied,
    /// Nothing in it matters to the group; the cursor was not stored.
    Passed,
}

/// Why nothing of an attempt was committed.
pub(crate) enum Refused {
    /// A cursor is elsewhere, or somebody else's.
    Fenced,
    /// The backbone itself cannot work.
    Away(Failure),
    /// Handlers failed, on the event at an offset or (unknown) as a whole.
    Handlers {
        offset: Option<i64>,
        failure: Failure,
        /// The offsets that were applied, of the last range.
        offsets: Vec<i64>,
    },
}

/// What to do about a range that was refused.
pub(crate) enum Verdict {
    /// Apply up to here first.
    Shorten(i64),
    /// The event at the front fails.
    Blame(Box<Logged>, Failure),
    /// Nobody is to blame.
    Wait(Failure),
}

/// Applies ranges of different partitions of one group in one transaction.
pub(crate) async fn attempt(group: &Group, ranges: &[Range<'_>]) -> Result<Vec<Outcome>, Refused> {
    let slices: Vec<_> = ranges.iter().map(Range::slice).collect();
    let read = log::read(group, &slices).await.map_err(away)?;
    let outcomes: Vec<_> = ranges
        .iter()
        .zip(&read)
        .map(|(range, events)| {
            let passes = events.is_empty() && range.upto - range.place.stored < STORE_EVERY;
            if passes {
                Outcome::Passed
            } else {
                Outcome::Applied
            }
        })
        .collect();
    let moves: Vec<_> = ranges
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| **outcome == Outcome::Applied)
        .map(|(range, _)| range.to(range.upto))
        .collect();
    if moves.is_empty() {
        return Ok(outcomes);
    }
    let mut tx = group.db.begin().await.map_err(away)?;
    let mut offsets = Vec::new();
    for (range, events) in ranges.iter().zip(read) {
        offsets = events.iter().map(|event| event.received.offset).collect();
        if let Err((offset, failure)) = apply(&mut tx, range, events).await {
            // At once; merely dropped, it would keep its locks a little longer.
            tx.rollback().await.map_err(away)?;
            return Err(Refused::Handlers {
                offset,
                failure,
                offsets,
            });
        }
    }
    // A handler that swallowed an error of the database is found out here.
    let spoilt = |error: Error| Refused::Handlers {
        offset: None,
        failure: error.into(),
        offsets,
    };
    match cursor::advance(tx.conn(), group.name, &moves).await {
        Ok(true) => tx.commit().await.map_err(spoilt)?,
        Ok(false) => {
            tx.rollback().await.map_err(away)?;
            return Err(Refused::Fenced);
        }
        Err(error) => return Err(spoilt(error)),
    }
    Ok(outcomes)
}

/// Runs the handlers of one range, and adds what waits to its lanes. An error comes
/// with the offset of the event that caused it, if that is known.
async fn apply(
    tx: &mut Tx,
    range: &Range<'_>,
    events: Vec<Logged>,
) -> Result<(), (Option<i64>, Failure)> {
    let Slot {
        group, topic, part, ..
    } = range.slot;
    let unknown = |error: Error| (None, Failure::from(error));
    let keys: Vec<&str> = events
        .iter()
        .filter(|event| event.waits)
        .map(|event| event.received.key.as_str())
        .collect();
    // Some of them may have been let go by now.
    let parked = lane::parked_among(tx, group.name, topic.id, &keys)
        .await
        .map_err(unknown)?;
    let (waiting, clean): (Vec<_>, Vec<_>) = events
        .into_iter()
        .partition(|event| event.waits && parked.contains(&event.received.key));
    group.apply_all(tx, clean).await?;
    let blocked: Vec<_> = waiting.iter().map(lane::Entry::blocked).collect();
    lane::park(tx, group.name, topic.id, *part, &blocked)
        .await
        .map_err(unknown)
}

impl<'a> Range<'a> {
    fn slice(&self) -> Slice<'a> {
        Slice {
            topic: &self.slot.topic,
            part: self.slot.part,
            after: self.place.off,
            upto: self.upto,
        }
    }

    fn to(&self, off: i64) -> Move {
        let Place { epoch, stored, .. } = self.place;
        Move {
            topic: self.slot.topic.id,
            part: self.slot.part,
            epoch,
            former: stored,
            off,
        }
    }

    /// Moves the cursor without an effect. False when fenced.
    pub(crate) async fn store(&self) -> Result<bool, Error> {
        let group = &self.slot.group;
        let mut connection = group.db.pool().acquire().await?;
        cursor::advance(&mut connection, group.name, &[self.to(self.upto)]).await
    }

    /// Finds out which event a refused range failed on.
    pub(crate) async fn examine(
        &self,
        offset: Option<i64>,
        failure: Failure,
        offsets: &[i64],
    ) -> Result<Verdict, Error> {
        let first = *offsets.first().ok_or(Error::Inconsistent {
            column: "events.log.off",
        })?;
        match offset {
            Some(off) if off > first => return Ok(Verdict::Shorten(off - 1)),
            Some(_) => {}
            // The transaction as a whole: half of it tells more. What is away is
            // away for the other half as well.
            None if matches!(failure, Failure::Infrastructure(_)) => {
                return Ok(Verdict::Wait(failure));
            }
            None if offsets.len() > 1 => {
                return Ok(Verdict::Shorten(offsets[offsets.len() / 2 - 1]));
            }
            None => {}
        }
        let only = Slice {
            after: first - 1,
            upto: first,
            ..self.slice()
        };
        let event = log::read(&self.slot.group, &[only])
            .await?
            .pop()
            .and_then(|mut events| events.pop());
        let event = event.ok_or(Error::Inconsistent {
            column: "events.log.off",
        })?;
        Ok(Verdict::Blame(Box::new(event), failure))
    }

    /// Parks the event at the front, and moves the cursor past it. False when fenced.
    pub(crate) async fn park(&self, event: &Logged, failure: &Failure) -> Result<bool, Error> {
        let Slot {
            group, topic, part, ..
        } = self.slot;
        let entry = lane::Entry::failed(event, failure, &group.retry);
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
        let moved =
            cursor::advance(tx.conn(), group.name, &[self.to(event.received.offset)]).await?;
        if moved {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        Ok(moved)
    }
}

/// The backbone's own statements fail for nobody's fault, whatever the error.
fn away(error: Error) -> Refused {
    Refused::Away(Failure::Infrastructure(Box::new(error)))
}

//! Half-open intervals of instants.

use galen_kernel::Timestamp;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// From `start` up to but without `end`; never empty. Adjacent intervals do not
/// overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Bounds", into = "Bounds")]
pub struct Interval {
    start: Timestamp,
    end: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Bounds {
    start: Timestamp,
    end: Timestamp,
}

impl TryFrom<Bounds> for Interval {
    type Error = Empty;

    fn try_from(bounds: Bounds) -> Result<Self, Empty> {
        Self::new(bounds.start, bounds.end)
    }
}

impl From<Interval> for Bounds {
    fn from(interval: Interval) -> Self {
        Self {
            start: interval.start,
            end: interval.end,
        }
    }
}

/// The end is not after the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be after the start")]
pub struct Empty;

/// Midnight before the first day of year 1, in seconds since 1970: before it,
/// PostgreSQL and RFC 3339 write years differently.
const FIRST_SECOND: i64 = -62_135_596_800;
const HALF_DAY_SECONDS: i64 = 12 * 60 * 60;

/// Whether an instant lies in the years 1 to 9999.
#[must_use]
pub fn in_calendar(at: Timestamp) -> bool {
    at.as_second() >= FIRST_SECOND
}

/// An instant cut to microseconds: what the database keeps.
#[must_use]
pub fn whole_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

impl Interval {
    /// Makes an interval of whole microseconds.
    ///
    /// # Errors
    /// [`Empty`].
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, Empty> {
        let (start, end) = (whole_microseconds(start), whole_microseconds(end));
        if start < end {
            Ok(Self { start, end })
        } else {
            Err(Empty)
        }
    }

    /// The interval that begins at an instant and lasts some time; `None` when it
    /// would be empty or leave the calendar.
    #[must_use]
    pub fn lasting(start: Timestamp, length: SignedDuration) -> Option<Self> {
        Self::new(start, start.checked_add(length).ok()?).ok()
    }

    /// The first instant.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// The first instant that no longer belongs to it.
    #[must_use]
    pub const fn end(&self) -> Timestamp {
        self.end
    }

    /// How long it is.
    #[must_use]
    pub fn length(&self) -> SignedDuration {
        self.end.duration_since(self.start)
    }

    /// Whether the two have an instant in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether every instant of the other is in this one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// What the two have in common.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end)).ok()
    }

    /// The half-days since 1970 (UTC) in which a claim begins that reaches into this
    /// interval, as neither is longer than half a day: the one before, that of the
    /// start, that of the end. The schema counts the same.
    ///
    /// Always three, so that they can be bound one by one: PostgreSQL plans a statement
    /// with an array anew every time, because it cannot tell how long the array will be.
    #[must_use]
    pub fn half_days(&self) -> [i32; 3] {
        let half_day = |at: Timestamp| {
            let day = at.as_second().div_euclid(HALF_DAY_SECONDS);
            i32::try_from(day).expect("ten thousand years have seven million half-days")
        };
        let first = half_day(self.start);
        [first - 1, first, half_day(self.end)]
    }
}

/// What is left of intervals when others are taken out. Both sides may come in any
/// order and overlap; the result is sorted, disjoint and merged.
#[must_use]
pub fn without(whole: &[Interval], taken: &[Interval]) -> Vec<Interval> {
    let taken = merged(taken);
    let mut left = Vec::new();
    for interval in merged(whole) {
        let mut from = interval.start;
        let first = taken.partition_point(|t| t.end <= interval.start);
        for gone in taken[first..].iter().take_while(|t| t.start < interval.end) {
            left.extend(Interval::new(from, gone.start));
            from = gone.end;
        }
        left.extend(Interval::new(from, interval.end));
    }
    left
}

/// The same instants as sorted, disjoint intervals that do not touch.
#[must_use]
pub fn merged(intervals: &[Interval]) -> Vec<Interval> {
    let mut sorted = intervals.to_vec();
    sorted.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(sorted.len());
    for next in sorted {
        match merged.last_mut() {
            Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
            _ => merged.push(next),
        }
    }
    merged
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Small intervals, in seconds, that often touch and overlap.
    pub(crate) fn small() -> impl Strategy<Value = Interval> {
        (0_i64..60, 1_i64..15).prop_map(|(from, long)| seconds(from, from + long))
    }

    pub(crate) fn seconds(from: i64, to: i64) -> Interval {
        let second = |s| Timestamp::from_second(s).expect("small");
        Interval::new(second(from), second(to)).expect("lasts")
    }

    fn holds(intervals: &[Interval], second: i64) -> bool {
        let at = Timestamp::from_second(second).expect("small");
        intervals.iter().any(|i| i.start <= at && at < i.end)
    }

    #[test]
    fn what_does_not_last_is_no_interval() {
        let noon: Timestamp = "2026-03-01T12:00:00Z".parse().expect("an instant");
        assert_eq!(Interval::new(noon, noon), Err(Empty));
        assert_eq!(
            Interval::new(
                noon,
                "2026-03-01T12:00:00.0000009Z".parse().expect("an instant")
            ),
            Err(Empty)
        );
        assert_eq!(
            Interval::lasting(Timestamp::MAX, SignedDuration::from_secs(1)),
            None
        );
    }

    proptest! {
        #[test]
        fn overlapping_is_having_an_instant_in_common(a in small(), b in small()) {
            let common = (0..80).any(|s| holds(&[a], s) && holds(&[b], s));
            prop_assert_eq!(a.overlaps(&b), common);
            prop_assert_eq!(a.intersection(&b).is_some(), common);
            prop_assert_eq!(a.contains(&b), (0..80).all(|s| !holds(&[b], s) || holds(&[a], s)));
        }

        #[test]
        fn what_is_left_is_what_was_not_taken(
            whole in prop::collection::vec(small(), 0..6),
            taken in prop::collection::vec(small(), 0..6),
        ) {
            let left = without(&whole, &taken);
            for s in 0..80 {
                prop_assert_eq!(holds(&left, s), holds(&whole, s) && !holds(&taken, s));
            }
            prop_assert!(left.windows(2).all(|pair| pair[0].end < pair[1].start), "sorted and merged");
        }

        #[test]
        fn a_claim_of_up_to_half_a_day_is_found_in_its_half_day(
            start in -1_000_000_i64..1_000_000, length in 1_i64..=HALF_DAY_SECONDS,
            from in -1_000_000_i64..1_000_000, long in 1_i64..HALF_DAY_SECONDS,
        ) {
            let (claim, wanted) = (seconds(start, start + length), seconds(from, from + long));
            if claim.overlaps(&wanted) {
                let cell = i32::try_from(start.div_euclid(HALF_DAY_SECONDS)).expect("small");
                prop_assert!(wanted.half_days().contains(&cell));
            }
        }
    }
}

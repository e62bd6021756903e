//! Half-open intervals of instants.

use galen_kernel::Timestamp;
use jiff::SignedDuration;

/// From `start` up to but without `end`; never empty. Adjacent intervals do not
/// overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    start: Timestamp,
    end: Timestamp,
}

/// Why two instants are no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// The start lies before year 1, where PostgreSQL and jiff begin to differ.
    #[error("must lie in the years 1 to 9999")]
    StartOutsideCalendar,
    /// The end lies before year 1.
    #[error("must lie in the years 1 to 9999")]
    EndOutsideCalendar,
    /// The end is not after the start.
    #[error("must be after the start")]
    Empty,
}

impl IntervalError {
    /// The field error's code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::StartOutsideCalendar | Self::EndOutsideCalendar => "OUT_OF_RANGE",
            Self::Empty => "END_NOT_AFTER_START",
        }
    }
}

/// Midnight before the first day of year 1, in seconds since 1970.
const FIRST_SECOND: i64 = -62_135_596_800;

/// Whether an instant lies in the years 1 to 9999 of UTC.
#[must_use]
pub fn in_calendar(at: Timestamp) -> bool {
    at.as_second() >= FIRST_SECOND
}

impl Interval {
    /// Makes an interval of whole microseconds, which is what the database keeps.
    ///
    /// # Errors
    /// [`IntervalError`].
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, IntervalError> {
        if !in_calendar(start) {
            return Err(IntervalError::StartOutsideCalendar);
        }
        if !in_calendar(end) {
            return Err(IntervalError::EndOutsideCalendar);
        }
        let (start, end) = (whole_microseconds(start), whole_microseconds(end));
        if start < end {
            Ok(Self { start, end })
        } else {
            Err(IntervalError::Empty)
        }
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
}

fn whole_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn only_what_lasts_and_can_be_stored_is_an_interval() {
        let noon = at("2025-03-01T12:00:00Z");
        assert_eq!(Interval::new(noon, noon), Err(IntervalError::Empty));
        assert_eq!(
            Interval::new(at("-000001-01-01T00:00:00Z"), noon),
            Err(IntervalError::StartOutsideCalendar)
        );
        assert_eq!(
            Interval::new(noon, at("0000-12-31T23:59:59Z")),
            Err(IntervalError::EndOutsideCalendar)
        );
        assert!(Interval::new(at("0001-01-01T00:00:00Z"), Timestamp::MAX).is_ok());
        let below_a_microsecond = at("2025-03-01T12:00:00.0000009Z");
        assert_eq!(
            Interval::new(noon, below_a_microsecond),
            Err(IntervalError::Empty)
        );
    }

    proptest! {
        #[test]
        fn overlapping_is_having_an_instant_in_common(a in 0_i64..30, b in 1_i64..10, c in 0_i64..30, d in 1_i64..10) {
            let span = |from: i64, long: i64| {
                let second = |s| Timestamp::from_second(s).expect("small");
                Interval::new(second(from), second(from + long)).expect("lasts")
            };
            let common = (a..a + b).any(|s| (c..c + d).contains(&s));
            prop_assert_eq!(span(a, b).overlaps(&span(c, d)), common);
            prop_assert_eq!(span(c, d).overlaps(&span(a, b)), common);
        }
    }
}

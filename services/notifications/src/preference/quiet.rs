//! Quiet hours: a part of the local day, which may span midnight.

use std::fmt;
use std::str::FromStr;

use galen_kernel::Timestamp;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _, civil};

/// A minute of the local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(i16);

/// Not a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of day such as \"22:30\"")]
pub struct NotAMinute;

impl Minute {
    /// From minutes after midnight; `None` outside a day.
    #[must_use]
    pub const fn new(after_midnight: i16) -> Option<Self> {
        if 0 <= after_midnight && after_midnight < 24 * 60 {
            Some(Self(after_midnight))
        } else {
            None
        }
    }

    /// Minutes after midnight.
    #[must_use]
    pub const fn after_midnight(self) -> i16 {
        self.0
    }

    fn of(time: civil::Time) -> Self {
        Self(i16::from(time.hour()) * 60 + i16::from(time.minute()))
    }

    fn on(self, date: civil::Date) -> civil::DateTime {
        date.to_datetime(civil::Time::midnight())
            .saturating_add(SignedDuration::from_mins(i64::from(self.0)))
    }
}

impl FromStr for Minute {
    type Err = NotAMinute;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let two = |digits: &str| -> Option<i16> {
            let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        let (hour, minute) = s.split_once(':').ok_or(NotAMinute)?;
        match (two(hour), two(minute)) {
            (Some(hour @ 0..24), Some(minute @ 0..60)) => Ok(Self(hour * 60 + minute)),
            _ => Err(NotAMinute),
        }
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// From one minute of the local day up to, not including, another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    from: Minute,
    to: Minute,
}

impl QuietHours {
    /// `None` when both are the same: neither nothing nor everything is meant by it.
    #[must_use]
    pub fn new(from: Minute, to: Minute) -> Option<Self> {
        (from != to).then_some(Self { from, to })
    }

    /// When it becomes quiet.
    #[must_use]
    pub const fn from(&self) -> Minute {
        self.from
    }

    /// When it is no longer quiet.
    #[must_use]
    pub const fn to(&self) -> Minute {
        self.to
    }

    /// Whether it is quiet at an instant.
    #[must_use]
    pub fn covers(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let now = Minute::of(zone.to_datetime(at).time());
        if self.from < self.to {
            self.from <= now && now < self.to
        } else {
            self.from <= now || now < self.to
        }
    }

    /// The first instant from `at` on at which it is not quiet; `at` itself when it
    /// is not quiet then.
    ///
    /// It stops being quiet where the local clock shows `to`, or where a change of
    /// daylight saving time makes the clock jump over it. A clock that is put back
    /// shows `to` twice; the instant may be either.
    #[must_use]
    pub fn over(&self, at: Timestamp, zone: &TimeZone) -> Timestamp {
        if !self.covers(at, zone) {
            return at;
        }
        // Three days always hold an end: quiet hours last less than a day, and no
        // zone changes its clock every day.
        let horizon = at
            .saturating_add(SignedDuration::from_hours(72))
            .unwrap_or(at);
        let jumps = zone
            .following(at)
            .map(|t| t.timestamp())
            .take_while(|t| *t <= horizon);
        let today = zone.to_datetime(at).date();
        let ends = (-1..=4)
            .filter_map(|day| today.checked_add(day.days()).ok())
            .flat_map(|date| {
                let local = zone.to_ambiguous_timestamp(self.to.on(date));
                [local.earlier(), local.later()]
            });
        jumps
            .chain(ends.filter_map(Result::ok))
            .filter(|end| *end > at && !self.covers(*end, zone))
            .min()
            .unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn quiet(from: &str, to: &str) -> QuietHours {
        let read = |text: &str| text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        QuietHours::new(read(from), read(to)).expect("two different minutes")
    }

    #[test]
    fn a_night_spans_midnight() {
        let (night, berlin) = (quiet("22:00", "07:00"), zone("Europe/Berlin"));
        assert_eq!(
            night.over(at("2026-01-10T22:30:00Z"), &berlin),
            at("2026-01-11T06:00:00Z")
        );
        assert_eq!(
            night.over(at("2026-01-11T05:59:59Z"), &berlin),
            at("2026-01-11T06:00:00Z")
        );
        assert_eq!(
            night.over(at("2026-01-11T06:00:00Z"), &berlin),
            at("2026-01-11T06:00:00Z")
        );
        assert_eq!(
            night.over(at("2026-01-11T12:00:00Z"), &berlin),
            at("2026-01-11T12:00:00Z")
        );
    }

    #[test]
    fn an_end_that_the_clock_jumps_over_is_where_it_jumps() {
        // 29 March 2026 in Berlin: 02:00 becomes 03:00 at 01:00 UTC.
        let ends = quiet("22:00", "02:30").over(at("2026-03-29T00:10:00Z"), &zone("Europe/Berlin"));
        assert_eq!(ends, at("2026-03-29T01:00:00Z"));
    }

    #[test]
    fn a_time_of_day_is_read_strictly() {
        for wrong in ["24:00", "7:00", "07:60", "07-00", "", "+7:00", "07:0é"] {
            assert_eq!(wrong.parse::<Minute>(), Err(NotAMinute), "{wrong}");
        }
        assert_eq!(
            "23:59".parse::<Minute>().map(|m| m.to_string()).as_deref(),
            Ok("23:59")
        );
    }

    const ZONES: [&str; 8] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Africa/Casablanca",
        "Pacific/Apia",
        "America/St_Johns",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Against the definition: walk minute by minute until it is not quiet.
        #[test]
        fn the_end_is_the_first_minute_that_is_not_quiet(
            name in proptest::sample::select(&ZONES[..]),
            // Whole minutes from 2009 to 2036; the second range is around the
            // changes of the clock in 2026.
            minute in prop_oneof![20_500_000_i64..34_700_000, 29_577_000_i64..29_581_000, 29_883_000_i64..29_888_000],
            from in 0_i16..1440,
            length in 1_i16..1440,
        ) {
            let zone = zone(name);
            let start = Timestamp::from_second(minute * 60).expect("within range");
            let (from, to) = (Minute::new(from).expect("a minute"), Minute::new((from + length) % 1440).expect("a minute"));
            let quiet = QuietHours::new(from, to).expect("two different minutes");
            let mut first = start;
            while quiet.covers(first, &zone) {
                first += SignedDuration::from_mins(1);
            }
            prop_assert_eq!(quiet.over(start, &zone), first);
        }

        #[test]
        fn what_is_written_is_read(minute in 0_i16..1440) {
            let minute = Minute::new(minute).expect("a minute");
            prop_assert_eq!(minute.to_string().parse(), Ok(minute));
        }
    }
}

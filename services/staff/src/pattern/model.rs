//! A weekly pattern and the days it falls on. Pure.
//!
//! A pattern speaks of wall-clock times, so that eight o'clock stays eight o'clock
//! when the clocks change. A wall-clock time that a change skips is the moment of
//! the change; one that a change repeats is the first of the two. Later times never
//! become earlier instants that way, so patterns that meet at the same wall-clock
//! time neither overlap nor leave a gap. (RFC 5545 moves skipped times behind the
//! gap instead, where half past two would come after three.)

use galen_contracts::ids::PractitionerId;
use galen_kernel::{Id, Problem, Timestamp};
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, AmbiguousTimestamp, TimeZone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::interval::Interval;
use crate::practitioner::model::PractitionerError;
use crate::shift::model::ShiftKind;

/// Marker of a pattern's id.
pub enum PatternKey {}
/// A pattern's id.
pub type PatternId = Id<PatternKey>;

/// The most weeks from one turn to the next.
pub const LONGEST_TURN: i16 = 52;

/// A day of the week.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Day {
    /// Monday.
    Mon = 1,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// Every day, Monday first (ISO 8601).
    pub const ALL: [Self; 7] = [
        Self::Mon,
        Self::Tue,
        Self::Wed,
        Self::Thu,
        Self::Fri,
        Self::Sat,
        Self::Sun,
    ];

    /// Monday is 1 (ISO 8601).
    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The day with that number.
    #[must_use]
    pub fn numbered(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|day| day.number() == number)
    }

    fn is(self, weekday: Weekday) -> bool {
        self.number() == i16::from(weekday.to_monday_one_offset())
    }
}

/// On which days, from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    /// The days of the week, in order, each once.
    pub weekdays: Vec<Day>,
    /// Wall-clock start.
    pub start_time: Time,
    /// Wall-clock end; on the next day when not after the start.
    pub end_time: Time,
    /// The first day.
    pub valid_from: Date,
    /// The last day, itself included; `None` is until further notice.
    pub valid_to: Option<Date>,
    /// Every so many weeks, counted from the week (Monday to Sunday) of `valid_from`.
    pub weeks_interval: i16,
}

/// A weekly pattern that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Its id.
    pub id: PatternId,
    /// Who works.
    pub practitioner: PractitionerId,
    /// What for.
    pub kind: ShiftKind,
    /// When.
    pub timetable: Timetable,
    /// Every day before this one has been planned or skipped.
    pub planned_until: Date,
    /// Rises by one with every change.
    pub version: i64,
}

/// Why a day of a pattern got no shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SkipReason {
    /// The practitioner has another shift then.
    ShiftOverlap,
    /// The clocks change, and nothing is left between the two times.
    NoSuchTime,
}

/// A day that a pattern falls on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// The day, on which it begins.
    pub date: Date,
    /// The time, unless the clocks leave none.
    pub during: Result<Interval, SkipReason>,
}

impl Timetable {
    /// The days in `[from, until)` that this falls on, in order, with their times in
    /// a zone.
    #[must_use]
    pub fn occurrences(&self, from: Date, until: Date, zone: &TimeZone) -> Vec<Occurrence> {
        let first = from.max(self.valid_from);
        std::iter::successors(Some(first), |date| date.tomorrow().ok())
            .take_while(|date| *date < until && self.valid_to.is_none_or(|last| *date <= last))
            .filter(|date| self.falls_on(*date))
            .map(|date| Occurrence {
                date,
                during: self.during(date, zone).ok_or(SkipReason::NoSuchTime),
            })
            .collect()
    }

    /// Whether a day that is not before the first one is a day of this pattern.
    fn falls_on(&self, date: Date) -> bool {
        let days = date.duration_since(self.valid_from).as_hours() / 24;
        let into_week = i64::from(self.valid_from.weekday().to_monday_zero_offset());
        let week = (days + into_week).div_euclid(7);
        week % i64::from(self.weeks_interval) == 0
            && self.weekdays.iter().any(|day| day.is(date.weekday()))
    }

    fn during(&self, date: Date, zone: &TimeZone) -> Option<Interval> {
        let last_day = if self.end_time > self.start_time {
            date
        } else {
            date.tomorrow().ok()?
        };
        let start = instant(date.to_datetime(self.start_time), zone)?;
        let end = instant(last_day.to_datetime(self.end_time), zone)?;
        Interval::new(start, end).ok()
    }
}

/// When the clocks of a zone show a time; `None` outside the calendar.
fn instant(on_the_clock: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(on_the_clock);
    if is_skipped(&ambiguous) {
        let before_the_change = ambiguous.earlier().ok()?;
        return zone
            .following(before_the_change)
            .next()
            .map(|change| change.timestamp());
    }
    ambiguous.earlier().ok()
}

/// Whether the clocks jump over a time.
fn is_skipped(time: &AmbiguousTimestamp) -> bool {
    matches!(time.offset(), AmbiguousOffset::Gap { .. })
}

/// Why a command on a pattern is refused.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// There is none, or it has ended.
    #[error("no such shift pattern")]
    Unknown,
    /// The practitioner refuses.
    #[error(transparent)]
    Practitioner(#[from] PractitionerError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
}

impl From<PatternError> for Problem {
    fn from(error: PatternError) -> Self {
        match error {
            PatternError::Unknown => Self::not_found(),
            PatternError::Practitioner(error) => error.into(),
            PatternError::Storage(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};
    use jiff::{SignedDuration, ToSpan as _};
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn daily(start_time: Time, end_time: Time, valid_from: Date) -> Timetable {
        Timetable {
            weekdays: Day::ALL.to_vec(),
            start_time,
            end_time,
            valid_from,
            valid_to: None,
            weeks_interval: 1,
        }
    }

    fn hours(timetable: &Timetable, on: Date, zone: &TimeZone) -> Result<f64, SkipReason> {
        let tomorrow = on.tomorrow().expect("not the last day");
        timetable.occurrences(on, tomorrow, zone)[0]
            .during
            .map(|during| during.length().as_secs_f64() / 3600.0)
    }

    #[test]
    fn a_night_shift_is_as_long_as_the_night() {
        let berlin = zone("Europe/Berlin");
        let night = daily(time(22, 0, 0, 0), time(6, 0, 0, 0), date(2025, 1, 1));
        assert_eq!(hours(&night, date(2025, 3, 28), &berlin), Ok(8.0));
        assert_eq!(
            hours(&night, date(2025, 3, 29), &berlin),
            Ok(7.0),
            "the clocks go forward"
        );
        assert_eq!(
            hours(&night, date(2025, 10, 25), &berlin),
            Ok(9.0),
            "the clocks go back"
        );
    }

    #[test]
    fn an_hour_that_does_not_exist_is_skipped() {
        let berlin = zone("Europe/Berlin");
        let hour = daily(time(2, 0, 0, 0), time(3, 0, 0, 0), date(2025, 1, 1));
        assert_eq!(
            hours(&hour, date(2025, 3, 30), &berlin),
            Err(SkipReason::NoSuchTime)
        );
        assert_eq!(
            hours(&hour, date(2025, 10, 26), &berlin),
            Ok(2.0),
            "two o'clock comes twice"
        );
        let early = daily(time(2, 30, 0, 0), time(10, 30, 0, 0), date(2025, 1, 1));
        assert_eq!(
            hours(&early, date(2025, 3, 30), &berlin),
            Ok(7.5),
            "begins when the clocks change"
        );
    }

    #[test]
    fn a_day_that_does_not_exist_is_skipped() {
        // Samoa crossed the date line: the day after the 29th was the 31st.
        let apia = zone("Pacific/Apia");
        let day = daily(time(8, 0, 0, 0), time(16, 0, 0, 0), date(2011, 12, 1));
        assert_eq!(
            hours(&day, date(2011, 12, 30), &apia),
            Err(SkipReason::NoSuchTime)
        );
        assert_eq!(hours(&day, date(2011, 12, 31), &apia), Ok(8.0));
    }

    #[test]
    fn equal_times_are_a_whole_day() {
        let around = daily(time(8, 0, 0, 0), time(8, 0, 0, 0), date(2025, 1, 1));
        assert_eq!(
            hours(&around, date(2025, 1, 6), &zone("Europe/Istanbul")),
            Ok(24.0)
        );
    }

    #[test]
    fn every_second_week_counts_from_the_week_of_the_first_day() {
        // 2025-01-08 is a Wednesday: its Monday has passed, its Friday has not.
        let timetable = Timetable {
            weekdays: vec![Day::Mon, Day::Fri],
            weeks_interval: 2,
            ..daily(time(8, 0, 0, 0), time(12, 0, 0, 0), date(2025, 1, 8))
        };
        let days: Vec<Date> = timetable
            .occurrences(date(2025, 1, 1), date(2025, 2, 8), &TimeZone::UTC)
            .iter()
            .map(|o| o.date)
            .collect();
        assert_eq!(
            days,
            [
                date(2025, 1, 10),
                date(2025, 1, 20),
                date(2025, 1, 24),
                date(2025, 2, 3),
                date(2025, 2, 7)
            ]
        );
    }

    #[test]
    fn the_end_of_the_calendar_is_no_occasion_to_fail() {
        let night = daily(time(22, 0, 0, 0), time(6, 0, 0, 0), date(9999, 12, 28));
        let found = night.occurrences(date(9999, 12, 1), Date::MAX, &zone("Europe/Berlin"));
        assert_eq!(found.len(), 3);
    }

    fn zones() -> impl Strategy<Value = TimeZone> {
        prop::sample::select(vec![
            "Africa/Casablanca",
            "America/New_York",
            "America/Sao_Paulo",
            "Antarctica/Troll",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Europe/Berlin",
            "Europe/Istanbul",
            "Pacific/Apia",
            "UTC",
        ])
        .prop_map(zone)
    }

    prop_compose! {
        fn days()(year in 2005_i16..2030, day in 1_i16..=365) -> Date {
            Date::new(year, 1, 1).and_then(|first| first.checked_add(i32::from(day - 1).days())).expect("an ordinary year")
        }
    }

    prop_compose! {
        fn times()(quarter in 0_i8..96) -> Time {
            time(quarter / 4, quarter % 4 * 15, 0, 0)
        }
    }

    proptest! {
        #[test]
        fn shifts_keep_to_the_clock_on_the_wall(zone in zones(), start in times(), end in times(), from in days()) {
            let timetable = daily(start, end, from);
            for occurrence in timetable.occurrences(from, from.saturating_add(200.days()), &zone) {
                let Ok(during) = occurrence.during else { continue };
                let last_day = if end > start { occurrence.date } else { occurrence.date.tomorrow().expect("small") };
                for (at, wall) in [(during.start(), occurrence.date.to_datetime(start)), (during.end(), last_day.to_datetime(end))] {
                    let on_the_wall = zone.to_datetime(at);
                    let skipped = is_skipped(&zone.to_ambiguous_timestamp(wall));
                    prop_assert!(on_the_wall == wall || skipped, "{} is {} in {:?}", wall, on_the_wall, zone);
                }
                prop_assert!(during.length() <= SignedDuration::from_hours(36));
            }
        }

        #[test]
        fn a_day_is_skipped_only_when_the_clocks_change(zone in zones(), start in times(), end in times(), from in days()) {
            for occurrence in daily(start, end, from).occurrences(from, from.saturating_add(400.days()), &zone) {
                if occurrence.during.is_err() {
                    let last_day = if end > start { occurrence.date } else { occurrence.date.tomorrow().expect("small") };
                    let changes = [occurrence.date.to_datetime(start), last_day.to_datetime(end)]
                        .into_iter()
                        .any(|wall| is_skipped(&zone.to_ambiguous_timestamp(wall)));
                    prop_assert!(changes, "{} in {:?}", occurrence.date, zone);
                }
            }
        }

        #[test]
        fn turns_that_hand_over_leave_no_gap_and_do_not_overlap(zone in zones(), mut handovers in prop::array::uniform3(times()), from in days()) {
            handovers.sort();
            let [a, b, c] = handovers;
            prop_assume!(a < b && b < c);
            let mut turns: Vec<Interval> = [(a, b), (b, c), (c, a)]
                .into_iter()
                .flat_map(|(start, end)| daily(start, end, from).occurrences(from, from.saturating_add(200.days()), &zone))
                .filter_map(|occurrence| occurrence.during.ok())
                .collect();
            turns.sort_by_key(Interval::start);
            for pair in turns.windows(2) {
                prop_assert_eq!(pair[0].end(), pair[1].start(), "in {:?}", zone);
            }
        }

        #[test]
        fn every_wished_day_is_found_and_no_other(
            weekdays in prop::collection::btree_set(prop::sample::select(Day::ALL.to_vec()), 1..=7),
            weeks_interval in 1_i16..5,
            valid_from in days(),
            lasting in prop::option::of(0_i32..100),
            ahead in -50_i32..50,
            window in 0_i32..120,
        ) {
            let valid_to = lasting.map(|days| valid_from.saturating_add(days.days()));
            let timetable = Timetable {
                weekdays: weekdays.into_iter().collect(),
                valid_to,
                weeks_interval,
                ..daily(time(8, 0, 0, 0), time(12, 0, 0, 0), valid_from)
            };
            let from = valid_from.saturating_add(ahead.days());
            let until = from.saturating_add(window.days());
            let found: Vec<Date> = timetable.occurrences(from, until, &TimeZone::UTC).iter().map(|o| o.date).collect();

            let first_monday = valid_from.saturating_sub(valid_from.weekday().to_monday_zero_offset().days());
            let wished: Vec<Date> = (0..window)
                .map(|n| from.saturating_add(n.days()))
                .filter(|day| *day >= valid_from && valid_to.is_none_or(|last| *day <= last))
                .filter(|day| {
                    let mut monday = first_monday;
                    while monday.saturating_add(7.days()) <= *day {
                        monday = monday.saturating_add((7 * i32::from(weeks_interval)).days());
                    }
                    *day >= monday && timetable.weekdays.iter().any(|wanted| wanted.is(day.weekday()))
                })
                .collect();
            prop_assert_eq!(found, wished);
        }
    }
}

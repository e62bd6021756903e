//! A series and when its occurrences are. Pure.

use galen_contracts::ids::{PatientId, PractitionerId, UserId};
use galen_kernel::Timestamp;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::appointment::model::SeriesId;
use crate::interval::Interval;
use crate::service_type::ServiceType;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Frequency {
    /// Every so many days.
    Daily,
    /// Every so many weeks.
    Weekly,
    /// Every so many months; on the last day where a month has no such day.
    Monthly,
}

impl Frequency {
    /// Every frequency.
    pub const ALL: &[Self] = &[Self::Daily, Self::Weekly, Self::Monthly];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Daily => "DAILY",
            Self::Weekly => "WEEKLY",
            Self::Monthly => "MONTHLY",
        }
    }

    /// The frequency of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|frequency| frequency.name() == name)
    }
}

/// What to do about occurrences that cannot be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OnConflict {
    /// Book the others.
    Skip,
    /// Book nothing.
    Fail,
}

/// The rule of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recurrence {
    /// The first occurrence.
    pub first: Interval,
    /// How often.
    pub frequency: Frequency,
    /// Every how many days, weeks or months.
    pub every: i16,
    /// How many occurrences.
    pub count: i16,
}

impl Recurrence {
    /// When the occurrences are: at the same time of day on the hospital's clocks, also
    /// across a change to or from summer time, and always as long as the first.
    /// `None` when one of them would leave the calendar.
    #[must_use]
    pub fn occurrences(&self, zone: &TimeZone) -> Option<Vec<Interval>> {
        let first = self.first.start().to_zoned(zone.clone());
        let occurrence = |n: i64| {
            let steps = i64::from(self.every) * n;
            let span = match self.frequency {
                Frequency::Daily => Span::new().try_days(steps),
                Frequency::Weekly => Span::new().try_weeks(steps),
                Frequency::Monthly => Span::new().try_months(steps),
            };
            let start = first.checked_add(span.ok()?).ok()?.timestamp();
            Interval::lasting(start, self.first.length())
        };
        (0..i64::from(self.count)).map(occurrence).collect()
    }
}

/// Why an occurrence was not booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[schema(as = SeriesConflictReason)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The practitioner has another appointment.
    SlotTaken,
    /// The patient has another appointment.
    PatientBusy,
    /// The practitioner does not work then.
    PractitionerUnavailable,
}

impl Reason {
    /// Every reason.
    pub const ALL: &[Self] = &[
        Self::SlotTaken,
        Self::PatientBusy,
        Self::PractitionerUnavailable,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlotTaken => "SLOT_TAKEN",
            Self::PatientBusy => "PATIENT_BUSY",
            Self::PractitionerUnavailable => "PRACTITIONER_UNAVAILABLE",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.name() == name)
    }
}

/// An occurrence that was not booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict {
    /// When it would have begun.
    pub start: Timestamp,
    /// Why not.
    pub reason: Reason,
}

/// A series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Its id.
    pub id: SeriesId,
    /// Whose.
    pub patient: PatientId,
    /// With whom.
    pub practitioner: PractitionerId,
    /// What for.
    pub service_type: ServiceType,
    /// When.
    pub recurrence: Recurrence,
    /// The account that made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the rest of it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// Rises by one with every change.
    pub version: i64,
}

/// The length of an occurrence.
#[must_use]
pub fn length(minutes: i16) -> SignedDuration {
    SignedDuration::from_mins(i64::from(minutes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a zone of the database")
    }

    fn recurrence(start: &str, frequency: Frequency, every: i16, count: i16) -> Recurrence {
        let start = start.parse().unwrap_or_else(|e| panic!("{start}: {e}"));
        Recurrence {
            first: Interval::lasting(start, length(30)).expect("lasts"),
            frequency,
            every,
            count,
        }
    }

    fn local(recurrence: Recurrence, zone: &TimeZone) -> Vec<String> {
        let occurrences = recurrence.occurrences(zone).expect("in the calendar");
        occurrences
            .iter()
            .map(|o| {
                o.start()
                    .to_zoned(zone.clone())
                    .strftime("%F %R")
                    .to_string()
            })
            .collect()
    }

    #[test]
    fn every_name_is_the_same_everywhere() {
        for frequency in Frequency::ALL {
            assert_eq!(Frequency::named(frequency.name()), Some(*frequency));
            assert_eq!(
                serde_json::to_value(frequency).ok(),
                Some(frequency.name().into())
            );
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::named(reason.name()), Some(*reason));
            assert_eq!(
                serde_json::to_value(reason).ok(),
                Some(reason.name().into())
            );
        }
    }

    #[test]
    fn nine_in_the_morning_stays_nine_in_the_morning() {
        let berlin = zone("Europe/Berlin");
        let weekly = recurrence("2026-03-20T09:00:00+01:00", Frequency::Weekly, 1, 3);
        assert_eq!(
            local(weekly, &berlin),
            ["2026-03-20 09:00", "2026-03-27 09:00", "2026-04-03 09:00"]
        );
        let instants: Vec<Timestamp> = weekly
            .occurrences(&berlin)
            .expect("in the calendar")
            .iter()
            .map(Interval::start)
            .collect();
        assert_eq!(
            instants[1].duration_since(instants[0]),
            SignedDuration::from_hours(7 * 24)
        );
        assert_eq!(
            instants[2].duration_since(instants[1]),
            SignedDuration::from_hours(7 * 24 - 1)
        );
    }

    #[test]
    fn a_time_that_the_clocks_skip_moves_on_by_the_gap_and_lasts_as_long() {
        let berlin = zone("Europe/Berlin");
        let daily = recurrence("2026-03-28T02:30:00+01:00", Frequency::Daily, 1, 3);
        assert_eq!(
            local(daily, &berlin),
            ["2026-03-28 02:30", "2026-03-29 03:30", "2026-03-30 02:30"]
        );
        let occurrences = daily.occurrences(&berlin).expect("in the calendar");
        assert!(occurrences.iter().all(|o| o.length() == length(30)));
    }

    #[test]
    fn short_months_end_early_and_long_ones_do_not() {
        let monthly = recurrence("2026-01-31T10:00:00Z", Frequency::Monthly, 1, 4);
        assert_eq!(
            local(monthly, &TimeZone::UTC),
            [
                "2026-01-31 10:00",
                "2026-02-28 10:00",
                "2026-03-31 10:00",
                "2026-04-30 10:00"
            ]
        );
    }

    proptest! {
        #[test]
        fn occurrences_are_as_many_as_wanted_rising_and_alike(
            start in 1_700_000_000_i64..1_900_000_000, every in 1_i16..12, count in 1_i16..52,
            frequency in prop::sample::select(Frequency::ALL),
        ) {
            let start = Timestamp::from_second(start).expect("small");
            let first = Interval::lasting(start, length(45)).expect("lasts");
            let recurrence = Recurrence { first, frequency, every, count };
            let occurrences = recurrence.occurrences(&zone("America/New_York")).expect("in the calendar");
            prop_assert_eq!(occurrences.len(), usize::try_from(count).expect("small"));
            prop_assert_eq!(occurrences[0], first);
            prop_assert!(occurrences.windows(2).all(|pair| pair[0].end() <= pair[1].start()));
            prop_assert!(occurrences.iter().all(|o| o.length() == first.length()));
        }
    }
}

//! Makes shifts from a pattern: when it is created, and every night for the days
//! that came into reach.

use galen_eventing::Publish as _;
use galen_kernel::Clock;
use galen_storage::{Error, Tx};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::model::{Pattern, SkipReason};
use crate::shift::model::{self, Shift};
use crate::shift::store;

/// How far ahead patterns are planned, in whose zone.
#[derive(Debug, Clone)]
pub struct Horizon {
    zone: TimeZone,
    days: u16,
}

/// What became of a pattern's days.
#[derive(Debug)]
pub struct Materialised {
    /// The shifts that were made.
    pub created: usize,
    /// The days that got none, in order.
    pub skipped: Vec<(Date, SkipReason)>,
}

impl Horizon {
    /// `days` from today on, on the clocks of `zone`.
    #[must_use]
    pub const fn new(zone: TimeZone, days: u16) -> Self {
        Self { zone, days }
    }

    /// Today in the hospital.
    #[must_use]
    pub fn today(&self, clock: &Clock) -> Date {
        self.zone.to_datetime(clock.now()).date()
    }

    /// The first day that is out of reach.
    #[must_use]
    pub fn end(&self, clock: &Clock) -> Date {
        self.today(clock)
            .saturating_add(i32::from(self.days).days())
    }

    /// Makes the pattern's shifts in `[from, until)`. Where the practitioner has a
    /// shift already, the day is skipped: what was planned by hand goes first. The
    /// caller holds the practitioner's lock.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn materialise(
        &self,
        tx: &mut Tx,
        pattern: &Pattern,
        from: Date,
        until: Date,
    ) -> Result<Materialised, Error> {
        let clock = tx.clock().clone();
        let mut wanted = Vec::new();
        let mut skipped = Vec::new();
        for occurrence in pattern.timetable.occurrences(from, until, &self.zone) {
            match occurrence.during {
                Ok(during) => wanted.push((
                    occurrence.date,
                    Shift {
                        id: clock.id(),
                        practitioner: pattern.practitioner,
                        kind: pattern.kind,
                        during,
                        origin: Some((pattern.id, occurrence.date)),
                        version: 1,
                    },
                )),
                Err(reason) => skipped.push((occurrence.date, reason)),
            }
        }
        let (dates, shifts): (Vec<Date>, Vec<Shift>) = wanted.into_iter().unzip();
        let planned = if shifts.is_empty() {
            Default::default()
        } else {
            store::plan(tx, &shifts, clock.now()).await?
        };
        skipped.extend(
            dates
                .iter()
                .zip(&shifts)
                .filter(|(_, shift)| !planned.contains(&shift.id))
                .map(|(date, _)| (*date, SkipReason::ShiftOverlap)),
        );
        skipped.sort_by_key(|(date, _)| *date);
        let created: Vec<Shift> = shifts
            .into_iter()
            .filter(|shift| planned.contains(&shift.id))
            .collect();
        for event in model::planned(pattern.practitioner, &created) {
            tx.publish(&event);
        }
        Ok(Materialised {
            created: created.len(),
            skipped,
        })
    }
}

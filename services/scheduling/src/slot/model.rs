//! Free slots: what is left of somebody's presence, cut into lengths of a service.
//! Pure.

use std::collections::BTreeMap;

use galen_kernel::Timestamp;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::interval::{Interval, without};

/// A free time of a practitioner. Ordered by start, then by practitioner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot {
    /// From then on.
    pub start: Timestamp,
    /// Whose.
    pub practitioner: Uuid,
}

/// What is known of some practitioners' time.
#[derive(Debug, Default)]
pub struct Agenda {
    /// When they are present.
    pub present: Vec<(Uuid, Interval)>,
    /// When they are taken.
    pub taken: Vec<(Uuid, Interval)>,
}

impl Agenda {
    /// The free slots of a length that begin in a window, by start and practitioner.
    ///
    /// Slots lie on a grid that begins with each presence, so that a short booking
    /// does not shift all that follow it.
    #[must_use]
    pub fn slots(&self, window: Interval, length: SignedDuration) -> Vec<Slot> {
        let (present, taken) = (by_practitioner(&self.present), by_practitioner(&self.taken));
        let mut slots = Vec::new();
        for (practitioner, presences) in present {
            let taken = taken.get(&practitioner).map_or(&[][..], Vec::as_slice);
            for presence in presences {
                let free = without(&[presence], taken);
                let starts = grid(presence, window, length).map(|slot| (slot.start(), slot));
                let fits = starts.filter(|(_, slot)| {
                    let candidate = free.partition_point(|f| f.end() <= slot.start());
                    free.get(candidate).is_some_and(|f| f.contains(slot))
                });
                slots.extend(fits.map(|(start, _)| Slot {
                    start,
                    practitioner,
                }));
            }
        }
        slots.sort_unstable();
        slots
    }
}

fn by_practitioner(times: &[(Uuid, Interval)]) -> BTreeMap<Uuid, Vec<Interval>> {
    let mut sorted: BTreeMap<Uuid, Vec<Interval>> = BTreeMap::new();
    for (practitioner, during) in times {
        sorted.entry(*practitioner).or_default().push(*during);
    }
    sorted
}

/// The places of a presence's grid that begin in the window.
fn grid(
    presence: Interval,
    window: Interval,
    length: SignedDuration,
) -> impl Iterator<Item = Interval> {
    let step = length.as_micros().max(1);
    let before = window
        .start()
        .duration_since(presence.start())
        .as_micros()
        .max(0);
    let first = i64::try_from((before + step - 1) / step).unwrap_or(i64::MAX);
    let last = presence.end().min(window.end());
    (first..)
        .map_while(move |n| {
            let offset = i64::try_from(step).ok()?.checked_mul(n)?;
            let start = presence
                .start()
                .checked_add(SignedDuration::from_micros(offset))
                .ok()?;
            Interval::lasting(start, length)
        })
        .take_while(move |slot| slot.start() < last && slot.end() <= presence.end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::interval::tests::{seconds, small};

    const SOMEBODY: Uuid = Uuid::from_u128(1);
    const ANOTHER: Uuid = Uuid::from_u128(2);

    fn starts(agenda: &Agenda, window: Interval, length: i64) -> Vec<(i64, Uuid)> {
        let slots = agenda.slots(window, SignedDuration::from_secs(length));
        slots
            .into_iter()
            .map(|slot| (slot.start.as_second(), slot.practitioner))
            .collect()
    }

    #[test]
    fn slots_keep_to_the_grid_of_the_presence() {
        let agenda = Agenda {
            present: vec![(SOMEBODY, seconds(100, 200))],
            taken: vec![(SOMEBODY, seconds(110, 115))],
        };
        let found = starts(&agenda, seconds(0, 1000), 30);
        assert_eq!(found, [(130, SOMEBODY), (160, SOMEBODY)]);
        let adjacent = Agenda {
            taken: vec![(SOMEBODY, seconds(100, 130)), (SOMEBODY, seconds(160, 190))],
            ..agenda
        };
        assert_eq!(starts(&adjacent, seconds(0, 1000), 30), [(130, SOMEBODY)]);
    }

    #[test]
    fn a_window_bounds_where_slots_begin() {
        let agenda = Agenda {
            present: vec![(SOMEBODY, seconds(100, 400))],
            taken: Vec::new(),
        };
        assert_eq!(
            starts(&agenda, seconds(131, 191), 30),
            [(160, SOMEBODY), (190, SOMEBODY)]
        );
    }

    #[test]
    fn several_practitioners_are_merged_by_time() {
        let agenda = Agenda {
            present: vec![(ANOTHER, seconds(0, 60)), (SOMEBODY, seconds(0, 60))],
            taken: vec![(ANOTHER, seconds(0, 1))],
        };
        assert_eq!(
            starts(&agenda, seconds(0, 60), 30),
            [(0, SOMEBODY), (30, SOMEBODY), (30, ANOTHER)]
        );
    }

    proptest! {
        #[test]
        fn a_slot_is_present_free_and_on_the_grid_and_none_is_missing(
            present in prop::collection::vec(small(), 0..4),
            taken in prop::collection::vec(small(), 0..6),
            window in small(),
            length in 1_i64..12,
        ) {
            let present = crate::interval::merged(&present);
            let name = |intervals: &[Interval]| intervals.iter().map(|i| (SOMEBODY, *i)).collect::<Vec<_>>();
            let agenda = Agenda { present: name(&present), taken: name(&taken) };
            let found = starts(&agenda, window, length);
            let mut wanted = Vec::new();
            for presence in &present {
                for start in presence.start().as_second()..presence.end().as_second() {
                    let slot = seconds(start, start + length);
                    let on_grid = (start - presence.start().as_second()) % length == 0;
                    let in_window = window.start() <= slot.start() && slot.start() < window.end();
                    if on_grid && in_window && presence.contains(&slot) && !taken.iter().any(|t| t.overlaps(&slot)) {
                        wanted.push((start, SOMEBODY));
                    }
                }
            }
            wanted.sort_unstable();
            prop_assert_eq!(found, wanted);
        }
    }
}

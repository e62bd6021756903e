//! The grounds of care: what makes a practitioner care for a patient, and what ends it.
//! Pure.

use galen_contracts::ids::{PatientId, PractitionerId};
use galen_kernel::Timestamp;
use uuid::Uuid;

use crate::named::named;

named! {
    /// What gives a ground.
    #[schema(as = CareSource)]
    pub enum Source {
        /// An appointment.
        Appointment = "APPOINTMENT",
    }
}

/// What became of what two people had arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was arranged.
    Arranged,
    /// It began: from now on it is something that they had.
    TookPlace,
    /// It was called off.
    CalledOff,
}

/// What a source says, as of one of its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// What gives the ground.
    pub source: Source,
    /// Which of those.
    pub source_id: Uuid,
    /// For whom it was arranged.
    pub patient_id: PatientId,
    /// With whom.
    pub practitioner_id: PractitionerId,
    /// What became of it.
    pub change: Change,
    /// When that was said.
    pub at: Timestamp,
    /// The source's version after it; rises with every change.
    pub version: i64,
}

/// A reason for a practitioner to see a patient's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ground {
    /// What gives it.
    pub source: Source,
    /// Which of those.
    pub source_id: Uuid,
    /// The record it was arranged for.
    pub patient_id: PatientId,
    /// Who cares.
    pub practitioner_id: PractitionerId,
    /// Since when.
    pub since: Timestamp,
    /// When it was called off; `None` while it holds.
    pub until: Option<Timestamp>,
    /// Whether it took place, and therefore holds for good.
    pub took_place: bool,
    /// The source's version that was taken in last.
    pub version: i64,
}

impl Ground {
    /// What is known after a fact, given what was known before. What was taken in
    /// before, or is older than that, changes nothing.
    #[must_use]
    pub fn after(known: Option<Self>, fact: &Fact) -> Self {
        let mut ground = match known {
            Some(known) if fact.version <= known.version => return known,
            Some(known) => known,
            None => Self {
                source: fact.source,
                source_id: fact.source_id,
                patient_id: fact.patient_id,
                practitioner_id: fact.practitioner_id,
                since: fact.at,
                until: None,
                took_place: false,
                version: fact.version,
            },
        };
        ground.version = fact.version;
        match fact.change {
            Change::Arranged => {}
            Change::TookPlace => {
                ground.took_place = true;
                ground.until = None;
            }
            // Clocks of two processes may differ; an end before the beginning is none.
            Change::CalledOff if !ground.took_place => {
                ground.until.get_or_insert(fact.at.max(ground.since));
            }
            Change::CalledOff => {}
        }
        ground
    }

    /// Whether it is a reason to see the record now.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.until.is_none()
    }
}

#[cfg(test)]
mod tests {
    use galen_kernel::Id;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn fact(version: i64, change: Change, second: i64) -> Fact {
        Fact {
            source: Source::Appointment,
            source_id: Uuid::nil(),
            patient_id: Id::from_uuid(Uuid::from_u128(1)),
            practitioner_id: Id::from_uuid(Uuid::from_u128(2)),
            change,
            at: Timestamp::from_second(second).expect("an instant"),
            version,
        }
    }

    fn after_all(known: Option<Ground>, facts: &[Fact]) -> Option<Ground> {
        facts
            .iter()
            .fold(known, |known, fact| Some(Ground::after(known, fact)))
    }

    prop_compose! {
        /// What one source says in its life: it is arranged, then anything happens.
        fn a_life()(changes in prop::collection::vec((select(&[Change::Arranged, Change::TookPlace, Change::CalledOff][..]), 0..1000_i64), 0..6)) -> Vec<Fact> {
            std::iter::once((Change::Arranged, 500))
                .chain(changes)
                .zip(1..)
                .map(|((change, second), version)| fact(version, change, second))
                .collect()
        }
    }

    #[test]
    fn what_is_arranged_is_a_ground_until_it_is_called_off() {
        let booked = Ground::after(None, &fact(1, Change::Arranged, 10));
        assert!(booked.holds());
        let cancelled = Ground::after(Some(booked), &fact(2, Change::CalledOff, 20));
        assert!(!cancelled.holds());
        assert_eq!(cancelled.since, booked.since);
    }

    #[test]
    fn what_took_place_cannot_be_called_off_any_more() {
        let facts = [
            fact(1, Change::Arranged, 10),
            fact(2, Change::TookPlace, 20),
            fact(3, Change::CalledOff, 30),
        ];
        assert!(after_all(None, &facts).is_some_and(|ground| ground.holds()));
    }

    proptest! {
        #[test]
        fn hearing_it_again_changes_nothing(life in a_life(), heard in 0..7_usize) {
            let whole = after_all(None, &life);
            let heard = heard.min(life.len());
            prop_assert_eq!(after_all(whole, &life[..heard]), whole);
            let twice: Vec<Fact> = life.iter().flat_map(|fact| [*fact, *fact]).collect();
            prop_assert_eq!(after_all(None, &twice), whole);
        }

        #[test]
        fn what_took_place_holds_for_good_and_what_was_called_off_before_never_again(life in a_life()) {
            let ground = after_all(None, &life).expect("it was arranged");
            let took_place = life.iter().any(|fact| fact.change == Change::TookPlace);
            let called_off = life.iter().any(|fact| fact.change == Change::CalledOff);
            prop_assert_eq!(ground.took_place, took_place);
            prop_assert_eq!(ground.holds(), took_place || !called_off);
        }

        #[test]
        fn a_ground_can_be_stored(life in a_life()) {
            for heard in 1..=life.len() {
                let ground = after_all(None, &life[..heard]).expect("something was heard");
                prop_assert!(ground.until.is_none_or(|until| ground.since <= until));
                prop_assert!(!ground.took_place || ground.until.is_none());
                prop_assert_eq!(ground.since, life[0].at);
                prop_assert!(0 < ground.version);
            }
        }
    }
}

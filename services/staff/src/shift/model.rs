//! A shift and its rules. Pure.

use galen_contracts::convert::to_wire;
use galen_contracts::ids::PractitionerId;
use galen_contracts::staff::v1 as contract;
use galen_kernel::{Id, Problem};
use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::interval::Interval;
use crate::pattern::model::PatternId;
use crate::practitioner::model::PractitionerError;

/// Marker of a shift's id.
pub enum ShiftKey {}
/// A shift's id.
pub type ShiftId = Id<ShiftKey>;

/// The longest shift. A schema constraint says the same.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(36);

/// How many shifts one event carries at most.
const SHIFTS_PER_EVENT: usize = 200;

/// What a shift is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ShiftKind {
    /// Sees patients by day.
    Clinic,
    /// Sees patients by night.
    Night,
    /// Operates.
    Surgery,
    /// Can be called; nobody can book it.
    OnCall,
}

impl ShiftKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Clinic, Self::Night, Self::Surgery, Self::OnCall];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clinic => "CLINIC",
            Self::Night => "NIGHT",
            Self::Surgery => "SURGERY",
            Self::OnCall => "ON_CALL",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    const fn to_wire(self) -> contract::ShiftKind {
        match self {
            Self::Clinic => contract::ShiftKind::Clinic,
            Self::Night => contract::ShiftKind::Night,
            Self::Surgery => contract::ShiftKind::Surgery,
            Self::OnCall => contract::ShiftKind::OnCall,
        }
    }
}

/// A time that somebody works. What is planned is active until cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Its id.
    pub id: ShiftId,
    /// Who works.
    pub practitioner: PractitionerId,
    /// What for.
    pub kind: ShiftKind,
    /// When.
    pub during: Interval,
    /// The weekly pattern it was made from, and for which day; `None` when by hand.
    pub origin: Option<(PatternId, Date)>,
    /// Rises by one with every change.
    pub version: i64,
}

/// Why a command on a shift is refused.
#[derive(Debug, thiserror::Error)]
pub enum ShiftError {
    /// There is none, or it was cancelled.
    #[error("no such shift")]
    Unknown,
    /// The practitioner works, or is on call, at that time already.
    #[error("the shift overlaps another")]
    Overlap,
    /// The practitioner refuses.
    #[error(transparent)]
    Practitioner(#[from] PractitionerError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
}

impl From<ShiftError> for Problem {
    fn from(error: ShiftError) -> Self {
        match error {
            ShiftError::Unknown => Self::not_found(),
            ShiftError::Overlap => Self::conflict(
                "SHIFT_OVERLAP",
                "The practitioner has another shift at that time.",
            ),
            ShiftError::Practitioner(error) => error.into(),
            ShiftError::Storage(error) => error.into(),
        }
    }
}

/// The events of one practitioner's newly planned shifts, none of them too large.
#[must_use]
pub fn planned(practitioner: PractitionerId, shifts: &[Shift]) -> Vec<contract::ShiftsPlanned> {
    shifts
        .chunks(SHIFTS_PER_EVENT)
        .map(|chunk| contract::ShiftsPlanned {
            practitioner_id: practitioner.to_string(),
            shifts: chunk
                .iter()
                .map(|shift| contract::Shift {
                    shift_id: shift.id.to_string(),
                    start: Some(to_wire(shift.during.start())),
                    end: Some(to_wire(shift.during.end())),
                    kind: shift.kind.to_wire().into(),
                })
                .collect(),
        })
        .collect()
}

/// The event of a shift that will not be.
#[must_use]
pub fn cancelled(practitioner: PractitionerId, shift: ShiftId) -> contract::ShiftCancelled {
    contract::ShiftCancelled {
        practitioner_id: practitioner.to_string(),
        shift_id: shift.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use galen_kernel::{Clock, Timestamp};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_has_one_name_everywhere() {
        for kind in ShiftKind::ALL {
            assert_eq!(ShiftKind::named(kind.name()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).ok(), Some(kind.name().into()));
            assert_eq!(
                kind.to_wire().as_str_name(),
                format!("SHIFT_KIND_{}", kind.name())
            );
        }
        assert_eq!(ShiftKind::named("CLINICAL"), None);
    }

    proptest! {
        #[test]
        fn events_carry_every_shift_once_and_in_order(count in 0_usize..700) {
            let clock = Clock::system();
            let practitioner = clock.id();
            let shifts: Vec<Shift> = (0..count)
                .map(|n| {
                    let start = Timestamp::from_second(i64::try_from(n).expect("small") * 100).expect("small");
                    let during = Interval::new(start, start + SignedDuration::from_secs(60)).expect("lasts");
                    Shift { id: clock.id(), practitioner, kind: ShiftKind::Clinic, during, origin: None, version: 1 }
                })
                .collect();
            let events = planned(practitioner, &shifts);
            prop_assert!(events.iter().all(|event| (1..=SHIFTS_PER_EVENT).contains(&event.shifts.len())));
            let told: Vec<String> = events.into_iter().flat_map(|event| event.shifts).map(|shift| shift.shift_id).collect();
            let meant: Vec<String> = shifts.iter().map(|shift| shift.id.to_string()).collect();
            prop_assert_eq!(told, meant);
        }
    }
}

//! The states of an appointment and the steps between them. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an appointment stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[schema(as = AppointmentStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The time is taken.
    Booked,
    /// The patient said that they will come.
    Confirmed,
    /// The patient is there.
    CheckedIn,
    /// The practitioner sees the patient.
    InConsultation,
    /// Done.
    Fulfilled,
    /// Will not be.
    Cancelled,
    /// Another appointment takes its place.
    Rescheduled,
    /// The patient did not come.
    NoShow,
}

impl Status {
    /// Every status.
    pub const ALL: &[Self] = &[
        Self::Booked,
        Self::Confirmed,
        Self::CheckedIn,
        Self::InConsultation,
        Self::Fulfilled,
        Self::Cancelled,
        Self::Rescheduled,
        Self::NoShow,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Booked => "BOOKED",
            Self::Confirmed => "CONFIRMED",
            Self::CheckedIn => "CHECKED_IN",
            Self::InConsultation => "IN_CONSULTATION",
            Self::Fulfilled => "FULFILLED",
            Self::Cancelled => "CANCELLED",
            Self::Rescheduled => "RESCHEDULED",
            Self::NoShow => "NO_SHOW",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|status| status.name() == name)
    }

    /// Whether it takes the time of practitioner and patient.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Booked | Self::Confirmed | Self::CheckedIn | Self::InConsultation
        )
    }

    /// Whether the patient has not arrived yet, so that it can still be called off.
    #[must_use]
    pub const fn is_ahead(self) -> bool {
        matches!(self, Self::Booked | Self::Confirmed)
    }

    /// Where a step leads from here; `None` when it leads nowhere.
    #[must_use]
    pub const fn after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::Booked, Step::Confirm) => Some(Self::Confirmed),
            (Self::Booked | Self::Confirmed, Step::CheckIn) => Some(Self::CheckedIn),
            (Self::Booked | Self::Confirmed, Step::Cancel) => Some(Self::Cancelled),
            (Self::Booked | Self::Confirmed, Step::Reschedule) => Some(Self::Rescheduled),
            (Self::Booked | Self::Confirmed, Step::MarkNoShow) => Some(Self::NoShow),
            (Self::CheckedIn, Step::Start) => Some(Self::InConsultation),
            (Self::InConsultation, Step::Complete) => Some(Self::Fulfilled),
            // Who was marked absent in error was there: back to having arrived, which
            // the no-show job leaves alone.
            (Self::NoShow, Step::RevertNoShow) => Some(Self::CheckedIn),
            _ => None,
        }
    }
}

/// What can be done to an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The patient will come.
    Confirm,
    /// The patient is there.
    CheckIn,
    /// The practitioner begins.
    Start,
    /// The practitioner is done.
    Complete,
    /// It will not be.
    Cancel,
    /// Another takes its place.
    Reschedule,
    /// The patient did not come.
    MarkNoShow,
    /// The patient did come.
    RevertNoShow,
}

impl Step {
    /// Every step.
    pub const ALL: &[Self] = &[
        Self::Confirm,
        Self::CheckIn,
        Self::Start,
        Self::Complete,
        Self::Cancel,
        Self::Reschedule,
        Self::MarkNoShow,
        Self::RevertNoShow,
    ];
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn step() -> impl Strategy<Value = Step> {
        prop::sample::select(Step::ALL)
    }

    #[test]
    fn every_status_has_one_name_everywhere() {
        for status in Status::ALL {
            assert_eq!(Status::named(status.name()), Some(*status));
            assert_eq!(
                serde_json::to_value(status).ok(),
                Some(status.name().into())
            );
        }
    }

    #[test]
    fn the_whole_state_machine() {
        use Status as S;
        let table: &[(Step, &[(S, S)])] = &[
            (Step::Confirm, &[(S::Booked, S::Confirmed)]),
            (
                Step::CheckIn,
                &[(S::Booked, S::CheckedIn), (S::Confirmed, S::CheckedIn)],
            ),
            (Step::Start, &[(S::CheckedIn, S::InConsultation)]),
            (Step::Complete, &[(S::InConsultation, S::Fulfilled)]),
            (
                Step::Cancel,
                &[(S::Booked, S::Cancelled), (S::Confirmed, S::Cancelled)],
            ),
            (
                Step::Reschedule,
                &[(S::Booked, S::Rescheduled), (S::Confirmed, S::Rescheduled)],
            ),
            (
                Step::MarkNoShow,
                &[(S::Booked, S::NoShow), (S::Confirmed, S::NoShow)],
            ),
            (Step::RevertNoShow, &[(S::NoShow, S::CheckedIn)]),
        ];
        assert_eq!(table.len(), Step::ALL.len());
        for (step, leads) in table {
            for from in S::ALL {
                let wanted = leads
                    .iter()
                    .find(|(start, _)| start == from)
                    .map(|(_, to)| *to);
                assert_eq!(from.after(*step), wanted, "{from:?} {step:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_over_stays_over(steps in prop::collection::vec(step(), 0..30)) {
            let mut status = Status::Booked;
            for step in steps {
                let Some(next) = status.after(step) else { continue };
                let ended = matches!(status, Status::Fulfilled | Status::Cancelled | Status::Rescheduled);
                prop_assert!(!ended, "{status:?} is final");
                prop_assert!(status.is_open() || step == Step::RevertNoShow);
                status = next;
            }
        }

        #[test]
        fn every_open_appointment_can_be_brought_to_an_end(steps in prop::collection::vec(step(), 0..30)) {
            let mut status = Status::Booked;
            for step in steps {
                status = status.after(step).unwrap_or(status);
            }
            for step in [Step::CheckIn, Step::Start, Step::Complete] {
                status = status.after(step).unwrap_or(status);
            }
            prop_assert!(!status.is_open());
        }
    }
}

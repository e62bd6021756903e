//! What the booking process decides. Pure.
//!
//! The time is taken when the process begins. It asks staff, who decide in their own
//! order of shifts and leaves, whether the practitioner is there; then it has the
//! patient told. If the practitioner is not there, the booking is undone.

use galen_contracts::ids::{AppointmentId, PatientId, PractitionerId};
use galen_eventing::{Decision, Status, TimerChange, Trigger};
use galen_kernel::Timestamp;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::interval::Interval;
use crate::service_type::ServiceType;

/// What the process knows of the booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The appointment.
    pub appointment: AppointmentId,
    /// Whose.
    pub patient: PatientId,
    /// With whom.
    pub practitioner: PractitionerId,
    /// When.
    pub during: Interval,
    /// What for.
    pub service_type: ServiceType,
}

/// Where the process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Staff are asked.
    Verifying,
    /// Notifications are asked.
    Confirming,
    /// Over, this way.
    Ended(Status),
}

/// Persisted between triggers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingState {
    /// What is booked.
    pub facts: Facts,
    /// Where it stands.
    pub step: Step,
    /// How often the step's question was repeated.
    pub repeats: u32,
}

/// What the process listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Staff answered.
    Verified {
        /// Whether the practitioner is there.
        available: bool,
        /// Why not.
        reason_code: String,
    },
    /// The confirmation will be sent.
    ConfirmationQueued,
    /// Somebody cancelled or moved the appointment.
    CalledOff,
}

/// What the process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask staff.
    RequestVerification(Facts),
    /// Ask notifications.
    RequestConfirmation(Facts),
    /// Undo the booking.
    Cancel {
        /// The appointment.
        appointment: AppointmentId,
        /// Why the practitioner is not there.
        reason: String,
    },
}

/// Repeats the question to staff.
pub const VERIFY: &str = "verify";
/// Repeats the question to notifications.
pub const CONFIRM: &str = "confirm";

const FIRST_REPEAT: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(30);

impl BookingState {
    fn decision(
        self,
        status: Status,
        step: &'static str,
        actions: Vec<Action>,
        timers: Vec<TimerChange>,
    ) -> Decision<Self, Action> {
        Decision {
            state: self,
            status,
            step,
            actions,
            timers,
        }
    }

    /// Nothing changes.
    fn stay(self) -> Decision<Self, Action> {
        let (status, step) = match self.step {
            Step::Verifying => (Status::Running, "verifying"),
            Step::Confirming => (Status::Running, "confirming"),
            Step::Ended(status) => (status, "ended"),
        };
        self.decision(status, step, Vec::new(), Vec::new())
    }

    fn verify(mut self, now: Timestamp, repeats: u32) -> Decision<Self, Action> {
        (self.step, self.repeats) = (Step::Verifying, repeats);
        let ask = Action::RequestVerification(self.facts.clone());
        let repeat = repeat(VERIFY, now, repeats);
        self.decision(Status::Running, "verifying", vec![ask], vec![repeat])
    }

    fn confirm(mut self, now: Timestamp, repeats: u32) -> Decision<Self, Action> {
        (self.step, self.repeats) = (Step::Confirming, repeats);
        let ask = Action::RequestConfirmation(self.facts.clone());
        let timers = vec![cancel(VERIFY), repeat(CONFIRM, now, repeats)];
        self.decision(Status::Running, "confirming", vec![ask], timers)
    }

    /// The engine drops all timers of an instance that has ended.
    fn end(
        mut self,
        status: Status,
        step: &'static str,
        actions: Vec<Action>,
    ) -> Decision<Self, Action> {
        self.step = Step::Ended(status);
        self.decision(status, step, actions, Vec::new())
    }

    fn undo(self, reason: String) -> Decision<Self, Action> {
        let cancel = Action::Cancel {
            appointment: self.facts.appointment,
            reason,
        };
        self.end(Status::Compensated, "cancelled", vec![cancel])
    }

    /// The next decision.
    #[must_use]
    pub fn decide(self, trigger: Trigger<Input>, now: Timestamp) -> Decision<Self, Action> {
        match (self.step, trigger) {
            (Step::Verifying, Trigger::Started) => self.verify(now, 0),
            (
                Step::Verifying,
                Trigger::Input(Input::Verified {
                    available: true, ..
                }),
            ) => self.confirm(now, 0),
            (
                Step::Verifying,
                Trigger::Input(Input::Verified {
                    available: false,
                    reason_code,
                }),
            ) => self.undo(reason_code),
            (Step::Verifying, Trigger::TimedOut(name)) if name == VERIFY => {
                let repeats = self.repeats.saturating_add(1);
                self.verify(now, repeats)
            }
            // Nobody verified it in all that time: an unverified booking does not stand.
            (Step::Verifying, Trigger::DeadlinePassed) => self.undo("NOT_VERIFIED".to_owned()),
            (Step::Verifying, Trigger::Input(Input::CalledOff)) => {
                self.end(Status::Rejected, "called off", Vec::new())
            }

            (Step::Confirming, Trigger::Input(Input::ConfirmationQueued)) => {
                self.end(Status::Completed, "confirmed", Vec::new())
            }
            (Step::Confirming, Trigger::TimedOut(name)) if name == CONFIRM => {
                let repeats = self.repeats.saturating_add(1);
                self.confirm(now, repeats)
            }
            // The booking stands, but the patient was not told: a person must know.
            (Step::Confirming, Trigger::DeadlinePassed) => {
                self.end(Status::Suspended, "not confirmed", Vec::new())
            }
            (Step::Confirming, Trigger::Input(Input::CalledOff)) => {
                self.end(Status::Compensated, "called off", Vec::new())
            }

            // What an operator waited for came after all.
            (Step::Ended(Status::Suspended), Trigger::Input(Input::ConfirmationQueued)) => {
                self.end(Status::Completed, "confirmed", Vec::new())
            }
            (Step::Ended(Status::Suspended), Trigger::Input(Input::CalledOff)) => {
                self.end(Status::Compensated, "called off", Vec::new())
            }
            _ => self.stay(),
        }
    }
}

/// Doubles from half a minute to half an hour.
fn repeat(name: &str, now: Timestamp, repeats: u32) -> TimerChange {
    let pause = FIRST_REPEAT
        .saturating_mul(1_i32.checked_shl(repeats.min(16)).unwrap_or(i32::MAX))
        .min(LONGEST_PAUSE);
    TimerChange::Set {
        name: name.to_owned(),
        at: now.saturating_add(pause).unwrap_or(Timestamp::MAX),
    }
}

fn cancel(name: &str) -> TimerChange {
    TimerChange::Cancel {
        name: name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use galen_kernel::Clock;
    use proptest::prelude::*;

    use super::*;

    fn state(step: Step) -> BookingState {
        let clock = Clock::system();
        let during = Interval::lasting(clock.now(), SignedDuration::from_mins(30)).expect("lasts");
        let facts = Facts {
            appointment: clock.id(),
            patient: clock.id(),
            practitioner: clock.id(),
            during,
            service_type: ServiceType::Consultation,
        };
        BookingState {
            facts,
            step,
            repeats: 0,
        }
    }

    fn now() -> Timestamp {
        "2026-03-02T08:00:00Z".parse().expect("an instant")
    }

    fn verified(available: bool) -> Trigger<Input> {
        Trigger::Input(Input::Verified {
            available,
            reason_code: if available {
                String::new()
            } else {
                "ON_LEAVE".to_owned()
            },
        })
    }

    fn is_over(status: Status) -> bool {
        !matches!(status, Status::Running | Status::Compensating)
    }

    #[test]
    fn a_verified_and_confirmed_booking_completes() {
        let started = state(Step::Verifying).decide(Trigger::Started, now());
        assert!(matches!(
            started.actions[..],
            [Action::RequestVerification(_)]
        ));
        let verified = started.state.decide(verified(true), now());
        assert!(matches!(
            verified.actions[..],
            [Action::RequestConfirmation(_)]
        ));
        let confirmed = verified
            .state
            .decide(Trigger::Input(Input::ConfirmationQueued), now());
        assert_eq!(
            (confirmed.status, confirmed.actions),
            (Status::Completed, Vec::new())
        );
    }

    #[test]
    fn a_booking_without_practitioner_is_undone_and_nobody_is_told_that_it_stands() {
        for trigger in [verified(false), Trigger::DeadlinePassed] {
            let undone = state(Step::Verifying).decide(trigger, now());
            assert_eq!(undone.status, Status::Compensated);
            assert!(matches!(undone.actions[..], [Action::Cancel { .. }]));
        }
    }

    #[test]
    fn a_booking_that_a_person_calls_off_is_left_alone() {
        let early = state(Step::Verifying).decide(Trigger::Input(Input::CalledOff), now());
        assert_eq!(
            (early.status, early.actions),
            (Status::Rejected, Vec::new())
        );
        let late = early.state.decide(verified(true), now());
        assert_eq!((late.status, late.actions), (Status::Rejected, Vec::new()));
        let told = state(Step::Confirming).decide(Trigger::Input(Input::CalledOff), now());
        assert_eq!(
            (told.status, told.actions),
            (Status::Compensated, Vec::new())
        );
    }

    #[test]
    fn a_confirmation_that_never_comes_is_for_a_person_until_it_comes() {
        let late = state(Step::Confirming).decide(Trigger::DeadlinePassed, now());
        assert_eq!((late.status, late.actions), (Status::Suspended, Vec::new()));
        let after_all = late
            .state
            .decide(Trigger::Input(Input::ConfirmationQueued), now());
        assert_eq!(after_all.status, Status::Completed);
    }

    #[test]
    fn questions_are_repeated_with_growing_pauses() {
        let mut state = state(Step::Verifying);
        let mut pauses = Vec::new();
        for _ in 0..40 {
            let decision = state.decide(Trigger::TimedOut(VERIFY.to_owned()), now());
            assert!(matches!(
                decision.actions[..],
                [Action::RequestVerification(_)]
            ));
            let [TimerChange::Set { at, .. }] = &decision.timers[..] else {
                panic!("{:?}", decision.timers)
            };
            pauses.push(at.duration_since(now()));
            state = decision.state;
        }
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(pauses.last(), Some(&LONGEST_PAUSE));
    }

    fn trigger() -> impl Strategy<Value = Trigger<Input>> {
        prop_oneof![
            any::<bool>().prop_map(verified),
            Just(Trigger::Input(Input::ConfirmationQueued)),
            Just(Trigger::Input(Input::CalledOff)),
            Just(Trigger::TimedOut(VERIFY.to_owned())),
            Just(Trigger::TimedOut(CONFIRM.to_owned())),
            Just(Trigger::Started),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_it_ends_at_the_deadline_and_stays_ended(triggers in prop::collection::vec(trigger(), 0..30)) {
            let mut decision = state(Step::Verifying).decide(Trigger::Started, now());
            for trigger in triggers {
                let was_over = is_over(decision.status);
                decision = decision.state.decide(trigger, now());
                prop_assert!(!was_over || decision.actions.is_empty(), "nothing is done after the end");
            }
            let ended = decision.state.decide(Trigger::DeadlinePassed, now());
            prop_assert!(is_over(ended.status));
        }

        #[test]
        fn the_patient_is_told_at_most_what_stands(triggers in prop::collection::vec(trigger(), 0..30)) {
            let mut decision = state(Step::Verifying).decide(Trigger::Started, now());
            let (mut was_verified, mut undone) = (false, false);
            for trigger in triggers {
                let positive = matches!(&trigger, Trigger::Input(Input::Verified { available: true, .. }));
                decision = decision.state.decide(trigger, now());
                was_verified |= positive;
                for action in &decision.actions {
                    match action {
                        Action::RequestConfirmation(_) => prop_assert!(was_verified && !undone),
                        Action::Cancel { .. } => undone = true,
                        Action::RequestVerification(_) => prop_assert!(!undone),
                    }
                }
            }
        }

        #[test]
        fn the_state_survives_storage(step in prop_oneof![Just(Step::Verifying), Just(Step::Confirming), Just(Step::Ended(Status::Suspended))]) {
            let state = state(step);
            let stored = serde_json::to_value(&state).expect("plain data");
            prop_assert_eq!(serde_json::from_value::<BookingState>(stored).expect("what was written"), state);
        }
    }
}

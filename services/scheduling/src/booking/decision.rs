//! What the booking process decides. Pure.
//!
//! The time is taken when the process begins. It asks staff, who decide in their own
//! order of shifts and leaves, whether the practitioner is there; then, where the
//! hospital wants one, billing for the prepayment; then it has the patient told. If the
//! practitioner or the money is not there, the booking is undone. Who calls a booking off
//! need not tell billing: it hears of the cancellation, and gives back what is there.

use galen_contracts::ids::{AppointmentId, PatientId, PractitionerId};
use galen_eventing::{Decision, Status, TimerChange, Trigger};
use galen_kernel::{Currency, Timestamp};
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
    /// What the patient is to pay before it. Processes that began before there were
    /// prepayments have none.
    #[serde(default)]
    pub prepayment: Option<Asked>,
    /// The appointment whose place it takes, and whose prepayment follows.
    #[serde(default)]
    pub replaces: Option<AppointmentId>,
}

/// What is to be paid before an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Minor units.
    pub minor: i64,
    /// Of the amount.
    pub currency: Currency,
}

/// Where the process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Staff are asked.
    Verifying,
    /// Billing is asked.
    Prepaying,
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
    /// What is to be paid before it is there.
    PrepaymentHeld,
    /// It is not.
    PrepaymentRefused {
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
    /// Ask billing.
    RequestPrepayment(Facts, Asked),
    /// Billing is not asked after all.
    ForgetPrepayment(AppointmentId),
    /// Ask notifications.
    RequestConfirmation(Facts),
    /// Undo the booking.
    Cancel {
        /// The appointment.
        appointment: AppointmentId,
        /// What is missing.
        lack: Lack,
        /// Why: a code.
        reason: String,
    },
}

/// What a booking that is undone is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The practitioner is not there.
    Practitioner,
    /// The patient has not paid before.
    Prepayment,
}

impl Lack {
    /// Why the appointment is cancelled.
    #[must_use]
    pub const fn reason_code(self) -> &'static str {
        match self {
            Self::Practitioner => "PRACTITIONER_UNAVAILABLE",
            Self::Prepayment => "PREPAYMENT_MISSING",
        }
    }
}

/// Repeats the question to staff.
pub const VERIFY: &str = "verify";
/// Repeats the question to billing.
pub const PREPAY: &str = "prepay";
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
            Step::Prepaying => (Status::Running, "prepaying"),
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

    /// The practitioner is there: the money is next, where some is asked.
    fn verified(self, now: Timestamp) -> Decision<Self, Action> {
        match self.facts.prepayment {
            Some(asked) => self.prepay(asked, now, 0),
            None => self.confirm(now, 0),
        }
    }

    fn prepay(mut self, asked: Asked, now: Timestamp, repeats: u32) -> Decision<Self, Action> {
        (self.step, self.repeats) = (Step::Prepaying, repeats);
        let ask = Action::RequestPrepayment(self.facts.clone(), asked);
        let timers = vec![cancel(VERIFY), repeat(PREPAY, now, repeats)];
        self.decision(Status::Running, "prepaying", vec![ask], timers)
    }

    fn confirm(mut self, now: Timestamp, repeats: u32) -> Decision<Self, Action> {
        (self.step, self.repeats) = (Step::Confirming, repeats);
        let ask = Action::RequestConfirmation(self.facts.clone());
        let timers = vec![
            cancel(VERIFY),
            cancel(PREPAY),
            repeat(CONFIRM, now, repeats),
        ];
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

    fn undo(self, lack: Lack, reason: String) -> Decision<Self, Action> {
        let mut actions = self.forget();
        actions.push(Action::Cancel {
            appointment: self.facts.appointment,
            lack,
            reason,
        });
        self.end(Status::Compensated, "cancelled", actions)
    }

    /// Before billing is asked, nobody else ends what would have been asked for.
    fn forget(&self) -> Vec<Action> {
        match (self.step, self.facts.prepayment) {
            (Step::Verifying, Some(_)) => {
                vec![Action::ForgetPrepayment(self.facts.appointment)]
            }
            _ => Vec::new(),
        }
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
            ) => self.verified(now),
            (
                Step::Verifying,
                Trigger::Input(Input::Verified {
                    available: false,
                    reason_code,
                }),
            ) => self.undo(Lack::Practitioner, reason_code),
            (Step::Verifying, Trigger::TimedOut(name)) if name == VERIFY => {
                let repeats = self.repeats.saturating_add(1);
                self.verify(now, repeats)
            }
            // Nobody verified it in all that time: an unverified booking does not stand.
            (Step::Verifying, Trigger::DeadlinePassed) => {
                self.undo(Lack::Practitioner, "NOT_VERIFIED".to_owned())
            }
            (Step::Verifying, Trigger::Input(Input::CalledOff)) => {
                let forget = self.forget();
                self.end(Status::Rejected, "called off", forget)
            }

            (Step::Prepaying, Trigger::Input(Input::PrepaymentHeld)) => self.confirm(now, 0),
            (Step::Prepaying, Trigger::Input(Input::PrepaymentRefused { reason_code })) => {
                self.undo(Lack::Prepayment, reason_code)
            }
            (Step::Prepaying, Trigger::TimedOut(name)) if name == PREPAY => {
                let repeats = self.repeats.saturating_add(1);
                match self.facts.prepayment {
                    Some(asked) => self.prepay(asked, now, repeats),
                    None => self.stay(),
                }
            }
            (Step::Prepaying, Trigger::DeadlinePassed) => {
                self.undo(Lack::Prepayment, "NOT_ANSWERED".to_owned())
            }
            (Step::Prepaying, Trigger::Input(Input::CalledOff)) => {
                self.end(Status::Compensated, "called off", Vec::new())
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
            prepayment: None,
            replaces: None,
        };
        BookingState {
            facts,
            step,
            repeats: 0,
        }
    }

    fn prepaid(step: Step) -> BookingState {
        let mut state = state(step);
        state.facts.prepayment = Some(Asked {
            minor: 3_000,
            currency: "EUR".parse().expect("a currency"),
        });
        state
    }

    fn refused() -> Trigger<Input> {
        Trigger::Input(Input::PrepaymentRefused {
            reason_code: "INSUFFICIENT_FUNDS".to_owned(),
        })
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
    fn what_is_to_be_paid_before_is_asked_for_between_verifying_and_confirming() {
        let verified = prepaid(Step::Verifying).decide(verified(true), now());
        assert_eq!(
            (verified.status, verified.step),
            (Status::Running, "prepaying")
        );
        assert!(matches!(
            verified.actions[..],
            [Action::RequestPrepayment(..)]
        ));
        let repeated = verified
            .state
            .clone()
            .decide(Trigger::TimedOut(PREPAY.to_owned()), now());
        assert!(matches!(
            repeated.actions[..],
            [Action::RequestPrepayment(..)]
        ));
        let held = repeated
            .state
            .decide(Trigger::Input(Input::PrepaymentHeld), now());
        assert!(matches!(held.actions[..], [Action::RequestConfirmation(_)]));
        assert!(held.timers.contains(&cancel(PREPAY)));
    }

    #[test]
    fn a_booking_without_its_prepayment_is_undone_and_says_so() {
        for trigger in [refused(), Trigger::DeadlinePassed] {
            let undone = prepaid(Step::Prepaying).decide(trigger, now());
            assert_eq!(undone.status, Status::Compensated);
            let [Action::Cancel { lack, .. }] = undone.actions[..] else {
                panic!("{:?}", undone.actions)
            };
            assert_eq!(lack.reason_code(), "PREPAYMENT_MISSING");
            let late = undone
                .state
                .decide(Trigger::Input(Input::PrepaymentHeld), now());
            assert_eq!(
                (late.status, late.actions),
                (Status::Compensated, Vec::new())
            );
        }
        let off = prepaid(Step::Prepaying).decide(Trigger::Input(Input::CalledOff), now());
        assert_eq!((off.status, off.actions), (Status::Compensated, Vec::new()));
    }

    #[test]
    fn what_billing_was_never_asked_for_is_forgotten_with_the_booking() {
        for trigger in [verified(false), Trigger::Input(Input::CalledOff)] {
            let undone = prepaid(Step::Verifying).decide(trigger, now());
            assert!(matches!(undone.actions[0], Action::ForgetPrepayment(_)));
        }
    }

    #[test]
    fn a_process_that_began_before_there_were_prepayments_goes_on() {
        let mut stored = serde_json::to_value(state(Step::Verifying)).expect("plain data");
        let facts = stored["facts"].as_object_mut().expect("facts");
        facts.remove("prepayment");
        facts.remove("replaces");
        let read: BookingState = serde_json::from_value(stored).expect("what was written then");
        let verified = read.decide(verified(true), now());
        assert!(matches!(
            verified.actions[..],
            [Action::RequestConfirmation(_)]
        ));
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
            Just(Trigger::Input(Input::PrepaymentHeld)),
            Just(refused()),
            Just(Trigger::Input(Input::ConfirmationQueued)),
            Just(Trigger::Input(Input::CalledOff)),
            Just(Trigger::TimedOut(VERIFY.to_owned())),
            Just(Trigger::TimedOut(PREPAY.to_owned())),
            Just(Trigger::TimedOut(CONFIRM.to_owned())),
            Just(Trigger::Started),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_it_ends_at_the_deadline_and_stays_ended(pays in any::<bool>(), triggers in prop::collection::vec(trigger(), 0..30)) {
            let begun = if pays { prepaid(Step::Verifying) } else { state(Step::Verifying) };
            let mut decision = begun.decide(Trigger::Started, now());
            for trigger in triggers {
                let was_over = is_over(decision.status);
                decision = decision.state.decide(trigger, now());
                prop_assert!(!was_over || decision.actions.is_empty(), "nothing is done after the end");
            }
            let ended = decision.state.decide(Trigger::DeadlinePassed, now());
            prop_assert!(is_over(ended.status));
        }

        #[test]
        fn the_patient_is_told_at_most_what_stands(pays in any::<bool>(), triggers in prop::collection::vec(trigger(), 0..30)) {
            let begun = if pays { prepaid(Step::Verifying) } else { state(Step::Verifying) };
            let mut decision = begun.decide(Trigger::Started, now());
            let (mut was_verified, mut undone, mut has_paid) = (false, false, !pays);
            for trigger in triggers {
                let positive = matches!(&trigger, Trigger::Input(Input::Verified { available: true, .. }));
                has_paid |= was_verified && matches!(trigger, Trigger::Input(Input::PrepaymentHeld));
                decision = decision.state.decide(trigger, now());
                was_verified |= positive;
                for action in &decision.actions {
                    match action {
                        Action::RequestConfirmation(_) => prop_assert!(was_verified && has_paid && !undone),
                        Action::RequestPrepayment(..) => prop_assert!(pays && was_verified && !undone),
                        Action::Cancel { .. } => undone = true,
                        Action::ForgetPrepayment(_) => prop_assert!(pays && !was_verified),
                        Action::RequestVerification(_) => prop_assert!(!undone),
                    }
                }
            }
        }

        #[test]
        fn the_state_survives_storage(step in prop_oneof![Just(Step::Verifying), Just(Step::Prepaying), Just(Step::Confirming), Just(Step::Ended(Status::Suspended))]) {
            let state = prepaid(step);
            let stored = serde_json::to_value(&state).expect("plain data");
            prop_assert_eq!(serde_json::from_value::<BookingState>(stored).expect("what was written"), state);
        }
    }
}

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
mod tests;

//! What the booking process decides. Pure.
//!
//! The time is taken when the process begins. It asks staff, who decide in their own
//! order of shifts and leaves, whether the practitioner is there; then billing for the
//! price, if it did not say it at booking, and, where the hospital wants one, for the
//! prepayment; then it has the patient told. If the practitioner or the money is not
//! there, the booking is undone; without a price it stands: care is not refused because
//! billing is down. Who calls a booking off need not tell billing: it hears of the
//! cancellation, and gives back what is there.

use galen_contracts::ids::{AppointmentId, PatientId, PractitionerId};
use galen_eventing::{Decision, Status, TimerChange, Trigger};
use galen_kernel::{Currency, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::interval::Interval;
use crate::price::{Pricing, Quote};
use crate::service_type::{PaymentMode, ServiceType};

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
    /// Who is to pay.
    #[serde(default)]
    pub payment_mode: PaymentMode,
    /// Until when billing is asked what it costs; `None`: that is known, or not asked.
    #[serde(default)]
    pub priced_by: Option<Timestamp>,
}

/// What is to be paid before an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Minor units.
    pub minor: i64,
    /// Of the amount.
    pub currency: Currency,
}

impl Asked {
    /// What is asked for at a price, if anything is.
    #[must_use]
    pub fn of(quote: Quote) -> Option<Self> {
        quote.asked().map(|asked| Self {
            minor: asked.minor,
            currency: asked.currency,
        })
    }
}

/// Where the process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Staff are asked.
    Verifying,
    /// Billing is asked for the price.
    Quoting,
    /// Billing is asked for the prepayment.
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
    /// Billing says what it costs; `None`: there is no price in force.
    Quoted(Option<Quote>),
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
    /// Ask billing for the price.
    RequestQuote(Facts),
    /// Note what is known of the price now.
    Price(AppointmentId, Pricing),
    /// Ask billing for the prepayment.
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
/// Repeats the question for the price.
pub const QUOTE: &str = "quote";
/// Ends it.
pub const UNQUOTED: &str = "unquoted";
/// Repeats the question for the prepayment.
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
            Step::Quoting => (Status::Running, "quoting"),
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

    /// The practitioner is there: the price is next, if nobody knows it.
    fn verified(self, now: Timestamp) -> Decision<Self, Action> {
        match self.facts.priced_by {
            Some(until) => {
                let mut decision = self.quote(now, 0);
                // At least once it can be answered.
                let until = until.max(later(now, FIRST_REPEAT));
                decision.timers.push(set(UNQUOTED, until));
                decision
            }
            None => self.priced(now),
        }
    }

    fn quote(mut self, now: Timestamp, repeats: u32) -> Decision<Self, Action> {
        let mut timers = self.enter(Step::Quoting, repeats);
        let ask = Action::RequestQuote(self.facts.clone());
        timers.push(repeat(QUOTE, now, repeats));
        self.decision(Status::Running, "quoting", vec![ask], timers)
    }

    /// Billing said the price, or did not: it is noted.
    fn quoted(mut self, pricing: Pricing, now: Timestamp) -> Decision<Self, Action> {
        self.facts.priced_by = None;
        self.facts.prepayment = pricing.quote().and_then(Asked::of);
        let noted = Action::Price(self.facts.appointment, pricing);
        let mut decision = self.priced(now);
        decision.actions.insert(0, noted);
        decision
    }

    /// The price is known, or will not be: the money is next, where some is asked.
    fn priced(self, now: Timestamp) -> Decision<Self, Action> {
        match self.facts.prepayment {
            Some(asked) => self.prepay(asked, now, 0),
            None => self.confirm(now, 0),
        }
    }

    fn prepay(mut self, asked: Asked, now: Timestamp, repeats: u32) -> Decision<Self, Action> {
        let mut timers = self.enter(Step::Prepaying, repeats);
        let ask = Action::RequestPrepayment(self.facts.clone(), asked);
        timers.push(repeat(PREPAY, now, repeats));
        self.decision(Status::Running, "prepaying", vec![ask], timers)
    }

    fn confirm(mut self, now: Timestamp, repeats: u32) -> Decision<Self, Action> {
        let mut timers = self.enter(Step::Confirming, repeats);
        let ask = Action::RequestConfirmation(self.facts.clone());
        timers.push(repeat(CONFIRM, now, repeats));
        self.decision(Status::Running, "confirming", vec![ask], timers)
    }

    /// Cancels the timers of the step that is left, if one is.
    fn enter(&mut self, step: Step, repeats: u32) -> Vec<TimerChange> {
        let left = std::mem::replace(&mut self.step, step);
        self.repeats = repeats;
        match left {
            same if same == step => Vec::new(),
            Step::Verifying => vec![cancel(VERIFY)],
            Step::Quoting => vec![cancel(QUOTE), cancel(UNQUOTED)],
            Step::Prepaying => vec![cancel(PREPAY)],
            Step::Confirming | Step::Ended(_) => Vec::new(),
        }
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

    /// Before billing has answered, nobody else ends what is or would have been asked for.
    fn forget(&self) -> Vec<Action> {
        let id = self.facts.appointment;
        match (self.step, self.facts.priced_by, self.facts.prepayment) {
            (Step::Verifying | Step::Quoting, Some(_), _) => {
                vec![Action::Price(id, Pricing::Unanswered)]
            }
            (Step::Verifying, None, Some(_)) => vec![Action::ForgetPrepayment(id)],
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
            (Step::Verifying | Step::Quoting, Trigger::Input(Input::CalledOff)) => {
                let forget = self.forget();
                self.end(Status::Rejected, "called off", forget)
            }

            (Step::Quoting, Trigger::Input(Input::Quoted(quote))) => {
                self.quoted(quote.map_or(Pricing::Unpriced, Pricing::Priced), now)
            }
            (Step::Quoting, Trigger::TimedOut(name)) if name == QUOTE => {
                let repeats = self.repeats.saturating_add(1);
                self.quote(now, repeats)
            }
            (Step::Quoting, Trigger::TimedOut(name)) if name == UNQUOTED => {
                self.quoted(Pricing::Unanswered, now)
            }
            // The booking stands, but a person must know if the patient is not told.
            (Step::Quoting, Trigger::DeadlinePassed) => {
                let Decision { state, actions, .. } = self.quoted(Pricing::Unanswered, now);
                state.end(Status::Suspended, "not confirmed", actions)
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
    set(name, later(now, pause))
}

fn later(now: Timestamp, pause: SignedDuration) -> Timestamp {
    now.saturating_add(pause).unwrap_or(Timestamp::MAX)
}

fn set(name: &str, at: Timestamp) -> TimerChange {
    TimerChange::Set {
        name: name.to_owned(),
        at,
    }
}

fn cancel(name: &str) -> TimerChange {
    TimerChange::Cancel {
        name: name.to_owned(),
    }
}

#[cfg(test)]
mod tests;

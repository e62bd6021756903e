//! What a payment process decides. Pure.

use galen_eventing::{Decision, Status, Trigger};
use galen_kernel::Timestamp;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long SecurePay is asked to pay.
pub const DEADLINE: SignedDuration = SignedDuration::from_mins(5);
/// How long after the last question it may still be answered.
pub const CALM: SignedDuration = SignedDuration::from_secs(30);

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Step {
    /// SecurePay is asked to pay.
    Paying,
    /// It is too late; SecurePay is asked whether it has paid.
    Looking,
    /// It has paid.
    Paid,
    /// It has not.
    Refused,
    /// It has, after it was given up: it is asked to give it back.
    Returning,
    /// It has given it back.
    Returned,
}

/// The state of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentState {
    /// Of which invoice.
    pub invoice: Uuid,
    /// Which payment.
    pub payment: Uuid,
    /// Where it stands.
    pub step: Step,
}

/// What it hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The money is there.
    Captured,
    /// The money is not there, and will not be.
    Refused {
        /// Why: a code.
        code: String,
    },
    /// There is no such payment now.
    Missing,
    /// The money is back.
    Returned,
}

/// What it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Takes the payment up into the invoice.
    Record,
    /// Gives it up.
    Refuse {
        /// Why: a code.
        code: String,
    },
    /// From now on, asks whether there is such a payment.
    Look,
    /// Asks to give it back.
    Return,
    /// Has it back.
    EndReturn,
}

impl PaymentState {
    /// At the beginning.
    #[must_use]
    pub const fn new(invoice: Uuid, payment: Uuid) -> Self {
        Self {
            invoice,
            payment,
            step: Step::Paying,
        }
    }

    const fn status(self) -> Status {
        match self.step {
            Step::Paying | Step::Looking => Status::Running,
            Step::Paid => Status::Completed,
            Step::Refused => Status::Rejected,
            Step::Returning => Status::Compensating,
            Step::Returned => Status::Compensated,
        }
    }

    const fn name(self) -> &'static str {
        match self.step {
            Step::Paying => "PAYING",
            Step::Looking => "LOOKING",
            Step::Paid => "PAID",
            Step::Refused => "REFUSED",
            Step::Returning => "RETURNING",
            Step::Returned => "RETURNED",
        }
    }

    /// Decides.
    #[must_use]
    pub fn decide(mut self, trigger: Trigger<Input>, _: Timestamp) -> Decision<Self, Action> {
        let (step, action) = match (self.step, trigger) {
            (Step::Paying | Step::Looking, Trigger::Input(Input::Captured)) => {
                (Step::Paid, Some(Action::Record))
            }
            (Step::Paying | Step::Looking, Trigger::Input(Input::Refused { code })) => {
                (Step::Refused, Some(Action::Refuse { code }))
            }
            (Step::Paying, Trigger::DeadlinePassed) => (Step::Looking, Some(Action::Look)),
            (Step::Looking, Trigger::Input(Input::Missing)) => {
                let code = "TIMED_OUT".to_owned();
                (Step::Refused, Some(Action::Refuse { code }))
            }
            (Step::Refused, Trigger::Input(Input::Captured)) => {
                (Step::Returning, Some(Action::Return))
            }
            (Step::Returning, Trigger::Input(Input::Returned)) => {
                (Step::Returned, Some(Action::EndReturn))
            }
            (step, _) => (step, None),
        };
        self.step = step;
        Decision {
            status: self.status(),
            step: self.name(),
            actions: action.into_iter().collect(),
            timers: Vec::new(),
            state: self,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trigger() -> impl Strategy<Value = Trigger<Input>> {
        prop_oneof![
            Just(Trigger::Input(Input::Captured)),
            Just(Trigger::Input(Input::Refused {
                code: "INSUFFICIENT_FUNDS".to_owned()
            })),
            Just(Trigger::Input(Input::Missing)),
            Just(Trigger::Input(Input::Returned)),
            Just(Trigger::DeadlinePassed),
        ]
    }

    proptest! {
        #[test]
        fn money_is_taken_up_or_given_back_and_never_both(triggers in prop::collection::vec(trigger(), 0..12)) {
            let mut state = PaymentState::new(Uuid::nil(), Uuid::nil());
            let (mut recorded, mut refused, mut returned, mut captured) = (0, 0, 0, false);
            for trigger in triggers {
                let before = state.step;
                captured |= matches!(trigger, Trigger::Input(Input::Captured));
                let decision = state.decide(trigger, Timestamp::UNIX_EPOCH);
                for action in &decision.actions {
                    match action {
                        Action::Record => recorded += 1,
                        Action::Refuse { .. } => refused += 1,
                        Action::Return => returned += 1,
                        Action::Look | Action::EndReturn => {}
                    }
                }
                state = decision.state;
                prop_assert!(before != Step::Paid || state.step == Step::Paid);
            }
            prop_assert!(recorded + refused <= 1 && returned <= refused);
            prop_assert_eq!(recorded + returned > 0, captured, "money that moved is known to somebody");
        }
    }

    #[test]
    fn it_is_not_given_up_before_the_deadline() {
        let state = PaymentState::new(Uuid::nil(), Uuid::nil());
        let decision = state.decide(Trigger::Input(Input::Missing), Timestamp::UNIX_EPOCH);
        assert_eq!((decision.state, decision.actions), (state, Vec::new()));
        let late = state.decide(Trigger::DeadlinePassed, Timestamp::UNIX_EPOCH);
        assert_eq!((late.status, late.step), (Status::Running, "LOOKING"));
        let over = late
            .state
            .decide(Trigger::Input(Input::Missing), Timestamp::UNIX_EPOCH);
        assert_eq!((over.status, over.step), (Status::Rejected, "REFUSED"));
    }
}

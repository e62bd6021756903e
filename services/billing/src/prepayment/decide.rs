//! What a prepayment does about what it hears. Pure.

use galen_contracts::ids::AppointmentId;
use galen_kernel::Timestamp;
use jiff::SignedDuration;
use uuid::Uuid;

use super::model::{Asker, Prepayment, Question, Status};
use super::terms::Percent;

/// How long SecurePay is asked to pay.
pub const DEADLINE: SignedDuration = SignedDuration::from_hours(1);
/// How long after the last question it may still be answered.
pub const CALM: SignedDuration = SignedDuration::from_secs(30);

/// What it hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The booking process wants as much.
    Asked {
        /// Minor units, more than nothing.
        amount: i64,
        /// Who asks.
        asker: Asker,
    },
    /// Money came with the appointment that is replaced.
    TakenOver(i64),
    /// SecurePay has paid.
    Captured,
    /// SecurePay has not paid, and will not.
    Refused {
        /// Why: a code.
        code: String,
    },
    /// There is no such payment now.
    Missing,
    /// It was asked for until now.
    DeadlinePassed,
    /// The appointment will not be.
    CalledOff {
        /// What of it is kept.
        fee: Percent,
    },
    /// Another appointment takes the place of its own.
    HandedOn(AppointmentId),
    /// The patient did not come.
    Missed {
        /// From when on that is settled.
        settle_at: Timestamp,
    },
    /// The patient did come.
    Came,
    /// The patient did not come, and that was no mistake.
    Settled {
        /// What of it is kept.
        fee: Percent,
    },
    /// An invoice was issued for what was done.
    Invoiced {
        /// Which.
        invoice: Uuid,
        /// What of it can be paid with this.
        open: i64,
    },
}

/// Money that moves out of the appointment's account, or back into it. Minor units, more
/// than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Back to the wallet.
    Release(i64),
    /// To revenue.
    Forfeit(i64),
    /// Back from revenue.
    Restore(i64),
    /// To what is owed for an invoice.
    Apply(Uuid, i64),
    /// To the account of another appointment.
    HandOn(AppointmentId, i64),
}

/// What others are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The money is there.
    Held,
    /// It is not.
    Refused,
    /// Nothing is held any more.
    Ended,
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// As it is then.
    pub next: Prepayment,
    /// What moves.
    pub moves: Vec<Move>,
    /// What is told.
    pub news: Option<News>,
}

impl Decision {
    const fn nothing(next: Prepayment) -> Self {
        Self {
            next,
            moves: Vec::new(),
            news: None,
        }
    }

    fn release(&mut self, amount: i64) {
        if amount > 0 {
            self.next.sums.released += amount;
            self.moves.push(Move::Release(amount));
        }
    }

    /// Gives away everything: a fee, and the rest back.
    fn empty(&mut self, fee: Percent) {
        let fee = fee.of(self.next.sums.held());
        if fee > 0 {
            self.next.sums.forfeited += fee;
            self.moves.push(Move::Forfeit(fee));
        }
        self.release(self.next.sums.held());
    }

    /// Nothing is held any more.
    fn end(mut self) -> Self {
        let sums = &self.next.sums;
        self.next.status = if sums.handed_on > 0 {
            Status::Moved
        } else if sums.applied > 0 {
            Status::Applied
        } else if sums.forfeited > 0 {
            Status::Forfeited
        } else {
            Status::Released
        };
        self.next.next = None;
        self.news = Some(News::Ended);
        self
    }

    /// What is held has been given away; whether SecurePay has paid in the meantime is
    /// still to be found out, if it was asked.
    fn withdraw(mut self, now: Timestamp) -> Self {
        if !self.next.sent {
            return self.end();
        }
        self.next.status = Status::Withdrawn;
        self.next.next = Some((Question::Look, later(now)));
        self
    }

    fn hold(mut self) -> Self {
        // More than is asked came with the other appointment.
        self.release(self.next.sums.held() - self.next.sums.asked);
        self.next.status = Status::Held;
        self.next.next = None;
        self.news = Some(News::Held);
        self
    }

    fn refuse(mut self, status: Status, code: String) -> Self {
        self.empty(Percent::default());
        self.next.status = status;
        self.next.refusal = Some(code);
        self.next.next = None;
        self.news = Some(News::Refused);
        self
    }
}

fn later(now: Timestamp) -> Timestamp {
    now.saturating_add(CALM).unwrap_or(Timestamp::MAX)
}

impl Prepayment {
    /// Decides. What does not matter where it stands changes nothing.
    #[must_use]
    pub fn decide(self, input: Input, now: Timestamp) -> Decision {
        use Status::{Held, Missed, Requested, Withdrawn};
        let status = self.status;
        let mut done = Decision::nothing(self);
        match (status, input) {
            (_, Input::Asked { amount, asker }) => done.ask(amount, asker, now),
            (_, Input::TakenOver(amount)) => done.take_over(amount),

            (Requested, Input::Captured) => {
                done.next.sums.paid = done.next.sums.to_pay;
                done.hold()
            }
            (Requested, Input::Refused { code }) => done.refuse(Status::Refused, code),
            (Requested, Input::DeadlinePassed) if !done.next.sent => {
                done.refuse(Status::Expired, "TIMED_OUT".to_owned())
            }
            (Requested, Input::DeadlinePassed) => {
                done.next.next = Some((Question::Look, later(now)));
                done
            }
            (Requested, Input::Missing) if done.next.is_looking() => {
                done.refuse(Status::Expired, "TIMED_OUT".to_owned())
            }
            // Whoever is seen or missed before the payment is known is not asked for more.
            (Requested, Input::Missed { .. }) => {
                done.empty(Percent::default());
                done.withdraw(now)
            }
            (Requested, Input::CalledOff { fee }) => {
                done.empty(fee);
                done.withdraw(now)
            }
            (Requested, Input::HandedOn(to)) => {
                done.hand_on(to);
                done.withdraw(now)
            }
            (Requested, Input::Invoiced { invoice, .. }) => {
                done.next.invoice = Some(invoice);
                done
            }

            (Withdrawn, Input::Captured) => {
                done.next.sums.paid = done.next.sums.to_pay;
                done.empty(Percent::default());
                done.end()
            }
            (Withdrawn, Input::Refused { .. } | Input::Missing) => done.end(),

            (Held, Input::CalledOff { fee }) | (Missed, Input::Settled { fee }) => {
                done.empty(fee);
                done.end()
            }
            (Held, Input::HandedOn(to)) => {
                done.hand_on(to);
                done.end()
            }
            (Held, Input::Missed { settle_at }) => {
                done.next.status = Missed;
                done.next.next = Some((Question::Settle, settle_at));
                done
            }
            (Missed, Input::Came) => {
                (done.next.status, done.next.next) = (Held, None);
                done
            }
            // It was no no-show after all: the fee is the patient's again.
            (Status::Forfeited, Input::Came) if done.next.sums.handed_on == 0 => {
                let fee = std::mem::take(&mut done.next.sums.forfeited);
                done.moves.push(Move::Restore(fee));
                done.next.status = Held;
                done.news = Some(News::Held);
                done
            }
            (Held | Missed, Input::Invoiced { invoice, open }) => {
                let amount = open.min(done.next.sums.held());
                done.next.invoice = Some(invoice);
                if amount > 0 {
                    done.next.sums.applied += amount;
                    done.moves.push(Move::Apply(invoice, amount));
                }
                done.empty(Percent::default());
                done.end()
            }

            // It was paid after it had been given up.
            (status, Input::Captured) if status.is_over() && done.next.is_unpaid() => {
                done.next.sums.paid = done.next.sums.to_pay;
                done.empty(Percent::default());
                done
            }
            _ => done,
        }
    }

    fn is_looking(&self) -> bool {
        matches!(self.next, Some((Question::Look, _)))
    }

    const fn is_unpaid(&self) -> bool {
        self.sent && self.sums.paid == 0
    }
}

impl Decision {
    fn ask(mut self, amount: i64, asker: Asker, now: Timestamp) -> Self {
        if self.next.asker.is_some()
            || !matches!(self.next.status, Status::Requested | Status::Held)
        {
            // It was asked before: the same answer, if there is one.
            self.news = match self.next.status {
                Status::Held => Some(News::Held),
                Status::Refused | Status::Expired => Some(News::Refused),
                _ => None,
            };
            return self;
        }
        self.next.asker = Some(asker);
        self.next.sums.asked = amount;
        let missing = (amount - self.next.sums.held()).max(0);
        if missing == 0 {
            return self.hold();
        }
        self.next.sums.to_pay = missing;
        self.next.status = Status::Requested;
        self.next.next = Some((Question::Pay, now));
        self
    }

    fn take_over(mut self, amount: i64) -> Self {
        let sums = &mut self.next.sums;
        sums.taken_over += amount;
        match self.next.status {
            Status::Requested if self.next.asker.is_none() => {
                self.next.sums.asked = self.next.sums.held();
                self.hold()
            }
            Status::Held => self.hold(),
            // It counts when the payment is there.
            Status::Requested | Status::Missed => self,
            _ => {
                self.empty(Percent::default());
                self
            }
        }
    }

    fn hand_on(&mut self, to: AppointmentId) {
        let amount = self.next.sums.held();
        if amount > 0 {
            self.next.sums.handed_on += amount;
            self.moves.push(Move::HandOn(to, amount));
        }
    }
}

#[cfg(test)]
mod tests {
    use galen_contracts::ids::PatientId;
    use proptest::prelude::*;

    use super::super::model::{PrepaymentId, Wallet};
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn appointment(at: u128) -> AppointmentId {
        AppointmentId::from_uuid(Uuid::from_u128(at))
    }

    fn fresh() -> Prepayment {
        Prepayment::new(
            PrepaymentId::from_uuid(Uuid::from_u128(1)),
            appointment(2),
            PatientId::from_uuid(Uuid::from_u128(3)),
            "EUR".parse().expect("a currency"),
            (NOW, NOW),
        )
    }

    const fn asker() -> Asker {
        Asker {
            process: Uuid::from_u128(4),
            command: Uuid::from_u128(5),
        }
    }

    fn asked(amount: i64) -> Input {
        Input::Asked {
            amount,
            asker: asker(),
        }
    }

    /// As the asking does before it asks.
    fn send(mut prepayment: Prepayment) -> Prepayment {
        prepayment.wallet = Some(Wallet {
            id: Uuid::from_u128(6),
            owner: Uuid::from_u128(7),
        });
        prepayment.sent = true;
        prepayment
    }

    fn requested(amount: i64) -> Prepayment {
        send(fresh().decide(asked(amount), NOW).next)
    }

    fn held(amount: i64) -> Prepayment {
        requested(amount).decide(Input::Captured, NOW).next
    }

    fn percent(value: u8) -> Percent {
        Percent::new(value).expect("a percentage")
    }

    #[test]
    fn what_was_done_is_paid_with_it_and_the_rest_goes_back() {
        let invoice = Uuid::from_u128(9);
        let done = held(3_000).decide(
            Input::Invoiced {
                invoice,
                open: 2_400,
            },
            NOW,
        );
        assert_eq!(
            done.moves,
            [Move::Apply(invoice, 2_400), Move::Release(600)]
        );
        assert_eq!(
            (done.next.status, done.news),
            (Status::Applied, Some(News::Ended))
        );
        let nothing_owed = held(3_000).decide(Input::Invoiced { invoice, open: 0 }, NOW);
        assert_eq!(nothing_owed.moves, [Move::Release(3_000)]);
        assert_eq!(nothing_owed.next.status, Status::Released);
    }

    #[test]
    fn a_fee_is_kept_and_the_rest_goes_back() {
        let late = held(3_000).decide(Input::CalledOff { fee: percent(25) }, NOW);
        assert_eq!(late.moves, [Move::Forfeit(750), Move::Release(2_250)]);
        assert_eq!(late.next.status, Status::Forfeited);
        let in_time = held(3_000).decide(Input::CalledOff { fee: percent(0) }, NOW);
        assert_eq!(in_time.moves, [Move::Release(3_000)]);
        assert_eq!(in_time.next.status, Status::Released);
    }

    #[test]
    fn a_no_show_that_was_none_costs_nothing_before_or_after_it_is_settled() {
        let missed = held(3_000).decide(Input::Missed { settle_at: NOW }, NOW);
        assert_eq!(
            (missed.moves.len(), missed.next.status),
            (0, Status::Missed)
        );
        let came = missed.next.clone().decide(Input::Came, NOW);
        assert_eq!((came.next.status, came.next.next), (Status::Held, None));
        assert_eq!(came.next.sums.held(), 3_000);

        let settled = missed
            .next
            .decide(Input::Settled { fee: percent(100) }, NOW);
        assert_eq!(settled.moves, [Move::Forfeit(3_000)]);
        let came = settled.next.decide(Input::Came, NOW);
        assert_eq!(came.moves, [Move::Restore(3_000)]);
        assert_eq!(
            (came.next.status, came.news),
            (Status::Held, Some(News::Held))
        );
    }

    #[test]
    fn it_follows_the_other_appointment_which_pays_the_difference() {
        let moved = held(3_000).decide(Input::HandedOn(appointment(8)), NOW);
        assert_eq!(moved.moves, [Move::HandOn(appointment(8), 3_000)]);
        assert_eq!(moved.next.status, Status::Moved);

        let dearer = fresh().decide(Input::TakenOver(3_000), NOW).next;
        assert_eq!(dearer.status, Status::Held);
        let dearer = dearer.decide(asked(5_000), NOW);
        assert_eq!(
            (dearer.next.status, dearer.next.sums.to_pay),
            (Status::Requested, 2_000)
        );
        let paid = send(dearer.next.clone()).decide(Input::Captured, NOW);
        assert_eq!(
            (paid.next.sums.held(), paid.news),
            (5_000, Some(News::Held))
        );
        let code = "INSUFFICIENT_FUNDS".to_owned();
        let refused = send(dearer.next).decide(Input::Refused { code }, NOW);
        assert_eq!(refused.moves, [Move::Release(3_000)]);

        let cheaper = fresh().decide(Input::TakenOver(3_000), NOW).next;
        let cheaper = cheaper.decide(asked(1_000), NOW);
        assert_eq!(cheaper.moves, [Move::Release(2_000)]);
        assert_eq!(
            (cheaper.next.status, cheaper.news),
            (Status::Held, Some(News::Held))
        );
    }

    #[test]
    fn an_outcome_that_nobody_knows_is_looked_for_and_not_guessed() {
        let late = requested(3_000).decide(Input::DeadlinePassed, NOW);
        assert_eq!((late.next.status, late.news), (Status::Requested, None));
        assert!(matches!(late.next.next, Some((Question::Look, _))));
        let gone = late.next.clone().decide(Input::Missing, NOW);
        assert_eq!(
            (gone.next.status, gone.news),
            (Status::Expired, Some(News::Refused))
        );
        let there = late.next.decide(Input::Captured, NOW);
        assert_eq!(there.next.status, Status::Held);
        let too_late = gone.next.decide(Input::Captured, NOW);
        assert_eq!(too_late.moves, [Move::Release(3_000)]);
        // While it is being asked for, that it is not there yet says nothing.
        let early = requested(3_000).decide(Input::Missing, NOW);
        assert_eq!(early.next, requested(3_000));
    }

    #[test]
    fn what_is_called_off_while_it_is_paid_goes_back_when_it_was() {
        let off = requested(3_000).decide(Input::CalledOff { fee: percent(100) }, NOW);
        assert_eq!((off.next.status, off.news), (Status::Withdrawn, None));
        let paid = off.next.clone().decide(Input::Captured, NOW);
        assert_eq!(paid.moves, [Move::Release(3_000)]);
        assert_eq!(
            (paid.next.status, paid.news),
            (Status::Released, Some(News::Ended))
        );
        let not = off.next.decide(Input::Missing, NOW);
        assert_eq!((not.moves.len(), not.next.status), (0, Status::Released));
        let never_sent = fresh().decide(asked(1), NOW).next;
        let never_sent = never_sent.decide(Input::CalledOff { fee: percent(0) }, NOW);
        assert_eq!(never_sent.next.status, Status::Released);
    }

    #[test]
    fn a_question_that_is_repeated_has_the_same_answer() {
        let again = held(3_000).decide(asked(3_000), NOW);
        assert_eq!((again.next, again.news), (held(3_000), Some(News::Held)));
        let waiting = requested(3_000).decide(asked(3_000), NOW);
        assert_eq!((waiting.next, waiting.news), (requested(3_000), None));
        let code = "NO_WALLET".to_owned();
        let refused = requested(3_000).decide(Input::Refused { code }, NOW).next;
        let again = refused.clone().decide(asked(3_000), NOW);
        assert_eq!((again.next, again.news), (refused, Some(News::Refused)));
    }

    #[derive(Debug, Clone)]
    enum Happening {
        Hears(Input),
        Sends,
    }

    fn happening() -> impl Strategy<Value = Happening> {
        let amount = 1_i64..5_000;
        let fee = (0_u8..=100).prop_map(percent);
        prop_oneof![
            2 => Just(Happening::Sends),
            2 => amount.clone().prop_map(|amount| Happening::Hears(asked(amount))),
            1 => amount.clone().prop_map(|amount| Happening::Hears(Input::TakenOver(amount))),
            3 => Just(Happening::Hears(Input::Captured)),
            1 => Just(Happening::Hears(Input::Refused { code: "INSUFFICIENT_FUNDS".to_owned() })),
            1 => Just(Happening::Hears(Input::Missing)),
            1 => Just(Happening::Hears(Input::DeadlinePassed)),
            1 => fee.clone().prop_map(|fee| Happening::Hears(Input::CalledOff { fee })),
            1 => Just(Happening::Hears(Input::HandedOn(appointment(8)))),
            1 => Just(Happening::Hears(Input::Missed { settle_at: NOW })),
            1 => Just(Happening::Hears(Input::Came)),
            1 => fee.prop_map(|fee| Happening::Hears(Input::Settled { fee })),
            1 => (0_i64..5_000).prop_map(|open| Happening::Hears(Input::Invoiced { invoice: Uuid::from_u128(9), open })),
        ]
    }

    /// What the moves and the payment make of the appointment's account.
    fn booked(before: i64, was: &Prepayment, done: &Decision, input: &Input) -> i64 {
        let paid = done.next.sums.paid - was.sums.paid;
        let came = match input {
            Input::TakenOver(amount) => *amount,
            _ => 0,
        };
        let moved: i64 = done
            .moves
            .iter()
            .map(|movement| match *movement {
                Move::Restore(amount) => amount,
                Move::Release(amount)
                | Move::Forfeit(amount)
                | Move::Apply(_, amount)
                | Move::HandOn(_, amount) => -amount,
            })
            .sum();
        before + paid + came + moved
    }

    proptest! {
        #[test]
        fn whatever_happens_no_money_is_lost_or_made(happenings in prop::collection::vec(happening(), 0..25)) {
            let (mut prepayment, mut account, mut captured) = (fresh(), 0, false);
            for happening in happenings {
                let input = match happening {
                    Happening::Sends => {
                        let asks = matches!(prepayment.next, Some((Question::Pay, _)));
                        if asks {
                            prepayment = send(prepayment);
                        }
                        continue;
                    }
                    // SecurePay says nothing of a payment that it was not asked for.
                    Happening::Hears(Input::Captured | Input::Refused { .. }) if !prepayment.sent => continue,
                    Happening::Hears(input) => input,
                };
                captured |= input == Input::Captured;
                let was = prepayment.clone();
                let done = prepayment.decide(input.clone(), NOW);
                account = booked(account, &was, &done, &input);
                prepayment = done.next;
                prop_assert_eq!(account, prepayment.sums.held(), "the account holds what the prepayment says");
                prop_assert!(account >= 0);
                prop_assert_eq!(prepayment.sums.paid, if captured { prepayment.sums.to_pay } else { 0 }, "what was paid is known");
                match prepayment.status {
                    Status::Requested => {}
                    Status::Held | Status::Missed => prop_assert!(account > 0),
                    _ => prop_assert_eq!(account, 0, "nothing is left when it is over"),
                }
                let waits = matches!(prepayment.status, Status::Withdrawn | Status::Missed)
                    || prepayment.status == Status::Requested && prepayment.asker.is_some();
                prop_assert_eq!(prepayment.next.is_some(), waits, "whoever waits looks again");
            }
        }
    }
}

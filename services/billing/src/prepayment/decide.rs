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
    /// Nothing is charged for the appointment after all.
    NotCharged,
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
            (Requested, Input::Missed { .. } | Input::NotCharged) => {
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
            (Held, Input::NotCharged) => {
                done.empty(Percent::default());
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
mod tests;

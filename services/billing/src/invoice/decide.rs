//! Which events commands lead to. Pure.

use jiff::civil::Date;
use uuid::Uuid;

use super::event::{Event, Outcome, Part};
use super::model::{Invoice, Line, Method, PaymentState, Status};
use crate::charge::model::ChargeId;

/// Why a command is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has been issued or cancelled.
    #[error("the invoice is not a draft")]
    NotADraft,
    /// It has not been issued, or is cancelled.
    #[error("the invoice is not issued")]
    NotIssued,
    /// The sums are not those of its charges.
    #[error("the lines do not balance")]
    Unbalanced,
    /// Nothing is owed.
    #[error("nothing is due")]
    NothingDue,
    /// Less is owed, or it is being paid already.
    #[error("more than is due")]
    MoreThanDue,
    /// Less was paid, or is left of it.
    #[error("more than was paid")]
    MoreThanPaid,
    /// The patient is asked for less.
    #[error("more than was billed")]
    MoreThanBilled,
    /// It has no such payment.
    #[error("there is no such payment")]
    NoSuchPayment,
    /// It has no such line.
    #[error("there is no such line")]
    NoSuchLine,
    /// A payment stands in the way; it is over in a moment.
    #[error("a payment is under way")]
    PaymentUnderWay,
    /// The payer was asked for less.
    #[error("the payer was asked for less")]
    MoreThanAsked,
}

impl Invoice {
    fn is_issued(&self) -> Result<(), Refusal> {
        match self.status() {
            Status::Draft | Status::Cancelled => Err(Refusal::NotIssued),
            Status::Issued | Status::PartiallyPaid | Status::Balanced => Ok(()),
        }
    }

    fn is_draft(&self) -> Result<(), Refusal> {
        match self.status() {
            Status::Draft => Ok(()),
            _ => Err(Refusal::NotADraft),
        }
    }

    /// Issues it, with its lines as they were worked out just now.
    ///
    /// # Errors
    /// When it is no draft, or the lines are not of its charges.
    pub fn issue(&self, lines: &[Line], number: i64, on: Date) -> Result<Vec<Event>, Refusal> {
        self.is_draft()?;
        let same = |(old, new): (&Line, &Line)| old.charge == new.charge && old.gross == new.gross;
        let same = lines.len() == self.lines.len() && self.lines.iter().zip(lines).all(same);
        if !same || !lines.iter().all(Line::balances) {
            return Err(Refusal::Unbalanced);
        }
        let mut events = Vec::new();
        if lines != self.lines {
            events.push(Event::Adjudicated {
                lines: lines.to_vec(),
            });
        }
        events.push(Event::Issued { number, on });
        Ok(events)
    }

    /// Drops a draft.
    ///
    /// # Errors
    /// When it is none.
    pub fn cancel(&self) -> Result<Event, Refusal> {
        self.is_draft()?;
        Ok(Event::Dropped)
    }

    /// Begins a payment; without an amount, of all that is open.
    ///
    /// # Errors
    /// When not as much is open.
    pub fn pay(&self, payment: Uuid, wallet: Uuid, amount: Option<i64>) -> Result<Event, Refusal> {
        self.is_issued()?;
        let amount = self.within_open(amount)?;
        Ok(Event::PaymentStarted {
            payment,
            wallet,
            amount,
        })
    }

    fn within_open(&self, amount: Option<i64>) -> Result<i64, Refusal> {
        let open = self.open();
        if open <= 0 {
            return Err(if self.pending() > 0 {
                Refusal::PaymentUnderWay
            } else {
                Refusal::NothingDue
            });
        }
        let amount = amount.unwrap_or(open);
        if amount <= 0 || amount > open {
            return Err(Refusal::MoreThanDue);
        }
        Ok(amount)
    }

    /// Money was received elsewhere.
    ///
    /// # Errors
    /// When not as much is open.
    pub fn receive(&self, receipt: Uuid, amount: i64) -> Result<Option<Event>, Refusal> {
        if self.payment(receipt).is_some() {
            return Ok(None);
        }
        self.is_issued()?;
        let amount = self.within_open(Some(amount))?;
        Ok(Some(Event::Received { receipt, amount }))
    }

    /// What was paid before an appointment pays as much of what is open as it can; `None`:
    /// nothing is open.
    ///
    /// # Errors
    /// When it is not issued.
    pub fn apply_prepayment(&self, prepayment: Uuid, held: i64) -> Result<Option<Event>, Refusal> {
        self.is_issued()?;
        let amount = held.min(self.open());
        if amount <= 0 || self.payment(prepayment).is_some() {
            return Ok(None);
        }
        Ok(Some(Event::PrepaymentApplied { prepayment, amount }))
    }

    /// A payment succeeded; `None`: that is known.
    ///
    /// # Errors
    /// When there is none, or it was refused.
    pub fn record(&self, payment: Uuid) -> Result<Option<Event>, Refusal> {
        match self.payment(payment).map(|payment| payment.state) {
            Some(PaymentState::Pending) => Ok(Some(Event::PaymentRecorded { payment })),
            Some(PaymentState::Captured) => Ok(None),
            Some(PaymentState::Refused) | None => Err(Refusal::NoSuchPayment),
        }
    }

    /// A payment failed; `None`: that is known.
    ///
    /// # Errors
    /// When there is none, or it succeeded.
    pub fn refuse(&self, payment: Uuid, code: &str) -> Result<Option<Event>, Refusal> {
        match self.payment(payment).map(|payment| payment.state) {
            Some(PaymentState::Pending) => Ok(Some(Event::PaymentRefused {
                payment,
                code: code.to_owned(),
            })),
            Some(PaymentState::Refused) => Ok(None),
            Some(PaymentState::Captured) | None => Err(Refusal::NoSuchPayment),
        }
    }

    /// Begins to give back a part of a payment.
    ///
    /// # Errors
    /// When less is left of it.
    pub fn refund(&self, refund: Uuid, payment: Uuid, amount: i64) -> Result<Event, Refusal> {
        let found = self.payment(payment).ok_or(Refusal::NoSuchPayment)?;
        if !matches!(found.method, Method::Wallet | Method::Cash) {
            return Err(Refusal::NoSuchPayment);
        }
        if amount <= 0 || amount > found.left() || amount > self.refundable() {
            return Err(Refusal::MoreThanPaid);
        }
        Ok(Event::RefundStarted {
            refund,
            payment,
            amount,
        })
    }

    /// What was paid and is not on its way back.
    #[must_use]
    pub fn refundable(&self) -> i64 {
        let refunding = self.payments.iter().flat_map(|p| &p.refunding);
        self.paid() - refunding.map(|(_, amount)| amount).sum::<i64>()
    }

    /// Money went back, or did not.
    ///
    /// # Errors
    /// When it is not on its way.
    pub fn end_refund(
        &self,
        refund: Uuid,
        payment: Uuid,
        refused: Option<&str>,
    ) -> Result<Event, Refusal> {
        let found = self.payment(payment).ok_or(Refusal::NoSuchPayment)?;
        if !found.refunding.iter().any(|(id, _)| *id == refund) {
            return Err(Refusal::NoSuchPayment);
        }
        Ok(match refused {
            None => Event::Refunded { refund, payment },
            Some(code) => Event::RefundRefused {
                refund,
                payment,
                code: code.to_owned(),
            },
        })
    }

    /// Takes back a part of what the patient is asked for: an amount, which is taken
    /// from the lines in their order.
    ///
    /// # Errors
    /// When the patient is asked for less.
    pub fn credit_amount(&self, note: Uuid, amount: i64) -> Result<Event, Refusal> {
        let mut left = amount;
        let mut parts = Vec::new();
        for line in &self.lines {
            let part = line.patient.min(left);
            if part > 0 {
                parts.push(Part {
                    charge: line.charge,
                    amount: part,
                });
                left -= part;
            }
        }
        if amount <= 0 || left > 0 {
            self.is_issued()?;
            return Err(Refusal::MoreThanBilled);
        }
        self.credit(note, parts)
    }

    /// Takes back parts of lines; without an amount, all that the patient is asked for
    /// of the line. What of it was paid is given back.
    ///
    /// # Errors
    /// When the patient is asked for less.
    pub fn credit_lines(
        &self,
        note: Uuid,
        lines: &[(ChargeId, Option<i64>)],
    ) -> Result<Event, Refusal> {
        self.is_issued()?;
        let mut parts: Vec<Part> = Vec::new();
        for (charge, amount) in lines {
            let line = self.lines.iter().find(|line| line.charge == *charge);
            let line = line.ok_or(Refusal::NoSuchLine)?;
            let amount = amount.unwrap_or(line.patient);
            if amount <= 0 || amount > line.patient || parts.iter().any(|p| p.charge == *charge) {
                return Err(Refusal::MoreThanBilled);
            }
            parts.push(Part {
                charge: *charge,
                amount,
            });
        }
        self.credit(note, parts)
    }

    fn credit(&self, note: Uuid, parts: Vec<Part>) -> Result<Event, Refusal> {
        self.is_issued()?;
        let total: i64 = parts.iter().map(|part| part.amount).sum();
        let returned = (total - self.open()).max(0);
        if returned > self.refundable() {
            return Err(if self.pending() > 0 {
                Refusal::PaymentUnderWay
            } else {
                Refusal::MoreThanPaid
            });
        }
        Ok(Event::Credited {
            note,
            parts,
            returned,
        })
    }

    /// Gives up a part of what is open.
    ///
    /// # Errors
    /// When not as much is open.
    pub fn write_off(&self, request: Uuid, amount: i64) -> Result<Event, Refusal> {
        self.is_issued()?;
        let amount = self.within_open(Some(amount))?;
        Ok(Event::WrittenOff { request, amount })
    }

    /// A payer answered; `None`: it pays all that it was asked for.
    ///
    /// # Errors
    /// When it was asked for less than it does not pay.
    pub fn remit(&self, claim: Uuid, outcomes: &[Outcome]) -> Result<Option<Event>, Refusal> {
        self.is_issued()?;
        let outcomes: Vec<Outcome> = outcomes
            .iter()
            .filter(|outcome| {
                (outcome.to_patient, outcome.written_off, outcome.passed()) != (0, 0, 0)
            })
            .cloned()
            .collect();
        for (at, outcome) in outcomes.iter().enumerate() {
            let line = self.lines.iter().find(|line| line.charge == outcome.charge);
            let line = line.ok_or(Refusal::NoSuchLine)?;
            let share = line.payers.iter().find(|share| outcome.is_of(share));
            let asked = share.map_or(0, |share| share.amount);
            let which = |outcome: &Outcome| (outcome.charge, outcome.payer, outcome.coverage);
            let of_share = |other: &&Outcome| which(other) == which(outcome);
            let total = outcomes
                .iter()
                .filter(of_share)
                .flat_map(|other| [other.to_patient, other.written_off, other.passed()])
                .try_fold(0_i64, i64::checked_add);
            // What goes to several payers is told one by one.
            let to = |outcome: &Outcome| outcome.passed_on.as_ref().map(|p| (p.payer, p.coverage));
            let twice = outcomes[..at]
                .iter()
                .filter(of_share)
                .any(|other| to(other) == to(outcome));
            let fits = total.is_some_and(|total| total <= asked);
            let is_negative =
                outcome.to_patient < 0 || outcome.written_off < 0 || outcome.passed() < 0;
            if is_negative || !fits || twice {
                return Err(Refusal::MoreThanAsked);
            }
            if let Some(passed) = &outcome.passed_on {
                // To one other policy of the line.
                let next: Vec<_> = line
                    .payers
                    .iter()
                    .filter(|share| passed.is_to(share))
                    .collect();
                if next.len() != 1 || next.iter().any(|share| outcome.is_of(share)) {
                    return Err(Refusal::NoSuchLine);
                }
            }
        }
        if outcomes.is_empty() {
            return Ok(None);
        }
        Ok(Some(Event::Remitted { claim, outcomes }))
    }
}

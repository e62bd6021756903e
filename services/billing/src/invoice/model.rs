//! An invoice: who owes what, why, and what became of it. Pure.
//!
//! An invoice is what happened to it: commands decide on an [`Event`], and [`Invoice`]
//! is the fold of its events. At every moment, for every line,
//! gross = written off by contract + denied + credited + patient + payers, and
//! settled + pending ≤ billed, none of them less than nothing.

use galen_contracts::ids::PatientId;
use galen_kernel::{Currency, Id, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::event::Event;
use crate::charge::model::{ChargeId, PaymentMode};

/// What an [`InvoiceId`] identifies.
pub enum InvoiceKind {}

/// An invoice's id.
pub type InvoiceId = Id<InvoiceKind>;

/// Where an invoice stands, for its patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = InvoiceStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It can still change, and nobody owes it.
    Draft,
    /// The patient owes all of it.
    Issued,
    /// The patient owes a part of it.
    PartiallyPaid,
    /// The patient owes nothing. What payers refuse, and what is refunded, is owed
    /// again.
    Balanced,
    /// It was a draft, or a credit note took all of it back.
    Cancelled,
}

impl Status {
    const ALL: [Self; 5] = [
        Self::Draft,
        Self::Issued,
        Self::PartiallyPaid,
        Self::Balanced,
        Self::Cancelled,
    ];

    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Issued => "ISSUED",
            Self::PartiallyPaid => "PARTIALLY_PAID",
            Self::Balanced => "BALANCED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Reads what [`Status::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// One service on an invoice, and who owes what of it. Minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The charge that it is.
    pub charge: ChargeId,
    /// What was done.
    pub code: String,
    /// Class of the encounter (v3 `ActCode`).
    pub class: String,
    /// How many units.
    pub quantity: u32,
    /// When.
    pub served_at: Timestamp,
    /// On which day of the hospital.
    pub served_on: Date,
    /// What was asked.
    pub gross: i64,
    /// What the hospital agreed with payers not to ask.
    pub contractual: i64,
    /// What nobody pays, because the hospital made a mistake.
    pub denied: i64,
    /// What credit notes took back.
    pub credited: i64,
    /// What the patient owes, or has paid.
    pub patient: i64,
    /// What payers are asked for, or have paid, in the order in which they pay.
    pub payers: Vec<PayerShare>,
    /// Claim adjustment reason codes (X12 CARC).
    pub reasons: Vec<String>,
    /// Why, step by step.
    pub trace: Vec<Step>,
}

/// What a payer is asked for of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayerShare {
    /// Who.
    pub payer: Uuid,
    /// The coverage under which.
    pub coverage: Uuid,
    /// How much; minor units.
    pub amount: i64,
}

/// One step of the explanation of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// By whose plan; `None`: the hospital's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<Uuid>,
    /// Where in the order of evaluation.
    pub stage: String,
    /// By which rule of the plan.
    pub rule: String,
    /// The amount it looked at.
    pub basis: i64,
    /// What it took away or moved.
    pub amount: i64,
    /// What was left to look at afterwards.
    pub left: i64,
    /// Why, as a claim adjustment reason code (X12 CARC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Line {
    /// The tariff that says what it costs.
    #[must_use]
    pub fn tariff(&self) -> Option<Uuid> {
        let step = self.trace.iter().find(|step| step.stage == "TARIFF")?;
        step.rule.parse().ok()
    }

    /// What payers are asked for; minor units.
    #[must_use]
    pub fn insurer(&self) -> i64 {
        self.payers.iter().map(|share| share.amount).sum()
    }

    /// Whether everything that was asked is accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        let parts = [
            self.contractual,
            self.denied,
            self.credited,
            self.patient,
            self.insurer(),
        ];
        let none_negative = parts.iter().all(|part| *part >= 0)
            && self.payers.iter().all(|share| share.amount >= 0);
        none_negative && self.gross == parts.iter().sum::<i64>()
    }
}

/// A payment of the patient. Minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id; in SecurePay as well, unless it is cash.
    pub id: Uuid,
    /// How it came.
    pub method: Method,
    /// The wallet it comes from, of [`Method::Wallet`].
    pub wallet: Option<Uuid>,
    /// How much.
    pub amount: i64,
    /// Where it stands.
    pub state: PaymentState,
    /// How much went back.
    pub refunded: i64,
    /// Refunds on their way.
    pub refunding: Vec<(Uuid, i64)>,
    /// Why the money is not there.
    pub refusal: Option<String>,
}

/// How the patient's money came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = InvoicePaymentMethod)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Method {
    /// From a wallet.
    Wallet,
    /// At a till.
    Cash,
    /// It was paid before the appointment.
    Prepayment,
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = InvoicePaymentStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentState {
    /// SecurePay is asked.
    Pending,
    /// The money is there.
    Captured,
    /// The money is not there.
    Refused,
}

impl Payment {
    /// Money that is there, from elsewhere than a wallet.
    const fn captured(id: Uuid, method: Method, amount: i64) -> Self {
        Self {
            id,
            method,
            wallet: None,
            amount,
            state: PaymentState::Captured,
            refunded: 0,
            refunding: Vec::new(),
            refusal: None,
        }
    }

    /// What of it can still be given back.
    #[must_use]
    pub fn left(&self) -> i64 {
        match self.state {
            PaymentState::Captured => {
                let refunding: i64 = self.refunding.iter().map(|(_, amount)| amount).sum();
                self.amount - self.refunded - refunding
            }
            PaymentState::Pending | PaymentState::Refused => 0,
        }
    }
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// Whose: the record that its charges were captured for.
    pub patient: PatientId,
    /// Who is asked to pay.
    pub mode: PaymentMode,
    /// Of all its amounts.
    pub currency: Currency,
    /// What people call it; `None`: it is a draft.
    pub number: Option<i64>,
    /// On which day of the hospital it was issued.
    pub issued_on: Option<Date>,
    /// What was done, and who owes what of it.
    pub lines: Vec<Line>,
    /// What the patient paid.
    pub payments: Vec<Payment>,
    /// What was given up of what the patient owed.
    pub written_off: i64,
    /// What was paid, and given back because a credit note took back what it was for.
    pub returned: i64,
    /// A draft that is not wanted any more.
    pub dropped: bool,
    /// How many events it is made of.
    pub version: i64,
}

impl Invoice {
    /// What the patient is asked for in all; minor units.
    #[must_use]
    pub fn billed(&self) -> i64 {
        self.lines.iter().map(|line| line.patient).sum()
    }

    /// What payers are asked for, or have paid; minor units.
    #[must_use]
    pub fn insurer(&self) -> i64 {
        self.lines.iter().map(Line::insurer).sum()
    }

    /// What the patient has paid and not got back; minor units.
    #[must_use]
    pub fn paid(&self) -> i64 {
        let captured = self.payments.iter();
        let captured = captured.filter(|payment| payment.state == PaymentState::Captured);
        let kept: i64 = captured.map(|p| p.amount - p.refunded).sum();
        kept - self.returned
    }

    /// What the patient does not owe any more; minor units.
    #[must_use]
    pub fn settled(&self) -> i64 {
        self.paid() + self.written_off
    }

    /// What is being paid; minor units.
    #[must_use]
    pub fn pending(&self) -> i64 {
        let pending = self.payments.iter();
        let pending = pending.filter(|payment| payment.state == PaymentState::Pending);
        pending.map(|payment| payment.amount).sum()
    }

    /// What the patient owes; minor units.
    #[must_use]
    pub fn due(&self) -> i64 {
        match self.number {
            Some(_) => self.billed() - self.settled(),
            None => 0,
        }
    }

    /// What the patient owes and is not being paid; minor units.
    #[must_use]
    pub fn open(&self) -> i64 {
        self.due() - self.pending()
    }

    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let (billed, settled) = (self.billed(), self.settled());
        let credited: i64 = self.lines.iter().map(|line| line.credited).sum();
        if self.dropped || (billed == 0 && credited > 0 && self.insurer() == 0) {
            Status::Cancelled
        } else if self.number.is_none() {
            Status::Draft
        } else if settled == billed {
            Status::Balanced
        } else if settled == 0 {
            Status::Issued
        } else {
            Status::PartiallyPaid
        }
    }

    /// Whether all its sums are right.
    #[must_use]
    pub fn balances(&self) -> bool {
        let within = self.settled() + self.pending() <= self.billed();
        let positive = self.paid() >= 0 && self.written_off >= 0 && self.returned >= 0;
        self.lines.iter().all(Line::balances) && positive && (self.number.is_none() || within)
    }

    /// A payment by its id.
    #[must_use]
    pub fn payment(&self, id: Uuid) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.id == id)
    }

    /// An invoice as its first event makes it; `None` when that is no first event.
    #[must_use]
    pub fn begin(id: InvoiceId, first: &Event) -> Option<Self> {
        let Event::Drafted {
            patient,
            mode,
            currency,
            lines,
        } = first
        else {
            return None;
        };
        Some(Self {
            id,
            patient: *patient,
            mode: *mode,
            currency: *currency,
            number: None,
            issued_on: None,
            lines: lines.clone(),
            payments: Vec::new(),
            written_off: 0,
            returned: 0,
            dropped: false,
            version: 1,
        })
    }

    /// An invoice as all that happened made it; `None` when nothing did.
    #[must_use]
    pub fn of<'a>(id: InvoiceId, events: impl IntoIterator<Item = &'a Event>) -> Option<Self> {
        let mut events = events.into_iter();
        let mut invoice = Self::begin(id, events.next()?)?;
        for event in events {
            invoice.apply(event);
        }
        Some(invoice)
    }

    /// Takes up what happened next.
    pub fn apply(&mut self, event: &Event) {
        self.version += 1;
        match event {
            Event::Drafted { .. } => {}
            Event::Adjudicated { lines } => self.lines.clone_from(lines),
            Event::Issued { number, on } => {
                (self.number, self.issued_on) = (Some(*number), Some(*on));
            }
            Event::Dropped => self.dropped = true,
            Event::PaymentStarted {
                payment,
                wallet,
                amount,
            } => self.payments.push(Payment {
                id: *payment,
                method: Method::Wallet,
                wallet: Some(*wallet),
                amount: *amount,
                state: PaymentState::Pending,
                refunded: 0,
                refunding: Vec::new(),
                refusal: None,
            }),
            Event::PaymentRecorded { payment } => self.settle(*payment, PaymentState::Captured),
            Event::PaymentRefused { payment, code } => {
                self.settle(*payment, PaymentState::Refused);
                if let Some(payment) = self.payment_mut(*payment) {
                    payment.refusal = Some(code.clone());
                }
            }
            Event::Received { receipt, amount } => {
                self.payments
                    .push(Payment::captured(*receipt, Method::Cash, *amount));
            }
            Event::PrepaymentApplied { prepayment, amount } => {
                self.payments
                    .push(Payment::captured(*prepayment, Method::Prepayment, *amount));
            }
            Event::RefundStarted {
                refund,
                payment,
                amount,
            } => {
                if let Some(payment) = self.payment_mut(*payment) {
                    payment.refunding.push((*refund, *amount));
                }
            }
            Event::Refunded { refund, payment } => {
                if let Some(payment) = self.payment_mut(*payment) {
                    payment.refunded += payment.take_refund(*refund);
                }
            }
            Event::RefundRefused {
                refund, payment, ..
            } => {
                if let Some(payment) = self.payment_mut(*payment) {
                    payment.take_refund(*refund);
                }
            }
            Event::Credited {
                parts, returned, ..
            } => {
                for part in parts {
                    if let Some(line) = self.line_mut(part.charge) {
                        line.patient -= part.amount;
                        line.credited += part.amount;
                    }
                }
                self.returned += returned;
            }
            Event::WrittenOff { amount, .. } => self.written_off += amount,
            Event::Remitted { outcomes, .. } => {
                for outcome in outcomes {
                    if let Some(line) = self.line_mut(outcome.charge) {
                        let payers = line.payers.iter_mut();
                        for share in payers.filter(|share| outcome.is_of(share)) {
                            share.amount -=
                                outcome.to_patient + outcome.written_off + outcome.passed();
                        }
                        if let Some(passed) = &outcome.passed_on {
                            let next = line.payers.iter_mut();
                            for share in next.filter(|share| passed.is_to(share)) {
                                share.amount += passed.amount;
                            }
                        }
                        line.patient += outcome.to_patient;
                        line.contractual += outcome.written_off;
                        for reason in &outcome.reasons {
                            if !line.reasons.contains(reason) {
                                line.reasons.push(reason.clone());
                            }
                        }
                    }
                }
            }
        }
    }

    fn settle(&mut self, id: Uuid, state: PaymentState) {
        if let Some(payment) = self.payment_mut(id) {
            payment.state = state;
        }
    }

    fn payment_mut(&mut self, id: Uuid) -> Option<&mut Payment> {
        self.payments.iter_mut().find(|payment| payment.id == id)
    }

    fn line_mut(&mut self, charge: ChargeId) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.charge == charge)
    }
}

impl Payment {
    fn take_refund(&mut self, refund: Uuid) -> i64 {
        let found = self.refunding.iter().position(|(id, _)| *id == refund);
        found.map_or(0, |at| self.refunding.remove(at).1)
    }
}

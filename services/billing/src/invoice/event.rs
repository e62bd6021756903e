//! What happens to invoices. Stored as JSON: names may be added, never changed.

use galen_contracts::ids::PatientId;
use galen_kernel::Currency;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::{Line, PayerShare};
use crate::charge::model::{ChargeId, PaymentMode};

/// What happened. Amounts are minor units of the invoice's currency, above nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// Charges were put together.
    Drafted {
        /// Whose they are.
        patient: PatientId,
        /// Who is asked to pay.
        mode: PaymentMode,
        /// Of all amounts.
        currency: Currency,
        /// What was done, and who owes what of it.
        lines: Vec<Line>,
    },
    /// Who owes what was worked out again.
    Adjudicated {
        /// As it is now.
        lines: Vec<Line>,
    },
    /// It was given to the patient, who owes it from now on.
    Issued {
        /// What people call it.
        number: i64,
        /// The hospital's day.
        on: Date,
    },
    /// A draft was not wanted any more.
    Dropped,
    /// SecurePay is asked for a payment.
    PaymentStarted {
        /// Its id, here and there.
        payment: Uuid,
        /// From where.
        wallet: Uuid,
        /// How much.
        amount: i64,
    },
    /// The money is there.
    PaymentRecorded {
        /// Which.
        payment: Uuid,
    },
    /// The money is not there.
    PaymentRefused {
        /// Which.
        payment: Uuid,
        /// Why: a code.
        code: String,
    },
    /// Cash was taken at a till.
    Received {
        /// What proves it.
        receipt: Uuid,
        /// How much.
        amount: i64,
    },
    /// What was paid before an appointment pays for what was done at it.
    PrepaymentApplied {
        /// Which.
        prepayment: Uuid,
        /// How much.
        amount: i64,
    },
    /// SecurePay is asked to give money back.
    RefundStarted {
        /// Its id, here and there.
        refund: Uuid,
        /// Of which payment.
        payment: Uuid,
        /// How much.
        amount: i64,
    },
    /// Money went back, and is owed again.
    Refunded {
        /// Which.
        refund: Uuid,
        /// Of which payment.
        payment: Uuid,
    },
    /// Money did not go back.
    RefundRefused {
        /// Which.
        refund: Uuid,
        /// Of which payment.
        payment: Uuid,
        /// Why: a code.
        code: String,
    },
    /// The patient is not asked for a part any more, because it was wrong.
    Credited {
        /// The note's id.
        note: Uuid,
        /// What is taken back, by line.
        parts: Vec<Part>,
        /// What of it was paid, and is given back.
        returned: i64,
    },
    /// The patient owes a part that nobody will pay.
    WrittenOff {
        /// Who agreed to it, by the request's id.
        request: Uuid,
        /// How much.
        amount: i64,
    },
    /// A payer answered.
    Remitted {
        /// To which claim.
        claim: Uuid,
        /// What it does not pay, by line.
        outcomes: Vec<Outcome>,
    },
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Which line.
    pub charge: ChargeId,
    /// How much.
    pub amount: i64,
}

/// What a payer does not pay of a line that it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Which line.
    pub charge: ChargeId,
    /// Who answered.
    pub payer: Uuid,
    /// Under which coverage. What was stored before several policies of one payer were
    /// told apart has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Uuid>,
    /// What the patient owes instead (adjustment group `PR`).
    pub to_patient: i64,
    /// What nobody owes any more (adjustment group `CO`).
    pub written_off: i64,
    /// What the next payer is asked for instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_on: Option<PassedOn>,
    /// Why: claim adjustment reason codes (X12 CARC).
    pub reasons: Vec<String>,
}

/// What the next payer is asked for of what a payer leaves over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PassedOn {
    /// Who is asked.
    pub payer: Uuid,
    /// Under which coverage.
    pub coverage: Uuid,
    /// By which claim.
    pub claim: Uuid,
    /// For how much.
    pub amount: i64,
}

impl PassedOn {
    /// Whether it is this share that grows.
    #[must_use]
    pub fn is_to(&self, share: &PayerShare) -> bool {
        (share.payer, share.coverage) == (self.payer, self.coverage)
    }
}

impl Outcome {
    /// Whether it is about this share.
    #[must_use]
    pub fn is_of(&self, share: &PayerShare) -> bool {
        let coverage = self.coverage;
        share.payer == self.payer && coverage.is_none_or(|coverage| coverage == share.coverage)
    }

    /// What is passed on; minor units.
    #[must_use]
    pub fn passed(&self) -> i64 {
        self.passed_on.as_ref().map_or(0, |passed| passed.amount)
    }
}

impl Event {
    /// Its name, as stored beside it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Drafted { .. } => "DRAFTED",
            Self::Adjudicated { .. } => "ADJUDICATED",
            Self::Issued { .. } => "ISSUED",
            Self::Dropped => "DROPPED",
            Self::PaymentStarted { .. } => "PAYMENT_STARTED",
            Self::PaymentRecorded { .. } => "PAYMENT_RECORDED",
            Self::PaymentRefused { .. } => "PAYMENT_REFUSED",
            Self::Received { .. } => "RECEIVED",
            Self::PrepaymentApplied { .. } => "PREPAYMENT_APPLIED",
            Self::RefundStarted { .. } => "REFUND_STARTED",
            Self::Refunded { .. } => "REFUNDED",
            Self::RefundRefused { .. } => "REFUND_REFUSED",
            Self::Credited { .. } => "CREDITED",
            Self::WrittenOff { .. } => "WRITTEN_OFF",
            Self::Remitted { .. } => "REMITTED",
        }
    }
}

//! What of an invoice is taken back, given up or given back.
//!
//! A credit note takes back what should not have been asked for. To give up what is
//! owed, or to give back what was paid, takes two people: one asks, another one decides.

pub mod credit;
pub mod decide;
pub mod find;
pub mod pay_out;
pub mod request;
pub mod store;

use galen_contracts::ids::PatientId;
use galen_kernel::{Id, Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::InvoiceId;

/// What an [`AdjustmentId`] identifies.
pub enum AdjustmentKind {}

/// An adjustment's id.
pub type AdjustmentId = Id<AdjustmentKind>;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = InvoiceAdjustmentKind)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// To give up what is owed.
    WriteOff,
    /// To give back what was paid.
    Refund,
    /// To take back what was asked for by mistake.
    CreditNote,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = InvoiceAdjustmentStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Somebody else has to decide.
    Requested,
    /// Agreed to; the money is on its way.
    Approved,
    /// Not agreed to.
    Rejected,
    /// Done.
    Done,
    /// Agreed to, and the ledger refused.
    Failed,
}

impl Kind {
    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WriteOff => "WRITE_OFF",
            Self::Refund => "REFUND",
            Self::CreditNote => "CREDIT_NOTE",
        }
    }

    /// Reads what [`Kind::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::WriteOff, Self::Refund, Self::CreditNote]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

impl Status {
    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Done => "DONE",
            Self::Failed => "FAILED",
        }
    }

    /// Reads what [`Status::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [
            Self::Requested,
            Self::Approved,
            Self::Rejected,
            Self::Done,
            Self::Failed,
        ]
        .into_iter()
        .find(|status| status.name() == name)
    }
}

/// What somebody asked, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// Its id.
    pub id: AdjustmentId,
    /// Of which invoice.
    pub invoice: InvoiceId,
    /// Whose.
    pub patient: PatientId,
    /// What is asked.
    pub kind: Kind,
    /// The payment that is given back.
    pub payment: Option<Uuid>,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub status: Status,
    /// Who asked.
    pub requested_by: Uuid,
    /// When.
    pub requested_at: Timestamp,
    /// Who decided, and when.
    pub decided: Option<(Uuid, Timestamp)>,
    /// Rises by one with every change.
    pub version: i64,
}

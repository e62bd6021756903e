//! What happened to a claim, as it is stored.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::{LineAnswer, Outcome};
use super::model::{ClaimId, Facts};
use super::position::{Moves, Position};
use super::scrub::Finding;

/// What is corrected in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Correction {
    /// Which line.
    pub sequence: u16,
    /// Why it was done.
    pub diagnosis: Option<String>,
    /// The number under which the payer agreed.
    pub pre_authorisation: Option<String>,
}

/// How somebody ended a denial that the payer did not take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DenialResolution)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Resolution {
    /// Nobody pays.
    WriteOff,
    /// The patient pays.
    Patient,
}

impl Resolution {
    /// Where an amount goes.
    #[must_use]
    pub const fn moves(self, amount: i64) -> Moves {
        let (written_off, left_over) = match self {
            Self::WriteOff => (amount, 0),
            Self::Patient => (0, amount),
        };
        Moves {
            paid: 0,
            left_over,
            written_off,
        }
    }
}

/// What happened to a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Event {
    /// It began.
    Prepared(Box<Facts>),
    /// The payer before has answered: where the money is now.
    PriorAnswered {
        /// Line by line.
        positions: Vec<(u16, Position)>,
    },
    /// It was looked through.
    Scrubbed {
        /// What was found.
        findings: Vec<Finding>,
    },
    /// Lines were corrected.
    Corrected {
        /// Which, and how.
        lines: Vec<Correction>,
    },
    /// It is to be sent.
    Submitted,
    /// The payer has it.
    Acknowledged,
    /// The payer did not take it.
    Rejected {
        /// Why.
        findings: Vec<Finding>,
    },
    /// The payer wants to look closer.
    Pended,
    /// The payer has decided.
    Adjudicated {
        /// What.
        outcome: Outcome,
        /// Line by line.
        lines: Vec<LineAnswer>,
    },
    /// The payer was asked to decide again.
    Appealed,
    /// It is in the books.
    Posted {
        /// By which remittance.
        remittance: Uuid,
        /// What it said.
        lines: Vec<LineAnswer>,
        /// Where the money is now.
        positions: Vec<(u16, Position)>,
    },
    /// A denial was ended.
    Resolved {
        /// Of which line.
        sequence: u16,
        /// How.
        resolution: Resolution,
        /// What moved.
        moves: Moves,
    },
    /// Another took its place.
    Replaced {
        /// Which.
        by: ClaimId,
    },
    /// It was withdrawn.
    Voided {
        /// Who is asked instead; `None`: another claim is to be prepared.
        resolution: Option<Resolution>,
        /// Where the money is now.
        positions: Vec<(u16, Position)>,
    },
}

impl Event {
    /// Whether lines are otherwise after it.
    #[must_use]
    pub const fn moves_lines(&self) -> bool {
        matches!(
            self,
            Self::Prepared(_)
                | Self::PriorAnswered { .. }
                | Self::Corrected { .. }
                | Self::Posted { .. }
                | Self::Resolved { .. }
                | Self::Voided { .. }
        )
    }

    /// Its name, as stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Prepared(_) => "PREPARED",
            Self::PriorAnswered { .. } => "PRIOR_ANSWERED",
            Self::Scrubbed { .. } => "SCRUBBED",
            Self::Corrected { .. } => "CORRECTED",
            Self::Submitted => "SUBMITTED",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Rejected { .. } => "REJECTED",
            Self::Pended => "PENDED",
            Self::Adjudicated { .. } => "ADJUDICATED",
            Self::Appealed => "APPEALED",
            Self::Posted { .. } => "POSTED",
            Self::Resolved { .. } => "RESOLVED",
            Self::Replaced { .. } => "REPLACED",
            Self::Voided { .. } => "VOIDED",
        }
    }
}

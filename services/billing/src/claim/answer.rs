//! What a payer says to a claim, line by line. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a payer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ClaimOutcome)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// Nothing was denied.
    Paid,
    /// Some was denied.
    PartiallyPaid,
    /// All was denied.
    Denied,
}

/// Whose fault an adjustment is (X12 claim adjustment group codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(as = AdjustmentGroup)]
pub enum Group {
    /// Contractual obligation: the hospital must not ask the patient for it.
    #[serde(rename = "CO")]
    Contractual,
    /// Patient responsibility.
    #[serde(rename = "PR")]
    Patient,
    /// Other, such as what payers before have paid.
    #[serde(rename = "OA")]
    Other,
    /// Initiated by the payer, without a contract for it.
    #[serde(rename = "PI")]
    Payer,
}

/// Why a payer does not pay a part of a line. Minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Adjustment {
    /// Whose fault it is.
    pub group: Group,
    /// Claim adjustment reason code (X12 CARC).
    pub reason: String,
    /// How much.
    pub amount: i64,
}

/// What a payer says to a line: it pays `paid`, and the rest of the charge is adjusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LineAnswer {
    /// Which line.
    pub sequence: u16,
    /// What it pays now, in minor units.
    pub paid: i64,
    /// Why not all.
    pub adjustments: Vec<Adjustment>,
}

/// Above what was agreed: not asked of anybody.
const ABOVE_CONTRACT: &str = "45";
/// Paid before by the same payer, when a claim is replaced or appealed.
pub const PAID_BEFORE: &str = "B13";
/// Paid before by another payer.
pub const PRIOR_PAYER: &str = "23";

impl LineAnswer {
    fn sum(&self, which: impl Fn(&Adjustment) -> bool) -> i64 {
        self.adjustments
            .iter()
            .filter(|adjustment| which(adjustment))
            .fold(0, |sum: i64, adjustment| {
                sum.saturating_add(adjustment.amount)
            })
    }

    /// What is left to the patient or the next payer.
    #[must_use]
    pub fn left_over(&self) -> i64 {
        self.sum(|adjustment| adjustment.group == Group::Patient)
    }

    /// What the contract says is not to be asked for.
    #[must_use]
    pub fn written_off(&self) -> i64 {
        self.sum(|a| a.group == Group::Contractual && a.reason == ABOVE_CONTRACT)
    }

    /// Why something is denied: what is neither contractual, nor the patient's, nor
    /// paid before.
    pub fn denials(&self) -> impl Iterator<Item = &Adjustment> {
        self.adjustments.iter().filter(|adjustment| {
            adjustment.amount > 0
                && match adjustment.group {
                    Group::Patient => false,
                    Group::Contractual => adjustment.reason != ABOVE_CONTRACT,
                    Group::Other | Group::Payer => {
                        adjustment.reason != PRIOR_PAYER && adjustment.reason != PAID_BEFORE
                    }
                }
        })
    }

    /// Whether the charge is all accounted for.
    #[must_use]
    pub fn balances(&self, charge: i64) -> bool {
        let adjusted: i128 = self
            .adjustments
            .iter()
            .map(|adjustment| i128::from(adjustment.amount))
            .sum();
        i128::from(self.paid) + adjusted == i128::from(charge)
    }
}

impl Outcome {
    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paid => "PAID",
            Self::PartiallyPaid => "PARTIALLY_PAID",
            Self::Denied => "DENIED",
        }
    }

    /// Reads what [`Outcome::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::Paid, Self::PartiallyPaid, Self::Denied]
            .into_iter()
            .find(|outcome| outcome.name() == name)
    }
}

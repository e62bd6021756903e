//! What a coverage says, and what may change.

use galen_contracts::ids::PatientId;
use galen_kernel::{Id, Problem, Text, Violations};
use galen_storage::Error;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Marker of the ids of coverages.
pub enum CoverageKind {}
/// The id of a coverage.
pub type CoverageId = Id<CoverageKind>;

/// The last place in the order of payers.
pub const LAST_PRIORITY: i16 = 99;

/// What is on a patient's card of a coverage, and sealed: what a plan covers, when and
/// in which order has to be compared by the database, and says nothing about a person by
/// itself. Fields may be added as optional ones, and bounds be widened.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Number of the policy.
    pub policy_number: Text<64>,
    /// Who pays, as on the card.
    pub payer_name: Option<Text<200>>,
}

/// What a coverage says.
#[derive(Clone, PartialEq, Eq)]
pub struct CoverageTerms {
    /// Code of the plan.
    pub plan_id: String,
    /// What is on the card.
    pub card: Card,
    /// First day.
    pub valid_from: Date,
    /// First day that is no longer covered; open when unknown.
    pub valid_to: Option<Date>,
    /// 1 pays first.
    pub priority: i16,
}

impl CoverageTerms {
    /// Notes what contradicts itself. A coverage may end on the day it begins: that
    /// takes back one that never was.
    pub fn check(&self, violations: &mut Violations, pointer: &str) {
        let ordered = self.valid_to.is_none_or(|end| self.valid_from <= end);
        violations.require(
            ordered,
            &format!("{pointer}/validTo"),
            "BEFORE_START",
            "must not lie before validFrom",
        );
    }
}

/// A coverage of a patient.
#[derive(Clone)]
pub struct Coverage {
    /// Its id.
    pub id: CoverageId,
    /// The record it was recorded under.
    pub patient_id: PatientId,
    /// What it says.
    pub terms: CoverageTerms,
    /// Rises by one per change.
    pub version: i64,
}

/// Why a coverage is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum CoverageError {
    /// Another one has the same place in the order at the same time.
    #[error("the coverage overlaps another one")]
    Overlap,
    /// The database failed.
    #[error(transparent)]
    Storage(Error),
    /// The card was not sealed.
    #[error(transparent)]
    Sealing(galen_vault::Error),
}

impl From<galen_vault::Error> for CoverageError {
    fn from(error: galen_vault::Error) -> Self {
        match error {
            galen_vault::Error::Storage(error) => error.into(),
            error => Self::Sealing(error),
        }
    }
}

impl From<Error> for CoverageError {
    fn from(error: Error) -> Self {
        if error.constraint() == Some("coverage_overlap") {
            Self::Overlap
        } else {
            Self::Storage(error)
        }
    }
}

impl From<CoverageError> for Problem {
    fn from(error: CoverageError) -> Self {
        match error {
            CoverageError::Overlap => Self::conflict(
                "COVERAGE_OVERLAP",
                "Another coverage has this priority at this time.",
            ),
            CoverageError::Storage(error) => error.into(),
            CoverageError::Sealing(error) => error.into(),
        }
    }
}

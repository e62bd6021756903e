//! Why nobody can say who pays.

use galen_kernel::Problem;
use galen_service::PeerError;
use galen_storage::Error;

use crate::adjudication::AdjudicationError;

/// Why nobody can say who pays.
#[derive(Debug, thiserror::Error)]
pub enum CoverError {
    /// There is no such patient.
    #[error("no such patient")]
    UnknownPatient,
    /// The person's data were erased, so that nobody knows who insured them.
    #[error("the person was erased")]
    Erased,
    /// The patients service did not answer: that does not mean that nobody insures.
    #[error(transparent)]
    Peer(PeerError),
    /// The patients service said something that is none.
    #[error("the patients service answered with a malformed {0}")]
    Malformed(&'static str),
    /// A plan pays in another currency than what was done costs.
    #[error("plan {0} is in another currency")]
    Currency(String),
    /// What was done does not fit a plan.
    #[error(transparent)]
    Adjudication(#[from] AdjudicationError),
    /// Something was counted under the contract since it was looked at.
    #[error("the contract was counted under meanwhile")]
    Moved,
    /// The claim counts already.
    #[error("the claim is counted")]
    Counted,
    /// The database failed.
    #[error(transparent)]
    Storage(Error),
}

impl From<Error> for CoverError {
    fn from(error: Error) -> Self {
        match error.constraint() {
            Some("posting_of_claim") => Self::Counted,
            _ => Self::Storage(error),
        }
    }
}

impl From<sqlx::Error> for CoverError {
    fn from(error: sqlx::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<PeerError> for CoverError {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::NotFound { .. } => Self::UnknownPatient,
            PeerError::FailedPrecondition { .. } => Self::Erased,
            error => Self::Peer(error),
        }
    }
}

impl From<CoverError> for Problem {
    fn from(error: CoverError) -> Self {
        match error {
            CoverError::UnknownPatient => Self::not_found(),
            CoverError::Erased => {
                Self::conflict("SUBJECT_ERASED", "The person's data were erased.")
            }
            CoverError::Peer(error) => error.into(),
            CoverError::Currency(plan) => Self::conflict(
                "CURRENCY_MISMATCH",
                "A plan pays in another currency than what was done costs.",
            )
            .with("planId", plan.into()),
            CoverError::Moved => Self::conflict(
                "CONCURRENT_CHANGE",
                "Something else was counted under the contract at the same time.",
            )
            .retry_after(1),
            CoverError::Counted => {
                Self::conflict("ALREADY_COUNTED", "The claim is counted already.")
            }
            CoverError::Storage(error) => error.into(),
            CoverError::Adjudication(AdjudicationError::Overflow) => {
                Self::conflict("AMOUNT_TOO_LARGE", "The amounts are too large to add up.")
            }
            error @ (CoverError::Malformed(_) | CoverError::Adjudication(_)) => {
                Self::internal(error)
            }
        }
    }
}

//! Why a command on a claim is refused.

use galen_kernel::Problem;
use serde_json::json;

use super::decide::Refused;
use super::scrub::Finding;

/// Why a command on a claim is refused.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// There is none, or the caller may not know.
    #[error("no such claim")]
    Unknown,
    /// There is no claim of the invoice to the payer that another could be made of.
    #[error("nothing was withdrawn that could be claimed again")]
    NothingToClaim,
    /// A rule of the claim.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It was looked through, and is wrong.
    #[error("the claim is wrong")]
    Wrong(Vec<Finding>),
    /// The payer agreed to fewer units.
    #[error("nothing is left of a pre-authorisation")]
    Exhausted,
    /// The invoice does not allow it.
    #[error(transparent)]
    Invoice(#[from] crate::invoice::error::InvoiceError),
    /// Nobody can say what it uses up.
    #[error(transparent)]
    Cover(#[from] crate::cover::CoverError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
}

impl From<ClaimError> for Problem {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Unknown => Self::not_found(),
            ClaimError::NothingToClaim => Self::conflict(
                "NOTHING_TO_CLAIM",
                "No claim of this invoice to this payer was withdrawn with something still to be asked for.",
            ),
            ClaimError::Refused(refused) => refused.into(),
            ClaimError::Wrong(findings) => Self::conflict(
                "CLAIM_HAS_ERRORS",
                "The claim is wrong and cannot be submitted.",
            )
            .with("findings", json!(findings)),
            ClaimError::Exhausted => Self::conflict(
                "PRE_AUTHORISATION_EXHAUSTED",
                "The payer has agreed to fewer units than are claimed.",
            ),
            ClaimError::Invoice(error) => error.into(),
            ClaimError::Cover(error) => error.into(),
            ClaimError::Storage(error) => error.into(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Status(status) => {
                Self::conflict("CLAIM_STATUS", "The claim's status does not allow it.")
                    .with("status", json!(status))
            }
            Refused::Line(_) => {
                Self::invalid_field("/lines", "UNKNOWN_LINE", "must be the lines of the claim")
            }
            Refused::Unbalanced(line) => Self::invalid_field(
                "/lines",
                "DOES_NOT_ADD_UP",
                format!("line {line} does not add up to its charge"),
            ),
            Refused::TooMuch(line) => Self::conflict(
                "MORE_THAN_ASKED",
                "A payer pays or leaves more than it was asked for.",
            )
            .with_detail(format!("Line {line}.")),
            Refused::NotDenied(_) => {
                Self::conflict("NOTHING_DENIED", "Nothing is denied of this line any more.")
            }
        }
    }
}

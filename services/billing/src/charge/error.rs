//! Why a command on a charge is refused.

use galen_kernel::Problem;

use super::model::ChargeRefusal;

/// Why a command on a charge is refused.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    /// There is none.
    #[error("no such charge")]
    Unknown,
    /// It is not in a state for it.
    #[error(transparent)]
    Refused(#[from] ChargeRefusal),
    /// It was corrected already.
    #[error("the charge was replaced")]
    Replaced,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
}

impl From<sqlx::Error> for ChargeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<ChargeRefusal> for Problem {
    fn from(refusal: ChargeRefusal) -> Self {
        match refusal {
            ChargeRefusal::Invoiced => Self::conflict(
                "CHARGE_INVOICED",
                "The charge is on an invoice; cancel or credit that first.",
            ),
            ChargeRefusal::Voided => Self::conflict("CHARGE_VOIDED", "The charge was taken back."),
            ChargeRefusal::Unpriced => Self::conflict(
                "CHARGE_UNPRICED",
                "There is no price for it; add a tariff and price it first.",
            ),
        }
    }
}

impl From<ChargeError> for Problem {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::Unknown => Self::not_found(),
            ChargeError::Refused(refusal) => refusal.into(),
            ChargeError::Replaced => Self::conflict(
                "CHARGE_REPLACED",
                "The charge was corrected by another one already.",
            ),
            ChargeError::Storage(error) => error.into(),
        }
    }
}

//! Why a command on a plan is refused.

use galen_kernel::Problem;
use galen_storage::Error;

use super::model::Refusal;

/// Why a command on a plan is refused.
#[derive(Debug, thiserror::Error)]
pub enum PaymentPlanError {
    /// There is none.
    #[error("no such payment plan")]
    Unknown,
    /// An invoice is in another plan.
    #[error("an invoice is in a payment plan")]
    AlreadyPlanned,
    /// It is not in a state for it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] Error),
}

impl From<sqlx::Error> for PaymentPlanError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<PaymentPlanError> for Problem {
    fn from(error: PaymentPlanError) -> Self {
        let (code, title) = match error {
            PaymentPlanError::Unknown => return Self::not_found(),
            PaymentPlanError::Storage(error) => return error.into(),
            PaymentPlanError::AlreadyPlanned => (
                "ALREADY_PLANNED",
                "An invoice is in a payment plan already.",
            ),
            PaymentPlanError::Refused(Refusal::Status) => (
                "PLAN_STATUS",
                "The payment plan's status does not allow it.",
            ),
            PaymentPlanError::Refused(Refusal::NothingDue) => {
                ("NOTHING_DUE", "Nothing is owed of the plan.")
            }
            PaymentPlanError::Refused(Refusal::OutOfDate) => (
                "PLAN_OUT_OF_DATE",
                "An instalment was due before anybody agreed.",
            ),
        };
        Self::conflict(code, title)
    }
}

//! Why a command on a till is refused.

use galen_kernel::Problem;
use galen_storage::Error;

use super::model::Refusal;

/// Why a command on a till is refused.
#[derive(Debug, thiserror::Error)]
pub enum CashSessionError {
    /// There is none.
    #[error("no such cash session")]
    Unknown,
    /// The cashier has an open one.
    #[error("a cash session is open")]
    AlreadyOpen,
    /// The cashier has none open in the currency.
    #[error("no cash session is open")]
    NoneOpen,
    /// It is not in a state for it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] Error),
}

impl From<sqlx::Error> for CashSessionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (code, title) = match refusal {
            Refusal::NotOpen => (
                "CASH_SESSION_NOT_OPEN",
                "The cash session is being counted, or closed.",
            ),
            Refusal::NotEnoughCash => ("NOT_ENOUGH_CASH", "There is not as much in the till."),
            Refusal::NothingToApprove => (
                "NOTHING_TO_APPROVE",
                "No difference of this cash session waits for somebody.",
            ),
            Refusal::SecondPerson => (
                "SECOND_PERSON_REQUIRED",
                "Whose till it is, and who counted it, cannot agree to the difference.",
            ),
            Refusal::TooLarge => ("AMOUNT_TOO_LARGE", "No till holds as much."),
        };
        Self::conflict(code, title)
    }
}

impl From<CashSessionError> for Problem {
    fn from(error: CashSessionError) -> Self {
        match error {
            CashSessionError::Unknown => Self::not_found(),
            CashSessionError::AlreadyOpen => Self::conflict(
                "CASH_SESSION_OPEN",
                "You have an open cash session in this currency.",
            ),
            CashSessionError::NoneOpen => Self::conflict(
                "NO_CASH_SESSION",
                "You have no open cash session in the invoice's currency.",
            ),
            CashSessionError::Refused(refusal) => refusal.into(),
            CashSessionError::Storage(error) => error.into(),
        }
    }
}

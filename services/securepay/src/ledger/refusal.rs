//! Refusals in the words of the API. Account numbers and amounts of others stay inside.

use galen_kernel::Problem;

use super::{Rejection, StandingError};

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::AccountUnknown(_) | Rejection::HoldUnknown(_) => Self::not_found(),
            Rejection::AccountFrozen(_) => {
                Self::conflict("ACCOUNT_FROZEN", "One of the accounts is frozen.")
            }
            Rejection::AccountClosed(_) => {
                Self::conflict("ACCOUNT_CLOSED", "One of the accounts is closed.")
            }
            Rejection::SameAccount => {
                Self::conflict("SAME_WALLET", "Both sides are the same wallet.")
            }
            Rejection::LedgersDiffer => {
                Self::conflict("CURRENCY_MISMATCH", "The accounts have other currencies.")
            }
            Rejection::InsufficientFunds { .. } => {
                Self::conflict("INSUFFICIENT_FUNDS", "There is not enough money.")
            }
            Rejection::MoreThanOwed { .. } => {
                Self::conflict("MORE_THAN_OWED", "This is more than is owed.")
            }
            Rejection::Overflow(_) => {
                Self::conflict("AMOUNT_TOO_LARGE", "An account cannot hold as much.")
            }
            Rejection::HoldIsOver { .. } => Self::conflict(
                "PAYMENT_IS_OVER",
                "Nothing of the payment is left to capture or to release.",
            ),
            Rejection::MoreThanHeld { .. } => Self::conflict(
                "MORE_THAN_HELD",
                "This is more than is left of the payment.",
            ),
            Rejection::MoreThanCaptured { .. } => {
                Self::conflict("MORE_THAN_CAPTURED", "This is more than can be given back.")
            }
            Rejection::IdReused => Self::conflict(
                "TRANSFER_ID_REUSED",
                "The id was used for another transfer.",
            ),
            // Whoever asks for a group is told about the request that was refused.
            Rejection::GroupRefused(_) => Self::internal(rejection),
        }
    }
}

impl From<StandingError> for Problem {
    fn from(error: StandingError) -> Self {
        match error {
            StandingError::Closed => {
                Self::conflict("ACCOUNT_CLOSED", "One of the accounts is closed.")
            }
            StandingError::Promises => Self::conflict(
                "ACCOUNT_HAS_HOLDS",
                "Money is promised from or to the account.",
            ),
            StandingError::NotEmpty => {
                Self::conflict("WALLET_NOT_EMPTY", "There is money in the wallet.")
            }
        }
    }
}

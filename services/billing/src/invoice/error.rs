//! Why a command on an invoice is refused.

use galen_eventing::Failure;
use galen_kernel::Problem;
use galen_storage::Error;

use super::decide::Refusal;

/// Why a command on an invoice is refused.
#[derive(Debug, thiserror::Error)]
pub enum InvoiceError {
    /// There is none.
    #[error("no such invoice")]
    Unknown,
    /// It is not in a state for it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] Error),
}

impl From<sqlx::Error> for InvoiceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (code, title) = match refusal {
            Refusal::NotADraft => ("NOT_A_DRAFT", "The invoice is no draft any more."),
            Refusal::NotIssued => ("NOT_ISSUED", "The invoice is not issued, or is cancelled."),
            Refusal::Unbalanced => {
                return Self::internal("the lines of an invoice do not balance");
            }
            Refusal::NothingDue => ("NOTHING_DUE", "Nothing is owed for the invoice."),
            Refusal::MoreThanDue => ("MORE_THAN_DUE", "Less than that is owed."),
            Refusal::MoreThanPaid => ("MORE_THAN_PAID", "Less than that was paid."),
            Refusal::MoreThanBilled => (
                "MORE_THAN_BILLED",
                "The patient is asked for less than that.",
            ),
            Refusal::NoSuchPayment => (
                "NO_SUCH_PAYMENT",
                "The invoice has no such payment that can be given back.",
            ),
            Refusal::NoSuchLine => ("NO_SUCH_LINE", "The invoice has no such line."),
            Refusal::PaymentUnderWay => (
                "PAYMENT_UNDER_WAY",
                "A payment of the invoice is under way; it is over in a moment.",
            ),
            Refusal::MoreThanAsked => {
                ("MORE_THAN_ASKED", "The payer was asked for less than that.")
            }
        };
        Self::conflict(code, title)
    }
}

impl From<InvoiceError> for Problem {
    fn from(error: InvoiceError) -> Self {
        match error {
            InvoiceError::Unknown => Self::not_found(),
            InvoiceError::Refused(refusal) => refusal.into(),
            InvoiceError::Storage(error) => error.into(),
        }
    }
}

impl From<InvoiceError> for Failure {
    fn from(error: InvoiceError) -> Self {
        match error {
            InvoiceError::Storage(error) => error.into(),
            error => Self::Retryable {
                code: "INVOICE",
                source: Box::new(error),
            },
        }
    }
}

//! Payments from wallets into accounts of the hospital: what SecurePay is asked, and what
//! it says. Silence is no answer: whoever asks does so again, under the same id.

use galen_contracts::securepay::v1 as securepay;
use galen_contracts::securepay::v1::PaymentState as Wire;
use galen_kernel::{Money, Problem};
use galen_service::PeerError;
use galen_service::rpc::ask;
use uuid::Uuid;

use crate::Billing;
use crate::journal::post::to_wire;
use crate::journal::{self, AccountRef};

/// A payment that is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WalletPayment {
    /// Its id: what makes the question repeatable.
    pub(crate) id: Uuid,
    /// From which wallet.
    pub(crate) wallet: Uuid,
    /// Into which account; it is opened when there is none.
    pub(crate) to: AccountRef,
    /// How much.
    pub(crate) amount: Money,
    /// What it is for.
    pub(crate) reference: Uuid,
}

/// What SecurePay says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// It was paid.
    Captured,
    /// It was not, and will not be: why, as a code.
    Refused(String),
    /// There is no such payment.
    Missing,
}

/// Asks for a payment; `None` when nobody answers.
///
/// # Errors
/// When the ledger answers something that makes no sense.
pub(crate) async fn pay(
    billing: &Billing,
    wanted: &WalletPayment,
) -> Result<Option<Said>, Problem> {
    let to = match journal::account(billing, wanted.to, wanted.amount.currency).await {
        Ok(to) => to,
        Err(error) => return unheard(error),
    };
    let mut client = billing.payments.clone();
    let question = securepay::InitiatePaymentRequest {
        payment_id: wanted.id.to_string(),
        from_account_id: wanted.wallet.to_string(),
        to_account_id: to.to_string(),
        amount: Some(to_wire(wanted.amount)),
        reference_id: wanted.reference.to_string(),
        manual_capture: false,
    };
    let asked = ask("securepay", question, |request| async move {
        client.initiate_payment(request).await
    });
    Ok(match asked.await {
        Ok(answer) => said(answer.payment.as_ref()),
        Err(PeerError::NotFound { .. }) => Some(Said::Refused("UNKNOWN_WALLET".to_owned())),
        Err(PeerError::FailedPrecondition { message, .. }) => Some(Said::Refused(code(&message))),
        Err(PeerError::TimedOut { .. } | PeerError::Unavailable { .. }) => None,
    })
}

/// Asks what became of a payment; `None` when nobody answers.
pub(crate) async fn look(billing: &Billing, id: Uuid) -> Option<Said> {
    let mut client = billing.payments.clone();
    let question = securepay::GetPaymentRequest {
        payment_id: id.to_string(),
    };
    let asked = ask("securepay", question, |request| async move {
        client.get_payment(request).await
    });
    match asked.await {
        Ok(answer) => said(answer.payment.as_ref()),
        Err(PeerError::NotFound { .. }) => Some(Said::Missing),
        Err(_) => None,
    }
}

/// Silence of the ledger is no answer; anything else is an error.
pub(crate) fn unheard<T>(error: Problem) -> Result<Option<T>, Problem> {
    if matches!(error.status, 503 | 504) {
        Ok(None)
    } else {
        Err(error)
    }
}

/// Whoever says nothing of the payment has not answered.
fn said(payment: Option<&securepay::Payment>) -> Option<Said> {
    match payment?.state() {
        Wire::Captured | Wire::PartiallyRefunded | Wire::Refunded => Some(Said::Captured),
        Wire::Failed | Wire::Voided | Wire::Expired => {
            Some(Said::Refused("PAYMENT_IS_OVER".to_owned()))
        }
        Wire::Unspecified | Wire::Pending | Wire::Authorized => None,
    }
}

/// The code that SecurePay refuses with.
pub(crate) fn code(message: &str) -> String {
    let plain = |c: char| c.is_ascii_uppercase() || c == '_';
    if !message.is_empty() && message.len() <= 64 && message.chars().all(plain) {
        message.to_owned()
    } else {
        "PAYMENT_REFUSED".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_passed_on_and_nothing_else() {
        assert_eq!(code("INSUFFICIENT_FUNDS"), "INSUFFICIENT_FUNDS");
        for text in ["", "no money for Mr Smith", &"A".repeat(65)] {
            assert_eq!(code(text), "PAYMENT_REFUSED");
        }
    }
}

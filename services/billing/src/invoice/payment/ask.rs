//! Asks SecurePay about payments and refunds, until it answers.

use galen_contracts::securepay::v1 as securepay;
use galen_eventing::{Failure, Trigger};
use galen_kernel::{Problem, Timestamp};
use galen_service::PeerError;
use galen_service::rpc::ask;
use jiff::SignedDuration;
use uuid::Uuid;

use super::decision::Input;
use super::store::{self, Payment, Question};
use crate::Billing;
use crate::invoice::adjustment::{self, Adjustment, Status};
use crate::invoice::store as invoices;
use crate::journal::post::to_wire;
use crate::journal::{self, AccountRef};
use crate::wallet_payment::{self, Said, WalletPayment, code, unheard};

/// How long to wait before asking again who did not answer.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// How many are asked about in one round.
const BATCH: i64 = 50;

/// What SecurePay says, or `None` when it does not.
type Heard = Option<Input>;

/// Asks about everything that is due; says how many were answered.
///
/// # Errors
/// When the database fails.
pub async fn ask_all(billing: &Billing) -> Result<u64, Problem> {
    let now = billing.clock.now();
    let mut answered = 0;
    for payment in store::due(billing.db.pool(), now, BATCH).await? {
        answered += u64::from(ask_one(billing, &payment).await?);
    }
    for refund in adjustment::store::due(billing.db.pool(), now, BATCH).await? {
        answered += u64::from(give_back(billing, &refund).await?);
    }
    Ok(answered)
}

/// Asks about one payment, and takes up the answer; false when there was none.
///
/// # Errors
/// When the database fails.
pub async fn ask_one(billing: &Billing, payment: &Payment) -> Result<bool, Problem> {
    let heard = match payment.question {
        Some(Question::Pay) => pay(billing, payment).await?,
        Some(Question::Look) => wallet_payment::look(billing, payment.id)
            .await
            .map(Input::from),
        Some(Question::Return) => give_all_back(billing, payment).await?,
        None => return Ok(true),
    };
    let Some(input) = heard else {
        let at = again(billing)?;
        store::later(billing.db.pool(), payment.id, at).await?;
        return Ok(false);
    };
    take_up(billing, payment.id, input).await?;
    Ok(true)
}

/// Tells a payment's process what SecurePay said.
///
/// # Errors
/// When the database fails.
pub async fn take_up(billing: &Billing, payment: Uuid, input: Input) -> Result<(), Problem> {
    let mut tx = billing.db.begin().await?;
    billing
        .paying
        .advance_by_key(&mut tx, &payment.to_string(), Trigger::Input(input))
        .await
        .map_err(problem)?;
    tx.commit().await?;
    Ok(())
}

/// A failure inside a process, for whoever is not a consumer of events.
pub(super) fn problem(failure: Failure) -> Problem {
    match failure {
        Failure::Infrastructure(source) => Problem::unavailable(source),
        failure => Problem::internal(failure),
    }
}

fn again(billing: &Billing) -> Result<Timestamp, Problem> {
    let now = billing.clock.now();
    now.checked_add(AGAIN).map_err(Problem::internal)
}

/// Asks to pay. What was entered into the books before is posted first: the ledger knows
/// what is owed from that.
async fn pay(billing: &Billing, payment: &Payment) -> Result<Heard, Problem> {
    if let Err(error) = journal::post(billing).await {
        return unheard(error);
    }
    let wallet = payment
        .wallet
        .ok_or_else(|| Problem::internal("SecurePay is asked for cash"))?;
    let wanted = WalletPayment {
        id: payment.id,
        wallet,
        to: AccountRef::receivable(payment.invoice),
        amount: payment.amount,
        reference: payment.invoice,
    };
    let said = wallet_payment::pay(billing, &wanted).await?;
    Ok(said.map(Input::from))
}

/// Asks to give back a payment that nobody waits for any more.
async fn give_all_back(billing: &Billing, payment: &Payment) -> Result<Heard, Problem> {
    let mut client = billing.payments.clone();
    let question = securepay::RefundPaymentRequest {
        payment_id: payment.id.to_string(),
        refund_id: Uuid::new_v5(&payment.id, b"return").to_string(),
        amount: Some(to_wire(payment.amount)),
    };
    let asked = ask("securepay", question, |request| async move {
        client.refund_payment(request).await
    });
    Ok(match asked.await {
        Ok(_) => Some(Input::Returned),
        Err(error) => {
            tracing::warn!(payment = %payment.id, %error, "a payment is not given back yet");
            None
        }
    })
}

impl From<Said> for Input {
    fn from(said: Said) -> Self {
        match said {
            Said::Captured => Self::Captured,
            Said::Refused(code) => Self::Refused { code },
            Said::Missing => Self::Missing,
        }
    }
}

/// Asks to give back what two people agreed on; false when SecurePay did not answer.
async fn give_back(billing: &Billing, refund: &Adjustment) -> Result<bool, Problem> {
    let payment = refund
        .payment
        .ok_or_else(|| Problem::internal("a refund is of a payment"))?;
    let mut client = billing.payments.clone();
    let question = securepay::RefundPaymentRequest {
        payment_id: payment.to_string(),
        refund_id: refund.id.to_string(),
        amount: Some(to_wire(refund.amount)),
    };
    let asked = ask("securepay", question, |request| async move {
        client.refund_payment(request).await
    });
    let refused = match asked.await {
        Ok(_) => None,
        Err(PeerError::FailedPrecondition { message, .. }) => Some(code(&message)),
        Err(PeerError::NotFound { .. }) => Some("NOT_FOUND".to_owned()),
        Err(PeerError::TimedOut { .. } | PeerError::Unavailable { .. }) => {
            let at = again(billing)?;
            adjustment::store::later(billing.db.pool(), refund.id, at).await?;
            return Ok(false);
        }
    };
    let mut tx = billing.db.begin().await?;
    let mut invoice = invoices::lock(&mut tx, refund.invoice).await?;
    let row = adjustment::store::get_for_change(&mut tx, refund.invoice, refund.id).await?;
    let Some(mut asked) = row
        .map(|row| row.adjustment)
        .filter(|row| row.status == Status::Approved)
    else {
        return Ok(true);
    };
    let event = invoice.end_refund(refund.id.uuid(), payment, refused.as_deref())?;
    invoices::append(&mut tx, &mut invoice, &[event]).await?;
    if let Some(code) = refused {
        tracing::error!(refund = %refund.id, code, "the ledger refuses a refund that was agreed on");
        asked.status = Status::Failed;
    } else {
        asked.status = Status::Done;
        store::refunded(&mut tx, payment, refund.amount.minor).await?;
    }
    asked.version += 1;
    adjustment::store::change(&mut tx, &asked, None).await?;
    tx.commit().await?;
    Ok(true)
}

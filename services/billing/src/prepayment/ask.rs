//! Asks SecurePay about prepayments, until it answers, and settles what was missed.

use futures::StreamExt as _;
use galen_contracts::securepay::v1 as securepay;
use galen_contracts::securepay::v1::PaymentState as Wire;
use galen_kernel::{Money, Problem};
use galen_service::PeerError;
use galen_service::rpc::ask;
use jiff::SignedDuration;

use super::available::wallets;
use super::decide::Input;
use super::model::{Prepayment, Question, Status, Wallet};
use super::store;
use crate::Billing;
use crate::invoice::payment::ask::code;
use crate::journal::post::to_wire;
use crate::journal::{self, AccountRef};

/// How long to wait before asking again who did not answer.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// How many are looked at in one round, and how many of them at the same time.
const BATCH: i64 = 100;
const AT_ONCE: usize = 8;

/// What SecurePay says, or `None` when it does not.
type Heard = Option<Input>;

/// Does what is due about prepayments; says how many were answered.
///
/// # Errors
/// When the database fails; what was answered until then stays.
pub async fn ask_all(billing: &Billing) -> Result<u64, Problem> {
    let mut answered = 0;
    loop {
        let due = store::due(billing.db.pool(), billing.clock.now(), BATCH).await?;
        let found = due.len();
        let asking = due
            .into_iter()
            .map(|prepayment| ask_one(billing, prepayment));
        let answers: Vec<Result<bool, Problem>> = futures::stream::iter(asking)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut progress = 0;
        for answer in answers {
            progress += u64::from(answer?);
        }
        answered += progress;
        // What was not answered is due later; what is left was not looked at yet.
        if progress == 0 || i64::try_from(found).is_ok_and(|found| found < BATCH) {
            return Ok(answered);
        }
    }
}

/// Does what is due about one; false when nobody answered.
async fn ask_one(billing: &Billing, seen: Prepayment) -> Result<bool, Problem> {
    let now = billing.clock.now();
    let heard = match seen.next {
        None => return Ok(true),
        Some((Question::Settle, _)) => Some(Input::Settled {
            fee: billing.prepayments.terms.no_show_fee,
        }),
        Some((Question::Pay, _)) if now >= seen.deadline => Some(Input::DeadlinePassed),
        Some((Question::Pay, _)) => pay(billing, &seen).await?,
        Some((Question::Look, _)) => look(billing, &seen).await?,
    };
    let Some(input) = heard else {
        let at = now.checked_add(AGAIN).map_err(Problem::internal)?;
        store::later(billing.db.pool(), &seen, at).await?;
        return Ok(false);
    };
    let mut tx = billing.db.begin().await?;
    let Some(current) = store::lock_by_id(&mut tx, seen.id).await? else {
        return Ok(true);
    };
    // A no-show that was taken back since is not settled.
    let is_stale = matches!(input, Input::Settled { .. } | Input::DeadlinePassed)
        && current.version != seen.version;
    if !is_stale {
        billing.prepayments.hear(&mut tx, current, input).await?;
        tx.commit().await?;
    }
    Ok(true)
}

/// Asks to pay from the patient's fullest wallet. Which one that is is stored before it is
/// asked for, so that every repetition asks for the same.
async fn pay(billing: &Billing, seen: &Prepayment) -> Result<Heard, Problem> {
    let wallet = match seen.wallet {
        Some(wallet) if seen.sent => wallet,
        _ => match choose(billing, seen).await? {
            Choice::Wallet(wallet) => wallet,
            Choice::Heard(heard) => return Ok(heard),
        },
    };
    let deposit = AccountRef::deposit(seen.appointment.uuid());
    let to = match journal::account(billing, deposit, seen.currency).await {
        Ok(to) => to,
        Err(error) if matches!(error.status, 503 | 504) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut client = billing.payments.clone();
    let question = securepay::InitiatePaymentRequest {
        payment_id: seen.id.to_string(),
        from_account_id: wallet.id.to_string(),
        to_account_id: to.to_string(),
        amount: Some(to_wire(Money {
            minor: seen.sums.to_pay,
            currency: seen.currency,
        })),
        reference_id: seen.appointment.to_string(),
        manual_capture: false,
    };
    let asked = ask("securepay", question, |request| async move {
        client.initiate_payment(request).await
    });
    Ok(match asked.await {
        Ok(answer) => heard(answer.payment.as_ref()),
        Err(PeerError::NotFound { .. }) => refused("UNKNOWN_WALLET"),
        Err(PeerError::FailedPrecondition { message, .. }) => refused(&code(&message)),
        Err(PeerError::TimedOut { .. } | PeerError::Unavailable { .. }) => None,
    })
}

enum Choice {
    Wallet(Wallet),
    Heard(Heard),
}

/// Chooses the wallet, and stores that SecurePay may have been asked from now on. Nothing
/// is chosen for what was called off in the meantime.
async fn choose(billing: &Billing, seen: &Prepayment) -> Result<Choice, Problem> {
    let found = match wallets(billing, seen.patient, seen.currency).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "nobody knows the wallets of a patient");
            return Ok(Choice::Heard(None));
        }
    };
    let Some(fullest) = found.first() else {
        return Ok(Choice::Heard(refused("NO_WALLET")));
    };
    let read = |id: &str| {
        id.parse()
            .map_err(|_| Problem::internal("a wallet has ids"))
    };
    let wallet = Wallet {
        id: read(&fullest.account_id)?,
        owner: read(&fullest.owner_id)?,
    };
    let mut tx = billing.db.begin().await?;
    let current = store::lock_by_id(&mut tx, seen.id).await?;
    let Some(mut current) = current
        .filter(|current| current.status == Status::Requested && current.version == seen.version)
    else {
        return Ok(Choice::Heard(None));
    };
    current.wallet = Some(wallet);
    current.sent = true;
    current.version += 1;
    store::change(&mut tx, &current).await?;
    tx.commit().await?;
    Ok(Choice::Wallet(wallet))
}

/// Asks whether it was paid.
async fn look(billing: &Billing, seen: &Prepayment) -> Result<Heard, Problem> {
    let mut client = billing.payments.clone();
    let question = securepay::GetPaymentRequest {
        payment_id: seen.id.to_string(),
    };
    let asked = ask("securepay", question, |request| async move {
        client.get_payment(request).await
    });
    Ok(match asked.await {
        Ok(answer) => heard(answer.payment.as_ref()),
        Err(PeerError::NotFound { .. }) => Some(Input::Missing),
        Err(_) => None,
    })
}

/// Whoever says nothing of the payment has not answered.
fn heard(payment: Option<&securepay::Payment>) -> Heard {
    match payment?.state() {
        Wire::Captured | Wire::PartiallyRefunded | Wire::Refunded => Some(Input::Captured),
        Wire::Failed | Wire::Voided | Wire::Expired => refused("PAYMENT_IS_OVER"),
        Wire::Unspecified | Wire::Pending | Wire::Authorized => None,
    }
}

fn refused(code: &str) -> Heard {
    Some(Input::Refused {
        code: code.to_owned(),
    })
}

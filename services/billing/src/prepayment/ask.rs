//! Asks SecurePay about prepayments, until it answers, and settles what was missed.

use futures::StreamExt as _;
use galen_kernel::{Money, Problem};
use jiff::SignedDuration;

use super::available::wallets;
use super::decide::Input;
use super::model::{Prepayment, Question, Status, Wallet};
use super::store;
use crate::Billing;
use crate::journal::AccountRef;
use crate::wallet_payment::{self, Said, WalletPayment};

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
        Some((Question::Look, _)) => wallet_payment::look(billing, seen.id.uuid())
            .await
            .map(Input::from),
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
    let wanted = WalletPayment {
        id: seen.id.uuid(),
        wallet: wallet.id,
        to: AccountRef::deposit(seen.appointment.uuid()),
        amount: Money {
            minor: seen.sums.to_pay,
            currency: seen.currency,
        },
        reference: seen.appointment.uuid(),
    };
    let said = wallet_payment::pay(billing, &wanted).await?;
    Ok(said.map(Input::from))
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
        let code = "NO_WALLET".to_owned();
        return Ok(Choice::Heard(Some(Input::Refused { code })));
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

impl From<Said> for Input {
    fn from(said: Said) -> Self {
        match said {
            Said::Captured => Self::Captured,
            Said::Refused(code) => Self::Refused { code },
            Said::Missing => Self::Missing,
        }
    }
}

//! `POST /payments`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Money, Pii, Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, Halt, Needs, Outcome, PositiveMoney, RequiredKey, Requires};
use galen_storage::Error;
use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Capture, Payment};
use super::store::Made;
use super::view::PaymentView;
use super::words::{self, DESCRIPTION, Described, Words};
use crate::SecurePay;
use crate::account::{Account, Kind, PublicId};
use crate::ledger::{Amount, Hold, HoldState, Posting, Stamp, TransferId};
use crate::patient::Reach;
use crate::writer::{Fact, Rider};

/// How long a promise holds unless it says otherwise.
pub(crate) const USUAL: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a promise can hold.
const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A payment to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MakePayment {
    /// Who pays: a wallet of the caller's.
    pub from_wallet_id: Uuid,
    /// Who is paid.
    pub to_wallet_id: Uuid,
    /// How much.
    pub amount: PositiveMoney,
    /// What for, in somebody's words.
    #[schema(min_length = 1, max_length = 500)]
    pub description: Option<String>,
    /// `AUTOMATIC` moves the money at once. `MANUAL` promises it, for whoever is paid to
    /// capture.
    #[serde(default)]
    pub capture: Capture,
    /// Of `MANUAL` ones: from then on it cannot be captured. Seven days from now unless
    /// it says otherwise, thirty at most.
    pub expires_at: Option<Timestamp>,
}

impl Requires for MakePayment {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentMake);
    const IDEMPOTENT: bool = true;
}

/// A request with nothing wrong in it.
struct Wanted {
    amount: Money,
    minor: Amount,
    description: Option<Pii<Words>>,
    capture: Capture,
    expires_at: Option<Timestamp>,
}

impl MakePayment {
    fn parse(&self, now: Timestamp) -> Result<Wanted, Problem> {
        let mut wrong = Violations::new();
        let amount = self.amount.read(&mut wrong, "/amount");
        let description = self
            .description
            .as_deref()
            .and_then(|given| Words::paragraphs(&mut wrong, "/description", given))
            .map(Pii::new);
        wrong.require(
            self.from_wallet_id != self.to_wallet_id,
            "/toWalletId",
            "SAME_WALLET",
            "must be another wallet than the one that pays",
        );
        let expires_at = end(&mut wrong, self.capture, self.expires_at, now);
        wrong.finish()?;
        match amount.and_then(|money| Some((money, Amount::new(money.minor)?))) {
            Some((amount, minor)) => Ok(Wanted {
                amount,
                minor,
                description,
                capture: self.capture,
                expires_at,
            }),
            None => Err(Problem::internal(
                "something is wrong and nothing was noted",
            )),
        }
    }
}

fn end(
    wrong: &mut Violations,
    capture: Capture,
    wished: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    const POINTER: &str = "/expiresAt";
    match (capture, wished) {
        (Capture::Automatic, None) => None,
        (Capture::Automatic, Some(_)) => {
            wrong.push(
                POINTER,
                "NOT_ALLOWED",
                "must be absent: the money moves at once",
            );
            None
        }
        (Capture::Manual, None) => now.checked_add(USUAL).ok(),
        (Capture::Manual, Some(end)) => {
            let latest = now.checked_add(LONGEST).unwrap_or(now);
            wrong.require(end > now, POINTER, "IN_THE_PAST", "must be in the future");
            wrong.require(
                end <= latest,
                POINTER,
                "TOO_FAR_AHEAD",
                "must be within thirty days",
            );
            Some(end)
        }
    }
}

/// Pays from a wallet of one's own into another one.
///
/// There is a payment if there is as much money as it takes; a refused one leaves nothing
/// behind.
#[utoipa::path(
    post,
    path = "/payments",
    operation_id = "makePayment",
    tag = "securepay",
    params(RequiredKey),
    request_body = MakePayment,
    responses((status = 201, description = "Paid, or promised.", body = PaymentView)),
)]
pub async fn make(
    cx: Cx<MakePayment>,
    State(pay): State<Arc<SecurePay>>,
    Body(request): Body<MakePayment>,
) -> Outcome {
    let wanted = request.parse(cx.now())?;
    let (from, to) = match between(&cx, &pay, &request, &wanted).await {
        Ok(wallets) => wallets,
        // What was answered before is answered again, whatever has changed since. The
        // ledger looks as well, so that nobody who is not refused here is looked up twice.
        Err(refused) => {
            cx.replayed(&pay.db).await?;
            return Err(refused);
        }
    };

    let id = cx.clock().uuid();
    cx.about("PAYMENT", id);
    let description = match &wanted.description {
        None => None,
        Some(given) => {
            let subject = words::subject(&from, &to);
            let mut connection = pay.db.pool().acquire().await.map_err(Error::from)?;
            let key = pay.vault.key_of(&mut connection, subject).await?;
            let words = key.seal(&DESCRIPTION, id, given.expose())?;
            Some(Described { subject, words })
        }
    };
    let payment = Payment {
        id,
        from: from.id,
        to: to.id,
        amount: wanted.minor,
        currency: wanted.amount.currency,
        capture: wanted.capture,
        description,
        reference: None,
        created_by: Some(cx.principal()?.user_id),
        created_at: cx.now(),
    };
    let expires_at = wanted.expires_at.map(|at| Stamp(at.as_microsecond()));
    let group = payment.begin(expires_at);
    let made = begun(payment.clone(), from, to, expires_at);
    let said = wanted.description;
    let view = PaymentView::of(&made, said.as_ref(), Stamp(cx.now().as_microsecond()))?;
    let answer = move |_: &[Posting]| {
        Answer::created(&view)
            .location(&format!("/api/v1/payments/{}", view.id))
            .version(view.version)
    };
    let rider = Rider {
        deferred: cx.deferred()?,
        facts: vec![Fact::Payment(payment)],
        answer: Box::new(answer),
    };
    pay.ledger.carry(group, rider).await
}

/// Who pays whom, if the caller may ask for that.
async fn between(
    cx: &Cx<MakePayment>,
    pay: &SecurePay,
    request: &MakePayment,
    wanted: &Wanted,
) -> Result<(Account, Account), Halt> {
    let reach = Reach::of(cx.scope(), pay.db.pool()).await?;
    let ids = [request.from_wallet_id, request.to_wallet_id].map(PublicId::from_uuid);
    let found = pay.accounts.by_ids(&pay.db, &ids).await?;
    let [from, to] = ids.map(|id| found.iter().find(|a| a.public_id == id).copied());
    let from = reach.wallet(cx, from)?;
    // Anybody may be paid, and nothing is said of them.
    let to = to
        .filter(|to| to.kind == Kind::Wallet)
        .ok_or_else(Problem::not_found)?;
    same_currency(&wanted.amount, &from, &to)?;
    Ok((from, to))
}

fn same_currency(amount: &Money, from: &Account, to: &Account) -> Result<(), Halt> {
    let mut wrong = Violations::new();
    wrong.require(
        amount.currency == from.currency,
        "/amount/currency",
        "CURRENCY_MISMATCH",
        "must be the currency of the wallet that pays",
    );
    wrong.require(
        to.currency == from.currency,
        "/toWalletId",
        "CURRENCY_MISMATCH",
        "must be a wallet of the same currency as the one that pays",
    );
    Ok(wrong.finish()?)
}

/// A payment as it is when it has just begun.
pub(super) fn begun(
    payment: Payment,
    from: Account,
    to: Account,
    expires_at: Option<Stamp>,
) -> Made {
    let amount = payment.amount.minor();
    let (captured, state) = match payment.capture {
        Capture::Automatic => (amount, HoldState::Captured),
        Capture::Manual => (0, HoldState::Open),
    };
    Made {
        hold: Hold {
            id: TransferId(payment.id),
            ledger: from.ledger,
            debit: from.id,
            credit: to.id,
            amount: payment.amount,
            captured,
            refunded: 0,
            state,
            expires_at,
        },
        payment,
        from,
        to,
        version: 1,
    }
}

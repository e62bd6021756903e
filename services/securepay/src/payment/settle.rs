//! `POST /payments/{id}/capture`, `…/void` and `…/refund`.
//!
//! What is promised is promised to whoever is paid: they capture it, or release it.
//! Whoever pays does neither, or a promise would be worth nothing; it ends by itself.
//! Those who keep the books may do both for everybody.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use galen_access::Permission;
use galen_kernel::{Money, Problem, Violations};
use galen_service::{
    Answer, Body, Cx, MoneyView, Needs, Outcome, PathIds, PositiveMoney, RequiredKey, Requires,
};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::ToSchema;

use super::get::{PaymentId, reached};
use super::store::Made;
use super::view::{self, PaymentView, RefundView, instant};
use crate::SecurePay;
use crate::ledger::{Amount, Hold, HoldState, Posting, Stamp};
use crate::patient::Reach;
use crate::writer::Rider;

/// What was promised is to move.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CapturePayment {
    /// How much of it; all of it unless it says otherwise. The rest is released.
    pub amount: Option<PositiveMoney>,
}

/// What was promised is not to move.
pub struct VoidPayment;

/// What has moved is to go back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundPayment {
    /// How much of it; all that is left unless it says otherwise.
    pub amount: Option<PositiveMoney>,
}

impl Requires for CapturePayment {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentMake);
    const IDEMPOTENT: bool = true;
}

impl Requires for VoidPayment {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentMake);
    const IDEMPOTENT: bool = true;
}

impl Requires for RefundPayment {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentRefund);
    const IDEMPOTENT: bool = true;
}

/// Moves what was promised, or a part of it; whoever is paid does.
#[utoipa::path(
    post,
    path = "/payments/{id}/capture",
    operation_id = "capturePayment",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The payment."), RequiredKey),
    request_body = CapturePayment,
    responses((status = 200, description = "Captured.", body = PaymentView)),
)]
pub async fn capture(
    cx: Cx<CapturePayment>,
    State(pay): State<Arc<SecurePay>>,
    PathIds(id): PathIds<PaymentId>,
    Body(request): Body<CapturePayment>,
) -> Outcome {
    let wanted = read(request.amount.as_ref())?;
    cx.replayed(&pay.db).await?;
    let mut connection = pay.db.pool().acquire().await.map_err(Error::from)?;
    let (made, reach) = reached(&cx, &mut connection, id).await?;
    only_the_payee(&reach, &made)?;
    cx.expect_version(made.version)?;
    let amount = match wanted {
        Some(wanted) => of_its_currency(&made, wanted)?,
        None => made.payment.amount,
    };
    let group = made.payment.captured(cx.clock().uuid(), amount);
    let ended = Made {
        hold: Hold {
            captured: amount.minor(),
            state: HoldState::Captured,
            ..made.hold
        },
        version: made.version + written(&group),
        ..made
    };
    let now = Stamp(cx.now().as_microsecond());
    let view = view::open_all(&pay.vault, &mut connection, &[ended], now).await?;
    drop(connection);
    settle(&cx, &pay, group, view).await
}

/// Releases what was promised; whoever is paid does.
#[utoipa::path(
    post,
    path = "/payments/{id}/void",
    operation_id = "voidPayment",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The payment."), RequiredKey),
    responses((status = 200, description = "Released.", body = PaymentView)),
)]
pub async fn void(
    cx: Cx<VoidPayment>,
    State(pay): State<Arc<SecurePay>>,
    PathIds(id): PathIds<PaymentId>,
) -> Outcome {
    cx.replayed(&pay.db).await?;
    let mut connection = pay.db.pool().acquire().await.map_err(Error::from)?;
    let (made, reach) = reached(&cx, &mut connection, id).await?;
    only_the_payee(&reach, &made)?;
    cx.expect_version(made.version)?;
    let group = made.payment.voided(cx.clock().uuid());
    let ended = Made {
        hold: Hold {
            state: HoldState::Voided,
            ..made.hold
        },
        version: made.version + written(&group),
        ..made
    };
    let now = Stamp(cx.now().as_microsecond());
    let view = view::open_all(&pay.vault, &mut connection, &[ended], now).await?;
    drop(connection);
    settle(&cx, &pay, group, view).await
}

/// Gives back what has moved, or a part of it: never more than what was captured,
/// however many ask at once.
#[utoipa::path(
    post,
    path = "/payments/{id}/refund",
    operation_id = "refundPayment",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The payment."), RequiredKey),
    request_body = RefundPayment,
    responses((status = 201, description = "Given back.", body = RefundView)),
)]
pub async fn refund(
    cx: Cx<RefundPayment>,
    State(pay): State<Arc<SecurePay>>,
    PathIds(id): PathIds<PaymentId>,
    Body(request): Body<RefundPayment>,
) -> Outcome {
    let wanted = read(request.amount.as_ref())?;
    cx.replayed(&pay.db).await?;
    let mut connection = pay.db.pool().acquire().await.map_err(Error::from)?;
    let (made, reach) = reached(&cx, &mut connection, id).await?;
    drop(connection);
    only_the_payee(&reach, &made)?;
    cx.expect_version(made.version)?;
    let amount = match wanted {
        Some(wanted) => of_its_currency(&made, wanted)?,
        None => Amount::new(made.hold.refundable()).ok_or_else(nothing_left)?,
    };
    let (refund_id, currency) = (cx.clock().uuid(), made.payment.currency);
    cx.about("PAYMENT", id);
    let group = made.payment.refunded(refund_id, amount);
    let now = cx.now();
    let answer = move |postings: &[Posting]| {
        let at = postings.first().map(|posting| instant(posting.at));
        Answer::json(
            StatusCode::CREATED,
            &RefundView {
                id: refund_id,
                payment_id: id.uuid(),
                amount: MoneyView::from(Money {
                    minor: amount.minor(),
                    currency,
                }),
                refunded_at: at.and_then(Result::ok).unwrap_or(now),
            },
        )
    };
    let rider = Rider {
        deferred: cx.deferred()?,
        facts: Vec::new(),
        answer: Box::new(answer),
    };
    pay.ledger.carry(group, rider).await
}

fn nothing_left() -> Problem {
    Problem::conflict("MORE_THAN_CAPTURED", "This is more than can be given back.")
}

/// Has the group done, and answers with the payment as it then is: what is promised
/// ends once.
async fn settle<R: Requires>(
    cx: &Cx<R>,
    pay: &SecurePay,
    group: crate::ledger::Group,
    mut views: Vec<PaymentView>,
) -> Outcome {
    let view = views.pop().ok_or_else(Problem::not_found)?;
    cx.about("PAYMENT", view.id);
    let rider = Rider {
        deferred: cx.deferred()?,
        facts: Vec::new(),
        answer: Box::new(move |_| Answer::ok(&view).version(view.version)),
    };
    pay.ledger.carry(group, rider).await
}

/// How many postings a group makes.
fn written(group: &crate::ledger::Group) -> i64 {
    i64::try_from(group.requests().len()).unwrap_or(i64::MAX)
}

/// 403 for whoever may know of the payment, but is not paid.
fn only_the_payee(reach: &Reach, made: &Made) -> Result<(), Problem> {
    if reach.covers(&made.to) {
        Ok(())
    } else {
        Err(Problem::new(
            403,
            "NOT_THE_PAYEE",
            "Only who is paid does this.",
        ))
    }
}

fn read(given: Option<&PositiveMoney>) -> Result<Option<Money>, Problem> {
    let mut wrong = Violations::new();
    let money = given.and_then(|given| given.read(&mut wrong, "/amount"));
    wrong.finish()?;
    Ok(money)
}

fn of_its_currency(made: &Made, wanted: Money) -> Result<Amount, Problem> {
    match Amount::new(wanted.minor) {
        Some(amount) if wanted.currency == made.payment.currency => Ok(amount),
        _ => Err(Problem::invalid_field(
            "/amount/currency",
            "CURRENCY_MISMATCH",
            "must be the currency of the payment",
        )),
    }
}

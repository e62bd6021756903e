//! `POST /invoices/{id}/adjustments/{adjustmentId}/pay-out`: what was paid in cash, and is
//! given back because somebody agreed, is handed out.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::store;
use super::{AdjustmentId, Status};
use crate::Billing;
use crate::cash_session::store::{Direction, Movement};
use crate::cash_session::take;
use crate::invoice::model::{InvoiceId, Method};
use crate::invoice::payment::store as payments;
use crate::invoice::store as invoices;
use crate::invoice::view::AdjustmentView;

/// Cash is to be handed out.
pub struct PayOutAdjustment;

impl Requires for PayOutAdjustment {
    const NEEDS: Needs = Needs::Permission(Permission::CashManage);
}

/// Hands out what was paid in cash and is given back, from the caller's open till.
#[utoipa::path(
    post,
    path = "/invoices/{id}/adjustments/{adjustmentId}/pay-out",
    operation_id = "payOutInvoiceAdjustment",
    tag = "billing",
    params(
        ("id" = uuid::Uuid, Path, description = "The invoice."),
        ("adjustmentId" = uuid::Uuid, Path, description = "What was agreed to."),
    ),
    responses((status = 200, description = "Handed out.", body = AdjustmentView)),
)]
pub async fn pay_out(
    cx: Cx<PayOutAdjustment>,
    State(billing): State<Arc<Billing>>,
    PathIds((invoice, id)): PathIds<(InvoiceId, AdjustmentId)>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let mut invoice = invoices::lock(&mut tx, invoice).await?;
    cx.reach_patient(invoice.patient)?;
    let mut row = store::get_for_change(&mut tx, invoice.id, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let agreed = &mut row.adjustment;
    cx.expect_version(agreed.version)?;
    let payment = agreed.payment.and_then(|id| invoice.payment(id));
    let payment = payment.filter(|payment| payment.method == Method::Cash);
    let (Status::Approved, Some(payment)) = (agreed.status, payment.map(|payment| payment.id))
    else {
        return Err(Problem::conflict(
            "NOT_TO_BE_HANDED_OUT",
            "No cash of this is to be handed out.",
        )
        .into());
    };
    let mut till = take::till(&cx, &mut tx, &invoice).await?;
    let movement = Movement {
        id: agreed.id.uuid(),
        direction: Direction::Refund,
        invoice: invoice.id.uuid(),
        payment,
        minor: agreed.amount.minor,
        tendered: None,
        at: cx.now(),
    };
    take::moved(&mut tx, &mut till, &movement).await?;
    let event = invoice.end_refund(movement.id, payment, None)?;
    invoices::append(&mut tx, &mut invoice, &[event]).await?;
    payments::refunded(&mut tx, payment, movement.minor).await?;
    agreed.status = Status::Done;
    agreed.version += 1;
    let version = agreed.version;
    store::change(&mut tx, agreed, None).await?;
    tx.ring(&billing.bell);
    let view = store::open(&billing.vault, &mut tx, row).await?;
    tx.commit(Answer::ok(&view).version(version)).await
}

//! `POST /invoices/{id}/adjustments/{adjustmentId}/approve` and `…/reject`: another
//! person decides.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Command, Cx, Needs, Outcome, PathIds, Requires};

use super::store::{self, Row};
use super::{AdjustmentId, Kind, Status};
use crate::Billing;
use crate::invoice::model::{Invoice, InvoiceId};
use crate::invoice::store as invoices;
use crate::invoice::view::AdjustmentView;
use crate::journal::{self, AccountKind, AccountRef, Entry};

/// What was asked is to be done.
pub struct ApproveAdjustment;

/// What was asked is not to be done.
pub struct RejectAdjustment;

impl Requires for ApproveAdjustment {
    const NEEDS: Needs = Needs::Permission(Permission::RefundApprove);
    const STEP_UP: bool = true;
}

impl Requires for RejectAdjustment {
    const NEEDS: Needs = Needs::Permission(Permission::RefundApprove);
}

/// The invoice and what is asked about it, both locked, if the caller may decide.
async fn load<R: Requires>(
    cx: &Cx<R>,
    tx: &mut Command,
    (invoice, id): (InvoiceId, AdjustmentId),
) -> Result<(Invoice, Row), Problem> {
    let invoice = invoices::lock(tx, invoice).await?;
    cx.reach_patient(invoice.patient)?;
    let mut row = store::get_for_change(tx, invoice.id, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(row.adjustment.version)?;
    let asked = &mut row.adjustment;
    if asked.status != Status::Requested {
        return Err(Problem::conflict(
            "ALREADY_DECIDED",
            "Somebody has decided about it.",
        ));
    }
    let by = cx.principal()?.user_id.uuid();
    if by == asked.requested_by {
        return Err(Problem::conflict(
            "SECOND_PERSON_REQUIRED",
            "Whoever asked for it cannot decide about it.",
        ));
    }
    asked.decided = Some((by, cx.now()));
    asked.version += 1;
    Ok((invoice, row))
}

async fn answer(billing: &Billing, mut tx: Command, row: Row) -> Outcome {
    let version = row.adjustment.version;
    let view = store::open(&billing.vault, &mut tx, row).await?;
    tx.commit(Answer::ok(&view).version(version)).await
}

/// Agrees. What is owed is given up at once; what was paid from a wallet is on its way
/// back, and what was paid in cash is handed out with
/// `POST /invoices/{id}/adjustments/{adjustmentId}/pay-out`.
#[utoipa::path(
    post,
    path = "/invoices/{id}/adjustments/{adjustmentId}/approve",
    operation_id = "approveInvoiceAdjustment",
    tag = "billing",
    params(
        ("id" = uuid::Uuid, Path, description = "The invoice."),
        ("adjustmentId" = uuid::Uuid, Path, description = "What was asked."),
    ),
    responses((status = 200, description = "Agreed.", body = AdjustmentView)),
)]
pub async fn approve(
    cx: Cx<ApproveAdjustment>,
    State(billing): State<Arc<Billing>>,
    PathIds(ids): PathIds<(InvoiceId, AdjustmentId)>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let (mut invoice, mut row) = load(&cx, &mut tx, ids).await?;
    let asked = &mut row.adjustment;
    let (id, amount) = (asked.id.uuid(), asked.amount);
    match (asked.kind, asked.payment) {
        (Kind::Refund, Some(payment)) => {
            asked.status = Status::Approved;
            let event = invoice.refund(id, payment, amount.minor)?;
            invoices::append(&mut tx, &mut invoice, &[event]).await?;
            // Cash is handed out by whoever keeps a till; SecurePay is asked for the rest.
            let from_wallet = invoice.payment(payment).is_some_and(|p| p.wallet.is_some());
            store::change(&mut tx, asked, from_wallet.then(|| cx.now())).await?;
            tx.ring(&billing.payment_bell);
        }
        (Kind::WriteOff, None) => {
            asked.status = Status::Done;
            let event = invoice.write_off(id, amount.minor)?;
            invoices::append(&mut tx, &mut invoice, &[event]).await?;
            store::change(&mut tx, asked, None).await?;
            let given_up = Entry {
                debit: AccountRef::hospital(AccountKind::WriteOff),
                credit: AccountRef::receivable(invoice.id.uuid()),
                amount,
                reference: invoice.id.uuid(),
            };
            journal::enter(&mut tx, id, &[given_up]).await?;
            tx.ring(&billing.bell);
        }
        _ => return Err(Problem::internal("a credit note is never decided about").into()),
    }
    answer(&billing, tx, row).await
}

/// Does not agree.
#[utoipa::path(
    post,
    path = "/invoices/{id}/adjustments/{adjustmentId}/reject",
    operation_id = "rejectInvoiceAdjustment",
    tag = "billing",
    params(
        ("id" = uuid::Uuid, Path, description = "The invoice."),
        ("adjustmentId" = uuid::Uuid, Path, description = "What was asked."),
    ),
    responses((status = 200, description = "Not agreed.", body = AdjustmentView)),
)]
pub async fn reject(
    cx: Cx<RejectAdjustment>,
    State(billing): State<Arc<Billing>>,
    PathIds(ids): PathIds<(InvoiceId, AdjustmentId)>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let (_, mut row) = load(&cx, &mut tx, ids).await?;
    row.adjustment.status = Status::Rejected;
    store::change(&mut tx, &row.adjustment, None).await?;
    answer(&billing, tx, row).await
}

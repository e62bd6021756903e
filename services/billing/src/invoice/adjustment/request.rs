//! `POST /invoices/{id}/write-off` and `POST /invoices/{id}/refund`: one person asks.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Money, Pii, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, Row};
use super::{Adjustment, Kind, Status};
use crate::Billing;
use crate::amount::AmountView;
use crate::invoice::decide::Refusal;
use crate::invoice::model::{Invoice, InvoiceId};
use crate::invoice::store as invoices;
use crate::invoice::view::AdjustmentView;
use crate::words::{self, ADJUSTED, Words};

/// What is owed is to be given up.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestWriteOff {
    /// How much of what is owed.
    pub amount: AmountView,
    /// Why.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$",
        example = "Cannot be collected"
    )]
    pub reason: String,
}

/// What was paid is to be given back.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestRefund {
    /// Which payment of the invoice.
    pub payment_id: Uuid,
    /// How much of it; all that is left of it without.
    pub amount: Option<AmountView>,
    /// Why.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$",
        example = "Paid from the wrong wallet"
    )]
    pub reason: String,
}

impl Requires for RequestWriteOff {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceManage);
}

impl Requires for RequestRefund {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceManage);
}

/// Reads an amount and a reason, with every wrong field.
pub(super) fn read(
    amount: Option<&AmountView>,
    reason: &str,
) -> Result<(Option<Money>, Pii<Words>), Problem> {
    let mut wrong = Violations::new();
    let amount = amount.and_then(|amount| amount.positive(&mut wrong, "/amount"));
    let reason = Words::paragraphs(&mut wrong, "/reason", reason).map(Pii::new);
    wrong.finish()?;
    let reason = reason.ok_or_else(|| Problem::internal("a reason was read"))?;
    Ok((amount, reason))
}

/// Refuses amounts of other currencies.
pub(crate) fn minor_of(invoice: &Invoice, amount: Money) -> Result<i64, Problem> {
    if amount.currency == invoice.currency {
        Ok(amount.minor)
    } else {
        Err(Problem::conflict(
            "CURRENCY_MISMATCH",
            "The invoice is in another currency.",
        ))
    }
}

/// Asks to give up what is owed. Somebody else decides.
#[utoipa::path(
    post,
    path = "/invoices/{id}/write-off",
    operation_id = "requestWriteOff",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The invoice.")),
    request_body = RequestWriteOff,
    responses((status = 201, description = "Asked.", body = AdjustmentView)),
)]
pub async fn write_off(
    cx: Cx<RequestWriteOff>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<InvoiceId>,
    Body(request): Body<RequestWriteOff>,
) -> Outcome {
    let (amount, reason) = read(Some(&request.amount), &request.reason)?;
    let mut tx = cx.begin(&billing.db).await?;
    let invoice = invoices::lock(&mut tx, id).await?;
    cx.reach_patient(invoice.patient)?;
    let amount = amount.ok_or_else(|| Problem::internal("an amount was read"))?;
    let minor = minor_of(&invoice, amount)?;
    // Only whether it could be done: it is done when somebody else agrees.
    invoice.write_off(Uuid::nil(), minor)?;
    let asked = Adjustment {
        id: cx.clock().id(),
        invoice: id,
        patient: invoice.patient,
        kind: Kind::WriteOff,
        payment: None,
        amount,
        status: Status::Requested,
        requested_by: cx.principal()?.user_id.uuid(),
        requested_at: cx.now(),
        decided: None,
        version: 1,
    };
    ask(&billing, tx, asked, reason).await
}

/// Asks to give back what was paid. Somebody else decides.
#[utoipa::path(
    post,
    path = "/invoices/{id}/refund",
    operation_id = "requestInvoiceRefund",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The invoice.")),
    request_body = RequestRefund,
    responses((status = 201, description = "Asked.", body = AdjustmentView)),
)]
pub async fn refund(
    cx: Cx<RequestRefund>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<InvoiceId>,
    Body(request): Body<RequestRefund>,
) -> Outcome {
    let (amount, reason) = read(request.amount.as_ref(), &request.reason)?;
    let mut tx = cx.begin(&billing.db).await?;
    let invoice = invoices::lock(&mut tx, id).await?;
    cx.reach_patient(invoice.patient)?;
    let payment = invoice
        .payment(request.payment_id)
        .ok_or(Refusal::NoSuchPayment)?;
    let minor = match amount {
        Some(amount) => minor_of(&invoice, amount)?,
        None => payment.left().min(invoice.refundable()),
    };
    invoice.refund(Uuid::nil(), payment.id, minor)?;
    let asked = Adjustment {
        id: cx.clock().id(),
        invoice: id,
        patient: invoice.patient,
        kind: Kind::Refund,
        payment: Some(payment.id),
        amount: Money {
            minor,
            currency: invoice.currency,
        },
        status: Status::Requested,
        requested_by: cx.principal()?.user_id.uuid(),
        requested_at: cx.now(),
        decided: None,
        version: 1,
    };
    ask(&billing, tx, asked, reason).await
}

async fn ask(
    billing: &Billing,
    mut tx: galen_service::Command,
    adjustment: Adjustment,
    reason: Pii<Words>,
) -> Outcome {
    let place = (adjustment.patient, adjustment.id.uuid());
    let sealed = words::seal(&billing.vault, &mut tx, &ADJUSTED, place, &reason).await?;
    store::insert(&mut tx, &adjustment, &sealed).await?;
    let row = Row {
        adjustment,
        reason: Some(sealed),
    };
    let version = row.adjustment.version;
    let view = store::open(&billing.vault, &mut tx, row).await?;
    tx.commit(Answer::created(&view).version(version)).await
}

//! `POST /invoices/{id}/cancel`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::InvoiceId;
use super::store;
use super::view::InvoiceView;
use crate::{Billing, charge};

/// A draft is to be dropped.
pub struct CancelInvoice;

impl Requires for CancelInvoice {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceManage);
}

/// Drops a draft; its charges can be invoiced again. What is issued is taken back by a
/// credit note only.
#[utoipa::path(
    post,
    path = "/invoices/{id}/cancel",
    operation_id = "cancelInvoice",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The invoice.")),
    responses((status = 200, description = "Cancelled.", body = InvoiceView)),
)]
pub async fn cancel(
    cx: Cx<CancelInvoice>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<InvoiceId>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let mut invoice = store::lock(&mut tx, id).await?;
    cx.reach_patient(invoice.patient)?;
    cx.expect_version(invoice.version)?;
    let event = invoice.cancel()?;
    store::append(&mut tx, &mut invoice, &[event]).await?;
    charge::store::release(&mut tx, id.uuid()).await?;
    let view = InvoiceView::of(&invoice, Vec::new());
    tx.commit(Answer::ok(&view).version(invoice.version)).await
}

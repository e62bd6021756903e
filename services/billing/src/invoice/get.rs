//! `GET /invoices/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Accept, Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;
use sqlx::PgConnection;

use super::error::InvoiceError;
use super::model::{Invoice, InvoiceId};
use super::view::InvoiceView;
use super::{adjustment, store};
use crate::print::{self, JSON, PDF, Pdf};
use crate::{Billing, payment_plan};

/// One invoice is wanted.
pub struct GetInvoice;

impl Requires for GetInvoice {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceRead);
}

/// Shows one invoice: what was done, who owes what of it, and why. `Accept:
/// application/pdf` asks for the one on paper, with the patient's name.
#[utoipa::path(
    get,
    path = "/invoices/{id}",
    operation_id = "getInvoice",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The invoice.")),
    responses(
        (status = 200, description = "The invoice.", content(
            (InvoiceView = "application/json"),
            (Pdf = "application/pdf"),
        )),
        (status = 406, description = "`Accept` takes neither JSON nor PDF."),
    ),
)]
pub async fn get(
    cx: Cx<GetInvoice>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<InvoiceId>,
    accept: Accept,
) -> Outcome {
    let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
    let invoice = store::get(&mut connection, id)
        .await?
        .ok_or(InvoiceError::Unknown)?;
    cx.reach_patient(invoice.patient)?;
    if accept.choose(&[JSON, PDF])? == PDF {
        drop(connection);
        return Ok(print::get::invoice(&billing, id).await?.negotiated());
    }
    let view = view(&billing, &mut connection, &invoice).await?;
    Ok(Answer::ok(&view).version(invoice.version).negotiated())
}

/// An invoice with all that was asked about it, and the plan that it is paid by.
///
/// # Errors
/// When the database or the master keys fail.
pub async fn view(
    billing: &Billing,
    db: &mut PgConnection,
    invoice: &Invoice,
) -> Result<InvoiceView, Problem> {
    let rows = adjustment::store::of_invoice(db, invoice.id).await?;
    let adjustments = adjustment::store::open_all(&billing.vault, &mut *db, rows).await?;
    Ok(InvoiceView {
        payment_plan_id: payment_plan::store::followed_for(db, invoice.id).await?,
        ..InvoiceView::of(invoice, adjustments)
    })
}

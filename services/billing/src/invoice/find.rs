//! `GET /invoices`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Page, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::model::Status;
use super::store;
use super::view::InvoiceSummary;
use crate::Billing;
use crate::charge::find::whose;
use crate::position::after;

/// Which invoices are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindInvoices {
    /// Whose.
    pub patient_id: Option<Uuid>,
    /// In which state.
    #[param(inline)]
    pub status: Option<Status>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindInvoices {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceRead);
}

/// Lists invoices by when they were drafted; patients see their own.
#[utoipa::path(
    get,
    path = "/invoices",
    operation_id = "findInvoices",
    tag = "billing",
    params(FindInvoices),
    responses((status = 200, description = "A page.", body = PageView<InvoiceSummary>)),
)]
pub async fn find(
    cx: Cx<FindInvoices>,
    State(billing): State<Arc<Billing>>,
    Params(query): Params<FindInvoices>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = after(query.cursor.as_deref())?;
    let patient = whose(cx.scope(), query.patient_id)?;
    if let Some(patient) = patient {
        cx.concerns(PatientId::from_uuid(patient));
    }
    let rows = store::find(billing.db.pool(), patient, query.status, after, limit).await?;
    let page = Page::from_rows(rows, limit, |row| row.position).map(InvoiceSummary::of);
    Ok(Answer::ok(&PageView::from(page)))
}

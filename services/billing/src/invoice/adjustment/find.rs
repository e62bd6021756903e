//! `GET /invoice-adjustments`: the work list of whoever decides.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Page, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::store::{self, Filter};
use super::{Kind, Status};
use crate::Billing;
use crate::charge::find::whose;
use crate::invoice::view::AdjustmentView;
use crate::position::{Position, after};

/// Which adjustments are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindAdjustments {
    /// Where they stand: those that are `REQUESTED` wait for a second person.
    #[param(inline)]
    pub status: Option<Status>,
    /// What is asked.
    #[param(inline)]
    pub kind: Option<Kind>,
    /// Of which invoice.
    pub invoice_id: Option<Uuid>,
    /// Whose.
    pub patient_id: Option<Uuid>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindAdjustments {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceRead);
}

/// Lists what was asked to be credited, given up or given back, the oldest first;
/// patients see their own.
#[utoipa::path(
    get,
    path = "/invoice-adjustments",
    operation_id = "findInvoiceAdjustments",
    tag = "billing",
    params(FindAdjustments),
    responses((status = 200, description = "A page.", body = PageView<AdjustmentView>)),
)]
pub async fn find(
    cx: Cx<FindAdjustments>,
    State(billing): State<Arc<Billing>>,
    Params(query): Params<FindAdjustments>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = after(query.cursor.as_deref())?;
    let filter = Filter {
        status: query.status,
        kind: query.kind,
        invoice: query.invoice_id,
        patient: whose(cx.scope(), query.patient_id)?,
    };
    if let Some(patient) = filter.patient {
        cx.concerns(PatientId::from_uuid(patient));
    }
    let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
    let rows = store::find(&mut connection, &filter, after, limit).await?;
    let page = Page::from_rows(rows, limit, |row| {
        Position(row.adjustment.requested_at, row.adjustment.id.uuid())
    });
    let items = store::open_all(&billing.vault, &mut connection, page.items).await?;
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: page.next_cursor,
    }))
}

//! `GET /payment-plans`.

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

use super::model::Status;
use super::store;
use super::view::PaymentPlanView;
use crate::Billing;
use crate::charge::find::whose;
use crate::position::{Position, after};

/// Which plans are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindPaymentPlans {
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

impl Requires for FindPaymentPlans {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceRead);
}

/// Lists plans by when they were proposed; patients see their own.
#[utoipa::path(
    get,
    path = "/payment-plans",
    operation_id = "findPaymentPlans",
    tag = "billing",
    params(FindPaymentPlans),
    responses((status = 200, description = "A page.", body = PageView<PaymentPlanView>)),
)]
pub async fn find(
    cx: Cx<FindPaymentPlans>,
    State(billing): State<Arc<Billing>>,
    Params(query): Params<FindPaymentPlans>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = after(query.cursor.as_deref())?;
    let patient = whose(cx.scope(), query.patient_id)?;
    if let Some(patient) = patient {
        cx.concerns(PatientId::from_uuid(patient));
    }
    let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
    let rows = store::find(&mut connection, patient, query.status, after, limit).await?;
    let today = cx.now().to_zoned(billing.zone.clone()).date();
    let page = Page::from_rows(rows, limit, |row| Position(row.proposed.1, row.id.uuid()));
    Ok(Answer::ok(&PageView::from(
        page.map(|plan| PaymentPlanView::of(&plan, today)),
    )))
}

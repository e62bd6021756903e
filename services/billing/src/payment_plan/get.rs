//! `GET /payment-plans/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;

use super::error::PaymentPlanError;
use super::model::PaymentPlanId;
use super::store;
use super::view::PaymentPlanView;
use crate::Billing;

/// One plan is wanted.
pub struct GetPaymentPlan;

impl Requires for GetPaymentPlan {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceRead);
}

/// Shows one plan: what is to be paid until when, and what of it is.
#[utoipa::path(
    get,
    path = "/payment-plans/{id}",
    operation_id = "getPaymentPlan",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The plan.")),
    responses((status = 200, description = "The plan.", body = PaymentPlanView)),
)]
pub async fn get(
    cx: Cx<GetPaymentPlan>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<PaymentPlanId>,
) -> Outcome {
    let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
    let plan = store::get(&mut connection, id)
        .await?
        .ok_or(PaymentPlanError::Unknown)?;
    cx.reach_patient(plan.patient)?;
    let today = cx.now().to_zoned(billing.zone.clone()).date();
    Ok(Answer::ok(&PaymentPlanView::of(&plan, today)).version(plan.version))
}

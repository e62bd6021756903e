//! `POST /payment-plans/{id}/cancel`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::billing::v1::PaymentPlanCancelled;
use galen_eventing::Publish as _;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::error::PaymentPlanError;
use super::model::PaymentPlanId;
use super::store;
use super::view::PaymentPlanView;
use crate::Billing;

/// A plan is not to be followed any more.
pub struct CancelPaymentPlan;

impl Requires for CancelPaymentPlan {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceManage);
}

/// Gives up a plan that is not over. What is left is owed at once again, and can be put
/// into another plan.
#[utoipa::path(
    post,
    path = "/payment-plans/{id}/cancel",
    operation_id = "cancelPaymentPlan",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The plan.")),
    responses((status = 200, description = "Given up.", body = PaymentPlanView)),
)]
pub async fn cancel(
    cx: Cx<CancelPaymentPlan>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<PaymentPlanId>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let mut plan = store::lock(&mut tx, id).await?;
    cx.reach_patient(plan.patient)?;
    cx.expect_version(plan.version)?;
    plan.cancel(cx.now()).map_err(PaymentPlanError::from)?;
    store::change(&mut tx, &plan).await?;
    // Nobody heard of what nobody agreed to.
    if plan.agreed.is_some() {
        tx.publish(&PaymentPlanCancelled {
            plan_id: plan.id.to_string(),
            patient_id: plan.patient.to_string(),
        });
    }
    let today = cx.now().to_zoned(billing.zone.clone()).date();
    let view = PaymentPlanView::of(&plan, today);
    tx.commit(Answer::ok(&view).version(plan.version)).await
}

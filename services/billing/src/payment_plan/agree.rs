//! `POST /payment-plans/{id}/agree`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::billing::v1::PaymentPlanAgreed;
use galen_eventing::Publish as _;
use galen_kernel::Money;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::error::PaymentPlanError;
use super::model::PaymentPlanId;
use super::store;
use super::view::PaymentPlanView;
use crate::Billing;
use crate::journal::post::to_wire;

/// A plan is agreed to.
pub struct AgreePaymentPlan;

impl Requires for AgreePaymentPlan {
    const NEEDS: Needs = Needs::Permission(Permission::InvoicePay);
}

/// Agrees to a plan: the patient does, or a desk for them. From now on the invoices are
/// not overdue as long as the instalments are paid in time.
#[utoipa::path(
    post,
    path = "/payment-plans/{id}/agree",
    operation_id = "agreePaymentPlan",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The plan.")),
    responses((status = 200, description = "Agreed.", body = PaymentPlanView)),
)]
pub async fn agree(
    cx: Cx<AgreePaymentPlan>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<PaymentPlanId>,
) -> Outcome {
    let today = cx.now().to_zoned(billing.zone.clone()).date();
    let mut tx = cx.begin(&billing.db).await?;
    let mut plan = store::lock(&mut tx, id).await?;
    cx.reach_patient(plan.patient)?;
    cx.expect_version(plan.version)?;
    plan.agree(cx.principal()?.user_id.uuid(), cx.now(), today)
        .map_err(PaymentPlanError::from)?;
    store::change(&mut tx, &plan).await?;
    tx.publish(&PaymentPlanAgreed {
        plan_id: plan.id.to_string(),
        patient_id: plan.patient.to_string(),
        total: Some(to_wire(Money {
            minor: plan.total(),
            currency: plan.currency,
        })),
        instalments: u32::try_from(plan.instalments.len()).unwrap_or(u32::MAX),
    });
    let view = PaymentPlanView::of(&plan, today);
    tx.commit(Answer::ok(&view).version(plan.version)).await
}

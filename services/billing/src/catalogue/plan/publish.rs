//! `POST /plans/{id}/versions`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::billing::v1::PlanVersionPublished;
use galen_eventing::Publish as _;
use galen_kernel::{Currency, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{CatalogueError, PlanVersion};
use super::store;
use super::view::PlanVersionView;
use crate::plan::vector::{self, Vector};
use crate::plan::{Plan, validate};
use crate::{Billing, field};

/// A version of a plan to be published.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublishPlanVersion {
    /// What it says. Its `version` is the next of the plan, its `id` the plan's.
    pub plan: Plan,
    /// First day on which it is in force: after that of the version before it, which
    /// ends then.
    #[schema(value_type = String, format = "date")]
    pub valid_from: Date,
    /// Examples of what it pays. They are calculated, and all have to be right.
    #[schema(min_items = 1, max_items = 100)]
    pub vectors: Vec<Vector>,
}

impl Requires for PublishPlanVersion {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueManage);
}

impl PublishPlanVersion {
    /// Everything that is wrong with it by itself: first what the plan may not say, then
    /// what it does not do.
    fn check(&self, id: &str, currency: Currency) -> Result<(), Problem> {
        let mut wrong = Violations::new();
        let message = format!("must be {id}");
        wrong.require(self.plan.id == id, "/plan/id", "OTHER_PLAN", &message);
        let message = format!("must be {}", currency.code());
        let ours = self.plan.currency == currency;
        wrong.require(ours, "/plan/currency", "CURRENCY_MISMATCH", &message);
        field::day(&mut wrong, "/validFrom", self.valid_from);
        for error in validate(&self.plan) {
            let pointer = format!("/plan{}", error.pointer);
            wrong.push(pointer, "INVALID_PLAN", error.reason);
        }
        wrong.finish()?;
        let mut wrong = Violations::new();
        vector::run(&self.plan, &self.vectors, &mut wrong);
        wrong.finish()
    }
}

/// Publishes a version of a plan
///
/// It is checked by itself, and with the examples that it brings along; what is wrong is
/// said with the example, the line, and what was expected and calculated. A version never
/// changes: what is otherwise is another one.
#[utoipa::path(
    post,
    path = "/plans/{id}/versions",
    operation_id = "publishPlanVersion",
    tag = "billing",
    params(("id" = String, Path, description = "The plan.")),
    request_body = PublishPlanVersion,
    responses((status = 201, description = "Published.", body = PlanVersionView)),
)]
pub async fn publish(
    cx: Cx<PublishPlanVersion>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<String>,
    Body(request): Body<PublishPlanVersion>,
) -> Outcome {
    store::get(billing.db.pool(), &id)
        .await?
        .ok_or(CatalogueError::Unknown)?;
    request.check(&id, billing.currency)?;
    let mut tx = cx.begin(&billing.db).await?;
    let last = store::last_for_update(&mut tx, &id).await?;
    let next = last.map_or(1, |(last, _)| last + 1);
    if request.plan.version != next {
        return Err(CatalogueError::NotNext(next).into());
    }
    if let Some((_, began)) = last
        && request.valid_from <= began
    {
        return Err(CatalogueError::NotLater(began).into());
    }
    let version = PlanVersion {
        plan: request.plan,
        valid_from: request.valid_from,
        valid_to: None,
        vectors: request.vectors,
        published_at: cx.now(),
        published_by: cx.principal()?.user_id.uuid(),
    };
    store::publish(&mut tx, &version).await?;
    tx.publish(&PlanVersionPublished {
        plan_id: id.clone(),
        version: next,
    });
    let location = format!("/api/v1/plans/{id}/versions/{next}");
    let view = PlanVersionView::from(version);
    tx.commit(Answer::created(&view).location(&location)).await
}

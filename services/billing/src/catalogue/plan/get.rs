//! `GET /plans/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::CatalogueError;
use super::store;
use super::view::PlanView;
use crate::Billing;

/// One plan is wanted.
pub struct GetPlan;

impl Requires for GetPlan {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueRead);
}

/// Shows one plan.
#[utoipa::path(
    get,
    path = "/plans/{id}",
    operation_id = "getPlan",
    tag = "billing",
    params(("id" = String, Path, description = "The plan.")),
    responses((status = 200, description = "The plan.", body = PlanView)),
)]
pub async fn get(
    _: Cx<GetPlan>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<String>,
) -> Outcome {
    let plan = store::get(billing.db.pool(), &id)
        .await?
        .ok_or(CatalogueError::Unknown)?;
    Ok(Answer::ok(&PlanView::from(plan)))
}

//! `GET /plans/{id}/versions` and `GET /plans/{id}/versions/{version}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, PathIds, Requires};
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::CatalogueError;
use super::store;
use super::view::PlanVersionView;
use crate::Billing;

/// Which page of the versions of a plan.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListPlanVersions {
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for ListPlanVersions {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueRead);
}

/// One version of a plan is wanted.
pub struct GetPlanVersion;

impl Requires for GetPlanVersion {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueRead);
}

/// Lists the versions of a plan, the last one first.
#[utoipa::path(
    get,
    path = "/plans/{id}/versions",
    operation_id = "listPlanVersions",
    tag = "billing",
    params(("id" = String, Path, description = "The plan."), ListPlanVersions),
    responses((status = 200, description = "A page.", body = PageView<PlanVersionView>)),
)]
pub async fn versions(
    _: Cx<ListPlanVersions>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<String>,
    Params(query): Params<ListPlanVersions>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let before: Option<u32> = query.cursor.as_deref().map(Cursor::decode).transpose()?;
    store::get(billing.db.pool(), &id)
        .await?
        .ok_or(CatalogueError::Unknown)?;
    let rows = store::versions(billing.db.pool(), &id, before, limit).await?;
    let page = Page::from_rows(rows, limit, |version| version.plan.version);
    Ok(Answer::ok(&PageView::from(page.map(PlanVersionView::from))))
}

/// Shows one version of a plan.
#[utoipa::path(
    get,
    path = "/plans/{id}/versions/{version}",
    operation_id = "getPlanVersion",
    tag = "billing",
    params(
        ("id" = String, Path, description = "The plan."),
        ("version" = u32, Path, description = "Which version."),
    ),
    responses((status = 200, description = "The version.", body = PlanVersionView)),
)]
pub async fn version(
    _: Cx<GetPlanVersion>,
    State(billing): State<Arc<Billing>>,
    PathIds((id, version)): PathIds<(String, u32)>,
) -> Outcome {
    let version = store::version(billing.db.pool(), &id, version)
        .await?
        .ok_or(CatalogueError::Unknown)?;
    Ok(Answer::ok(&PlanVersionView::from(version)))
}

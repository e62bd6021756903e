//! `GET /plans`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;

use super::store;
use super::view::PlanView;
use crate::Billing;
use crate::catalogue::payer::find::stray_cursor;

/// Which page of plans.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindPlans {
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindPlans {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueRead);
}

/// Lists plans by id.
#[utoipa::path(
    get,
    path = "/plans",
    operation_id = "findPlans",
    tag = "billing",
    params(FindPlans),
    responses((status = 200, description = "A page.", body = PageView<PlanView>)),
)]
pub async fn find(
    _: Cx<FindPlans>,
    State(billing): State<Arc<Billing>>,
    Params(query): Params<FindPlans>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after: Option<String> = query.cursor.as_deref().map(Cursor::decode).transpose()?;
    if after.as_ref().is_some_and(|id| id.contains('\0')) {
        return Err(stray_cursor().into());
    }
    let rows = store::page(billing.db.pool(), after.as_deref(), limit).await?;
    let page = Page::from_rows(rows, limit, |plan| plan.id.clone());
    Ok(Answer::ok(&PageView::from(page.map(PlanView::from))))
}

//! `GET /practitioners/{id}/shift-patterns`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_kernel::{Cursor, Page, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, PathIds, Requires};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::store;
use super::view::PatternView;
use crate::practitioner::model::PractitionerError;
use crate::{Staff, practitioner};

/// Which patterns are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListShiftPatterns {
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for ListShiftPatterns {
    const NEEDS: Needs = Needs::Permission(Permission::StaffRead);
}

/// Lists a practitioner's weekly patterns in force, oldest first.
#[utoipa::path(
    get,
    path = "/practitioners/{id}/shift-patterns",
    operation_id = "listShiftPatterns",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner."), ListShiftPatterns),
    responses((status = 200, description = "A page.", body = PageView<PatternView>)),
)]
pub async fn list(
    _cx: Cx<ListShiftPatterns>,
    State(staff): State<Arc<Staff>>,
    PathIds(practitioner): PathIds<PractitionerId>,
    Params(query): Params<ListShiftPatterns>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = query
        .cursor
        .as_deref()
        .map(Cursor::decode::<Uuid>)
        .transpose()?;
    practitioner::store::find_standing(staff.db.pool(), practitioner)
        .await?
        .ok_or(PractitionerError::Unknown)?;
    let rows = store::list(staff.db.pool(), practitioner, after, limit).await?;
    let page = Page::from_rows(rows, limit, |pattern| pattern.id.uuid());
    Ok(Answer::ok(&PageView::from(page.map(PatternView::from))))
}

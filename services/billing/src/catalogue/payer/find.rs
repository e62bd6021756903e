//! `GET /payers`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, Problem, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;

use super::store::{self, Position};
use super::view::PayerView;
use crate::Billing;

/// Which page of payers.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindPayers {
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindPayers {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueRead);
}

/// A position that no list has, though it can be read.
pub(crate) fn stray_cursor() -> Problem {
    Problem::invalid_field("?cursor", "INVALID_CURSOR", "is not a cursor of this list")
}

/// Lists payers by name and id.
#[utoipa::path(
    get,
    path = "/payers",
    operation_id = "findPayers",
    tag = "billing",
    params(FindPayers),
    responses((status = 200, description = "A page.", body = PageView<PayerView>)),
)]
pub async fn find(
    _: Cx<FindPayers>,
    State(billing): State<Arc<Billing>>,
    Params(query): Params<FindPayers>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after: Option<Position> = query.cursor.as_deref().map(Cursor::decode).transpose()?;
    if after.as_ref().is_some_and(|(name, _)| name.contains('\0')) {
        return Err(stray_cursor().into());
    }
    let rows = store::page(billing.db.pool(), after.as_ref(), limit).await?;
    let page = Page::from_rows(rows, limit, |payer| (payer.name.clone(), payer.id.uuid()));
    Ok(Answer::ok(&PageView::from(page.map(PayerView::from))))
}

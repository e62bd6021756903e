//! `GET /order-resolutions`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, Problem, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::model::Status;
use super::store::{self, Filter, Position};
use super::view::ResolutionView;
use crate::SecurePay;
use crate::provider::order::find::is_storable;

/// Which resolutions are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindOrderResolutions {
    /// Where they stand: those that are `REQUESTED` wait for a second person.
    #[param(inline)]
    pub status: Option<Status>,
    /// About this top-up or payout.
    pub order_id: Option<Uuid>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindOrderResolutions {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerRead);
}

/// Lists what was found out about orders, the oldest first.
#[utoipa::path(
    get,
    path = "/order-resolutions",
    operation_id = "findOrderResolutions",
    tag = "securepay",
    params(FindOrderResolutions),
    responses((status = 200, description = "A page.", body = PageView<ResolutionView>)),
)]
pub async fn find(
    _: Cx<FindOrderResolutions>,
    State(s): State<Arc<SecurePay>>,
    Params(query): Params<FindOrderResolutions>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = query
        .cursor
        .as_deref()
        .map(Cursor::decode::<Position>)
        .transpose()?;
    if after.is_some_and(|Position(at, _)| !is_storable(at)) {
        return Err(Problem::invalid_field(
            "?cursor",
            "INVALID_CURSOR",
            "is not a cursor of this list",
        )
        .into());
    }
    let filter = Filter {
        status: query.status,
        order: query.order_id,
    };
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let rows = store::find(&mut connection, &filter, after, limit).await?;
    let page = Page::from_rows(rows, limit, |row| {
        Position(row.resolution.requested_at, row.resolution.id.uuid())
    });
    let items = ResolutionView::open_all(&s.vault, &mut connection, page.items).await?;
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: page.next_cursor,
    }))
}

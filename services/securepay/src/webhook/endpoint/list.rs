//! `GET /webhook-endpoints`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{EndpointId, store, view};
use crate::SecurePay;

/// All endpoints.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListEndpoints {
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

impl Requires for ListEndpoints {
    const NEEDS: Needs = Needs::Permission(Permission::WebhookManage);
}

/// Lists endpoints, oldest first.
#[utoipa::path(
    get,
    path = "/webhook-endpoints",
    operation_id = "listWebhookEndpoints",
    tag = "securepay",
    params(ListEndpoints),
    responses((status = 200, description = "A page.", body = PageView<view::EndpointView>)),
)]
pub(crate) async fn list(
    _: Cx<ListEndpoints>,
    State(s): State<Arc<SecurePay>>,
    Params(query): Params<ListEndpoints>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = query
        .cursor
        .as_deref()
        .map(Cursor::decode::<EndpointId>)
        .transpose()?;
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let rows = store::list(&mut *connection, after, limit).await?;
    let page = Page::from_rows(rows, limit, |endpoint| endpoint.id);
    let items = view::show(&s.vault, &mut connection, &page.items).await?;
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: page.next_cursor,
    }))
}

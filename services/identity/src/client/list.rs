//! `GET /oauth-clients`: all clients, for those who see accounts.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::ClientView;
use super::{ClientId, store};
use crate::Identity;

/// All clients.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListClients {
    /// Items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

impl Requires for ListClients {
    const NEEDS: Needs = Needs::Permission(Permission::UserRead);
}

/// Lists clients, oldest first.
#[utoipa::path(
    get,
    path = "/oauth-clients",
    tag = "identity",
    params(ListClients),
    responses((status = 200, description = "One page of clients", body = PageView<ClientView>))
)]
pub(crate) async fn list(
    _cx: Cx<ListClients>,
    State(s): State<Arc<Identity>>,
    Params(query): Params<ListClients>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = query
        .cursor
        .as_deref()
        .map(Cursor::decode::<ClientId>)
        .transpose()?;
    let clients = store::list(s.db.pool(), after, limit).await?;
    let page = Page::from_rows(clients, limit, |client| client.id);
    Ok(Answer::ok(&PageView::from(
        page.map(|client| ClientView::from(&client)),
    )))
}

//! `GET /oauth-clients/{id}`: one client, for those who see accounts.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Cx, Needs, Outcome, PathIds, Requires};
use http::StatusCode;

use super::view::ClientView;
use super::{ClientId, store};
use crate::Identity;

/// One client.
pub(crate) struct GetClient;

impl Requires for GetClient {
    const NEEDS: Needs = Needs::Permission(Permission::UserRead);
}

/// Shows a client, without its secret.
#[utoipa::path(
    get,
    path = "/oauth-clients/{id}",
    tag = "identity",
    params(("id" = Uuid, Path, description = "The client")),
    responses((status = 200, description = "The client", body = ClientView))
)]
pub(crate) async fn get(
    _cx: Cx<GetClient>,
    State(s): State<Arc<Identity>>,
    PathIds(id): PathIds<ClientId>,
) -> Outcome {
    let client = store::by_id(s.db.pool(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(ClientView::from(&client).answer(StatusCode::OK))
}

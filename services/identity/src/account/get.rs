//! `GET /users/{id}`: one account, for those who manage them.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::UserId;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::store;
use super::view::UserView;
use crate::Identity;

/// One account.
pub(crate) struct GetUser;

impl Requires for GetUser {
    const NEEDS: Needs = Needs::Permission(Permission::UserRead);
}

/// Shows an account.
#[utoipa::path(
    get,
    path = "/users/{id}",
    tag = "identity",
    params(("id" = Uuid, Path, description = "The account")),
    responses((status = 200, description = "The account", body = UserView))
)]
pub(crate) async fn get(
    _cx: Cx<GetUser>,
    State(s): State<Arc<Identity>>,
    PathIds(id): PathIds<UserId>,
) -> Outcome {
    let account = store::by_id(s.db.pool(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(Answer::ok(&UserView::from(&account)).version(account.version))
}

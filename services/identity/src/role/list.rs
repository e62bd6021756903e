//! `GET /roles`: what each role permits.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Role};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Requires};

use super::store;
use super::view::RoleView;
use crate::Identity;

/// All roles.
pub(crate) struct ListRoles;

impl Requires for ListRoles {
    const NEEDS: Needs = Needs::Permission(Permission::UserRead);
}

/// Lists the built-in roles, then the hospital's own, and what they permit.
#[utoipa::path(
    get,
    path = "/roles",
    tag = "identity",
    responses((status = 200, description = "All roles", body = PageView<RoleView>))
)]
pub(crate) async fn list(_cx: Cx<ListRoles>, State(s): State<Arc<Identity>>) -> Outcome {
    let custom = store::all(s.db.pool(), None).await?;
    let built_in = Role::ALL.iter().copied().map(RoleView::from);
    Ok(Answer::ok(&PageView {
        items: built_in.chain(custom.iter().map(RoleView::from)).collect(),
        next_cursor: None,
    }))
}

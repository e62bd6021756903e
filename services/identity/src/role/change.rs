//! `PUT /roles/{name}`: an administrator says anew what a role permits.
//!
//! When it permits something else, the sessions of all who have it end, and with them
//! the access tokens that say what it permitted before.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{self, CustomName, NameError};
use super::store;
use super::view::{GrantView, RoleView};
use crate::Identity;
use crate::session::ending::Ending;

/// What a role is to be from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangeRole {
    /// What it is for.
    #[schema(min_length = 1, max_length = 500)]
    description: String,
    /// All that it permits: each permission once, and nothing that its maker may not.
    #[schema(min_items = 1)]
    permissions: Vec<GrantView>,
}

impl Requires for ChangeRole {
    const NEEDS: Needs = Needs::Permission(Permission::UserManage);
    const STEP_UP: bool = true;
}

/// Changes a role that the hospital made.
#[utoipa::path(
    put,
    path = "/roles/{name}",
    tag = "identity",
    params(("name" = String, Path, description = "The role")),
    request_body = ChangeRole,
    responses((status = 200, description = "The changed role", body = RoleView))
)]
pub(crate) async fn change(
    cx: Cx<ChangeRole>,
    State(s): State<Arc<Identity>>,
    PathIds(name): PathIds<String>,
    Body(request): Body<ChangeRole>,
) -> Outcome {
    let name = CustomName::parse(&name).map_err(|error| match error {
        NameError::BuiltIn => {
            Problem::conflict("ROLE_IS_BUILT_IN", "Built-in roles stay as they are.")
        }
        NameError::Form => Problem::not_found(),
    })?;
    let mut wrong = Violations::new();
    let description = model::description(&mut wrong, &request.description);
    let wished: Vec<_> = request.permissions.iter().map(GrantView::grant).collect();
    let grants = model::grants(&mut wrong, &wished);
    wrong.finish()?;
    model::within(cx.principal()?, &grants).map_err(Problem::from)?;
    let mut tx = cx.begin(&s.db).await?;
    let mut role = store::lock(tx.conn(), &name)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(role.version)?;
    let mut ending = None;
    if role.description != description || role.grants != grants {
        if role.grants != grants {
            ending = Some(Ending::of_role(&mut tx, &name, cx.now()).await?);
        }
        role.description = description;
        role.grants = grants;
        role.version = store::update(tx.conn(), &role).await?;
    }
    let answer = tx
        .commit(Answer::ok(&RoleView::from(&role)).version(role.version))
        .await?;
    if let Some(ending) = ending {
        ending.take_effect(s.keyring.ended());
    }
    Ok(answer)
}

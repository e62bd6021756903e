//! `GET /roles`: what each role may.

use galen_access::{Permission, Reach, Role};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Requires};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{permission_schema, role_schema};

/// All roles.
pub(crate) struct ListRoles;

impl Requires for ListRoles {
    const NEEDS: Needs = Needs::Permission(Permission::UserRead);
}

/// A role.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleView {
    /// Its name.
    #[schema(schema_with = role_schema)]
    name: Role,
    /// What it may.
    permissions: Vec<GrantView>,
}

/// Something a role may.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantView {
    /// The permission.
    #[schema(schema_with = permission_schema)]
    permission: &'static str,
    /// How far it reaches.
    reach: ReachView,
}

/// How far a permission reaches.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReachView {
    /// One's own records.
    Own,
    /// The records of those whom one cares or cared for.
    Care,
    /// All records.
    Any,
}

/// Lists the roles and what they may.
#[utoipa::path(
    get,
    path = "/roles",
    tag = "identity",
    responses((status = 200, description = "All roles", body = PageView<RoleView>))
)]
pub(crate) async fn list(_cx: Cx<ListRoles>) -> Outcome {
    let items = Role::ALL
        .iter()
        .map(|role| RoleView {
            name: *role,
            permissions: grants(*role),
        })
        .collect();
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: None,
    }))
}

fn grants(role: Role) -> Vec<GrantView> {
    let grant = |permission: &Permission| {
        let reach = match role.grants(*permission)? {
            Reach::Own => ReachView::Own,
            Reach::Care => ReachView::Care,
            Reach::Any => ReachView::Any,
        };
        Some(GrantView {
            permission: permission.name(),
            reach,
        })
    };
    Permission::ALL.iter().filter_map(grant).collect()
}

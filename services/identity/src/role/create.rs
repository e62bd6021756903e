//! `POST /roles`: an administrator makes a role.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{self, CustomName, CustomRole, NameError};
use super::store;
use super::view::{GrantView, RoleView};
use crate::Identity;

/// A new role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateRole {
    /// Its name, for good.
    #[schema(
        min_length = 3,
        max_length = 40,
        pattern = "^[A-Z][A-Z0-9_]{2,39}$",
        examples("WARD_CLERK")
    )]
    name: String,
    /// What it is for.
    #[schema(min_length = 1, max_length = 500)]
    description: String,
    /// What it permits: each permission once, and nothing that its maker may not.
    #[schema(min_items = 1)]
    permissions: Vec<GrantView>,
}

impl Requires for CreateRole {
    const NEEDS: Needs = Needs::Permission(Permission::UserManage);
    const STEP_UP: bool = true;
}

/// Makes a role that accounts can be given like a built-in one.
#[utoipa::path(
    post,
    path = "/roles",
    tag = "identity",
    request_body = CreateRole,
    responses((status = 201, description = "The new role", body = RoleView))
)]
pub(crate) async fn create(
    cx: Cx<CreateRole>,
    State(s): State<Arc<Identity>>,
    Body(request): Body<CreateRole>,
) -> Outcome {
    let role = parse(&request)?;
    model::within(cx.principal()?, &role.grants).map_err(Problem::from)?;
    let mut tx = cx.begin(&s.db).await?;
    if !store::insert(tx.conn(), &role).await? {
        return Err(taken().into());
    }
    let location = format!("/api/v1/roles/{}", role.name.as_str());
    tx.commit(
        Answer::created(&RoleView::from(&role))
            .version(role.version)
            .location(&location),
    )
    .await
}

fn taken() -> Problem {
    Problem::conflict("ROLE_NAME_TAKEN", "There is a role of this name.")
}

fn parse(request: &CreateRole) -> Result<CustomRole, Problem> {
    let mut wrong = Violations::new();
    let name = match CustomName::parse(&request.name) {
        Err(NameError::BuiltIn) => return Err(taken()),
        parsed => wrong.keep("/name", "INVALID_NAME", parsed),
    };
    let description = model::description(&mut wrong, &request.description);
    let wished: Vec<_> = request.permissions.iter().map(GrantView::grant).collect();
    let grants = model::grants(&mut wrong, &wished);
    wrong.finish()?;
    let name = name.ok_or_else(|| Problem::internal("a name was neither kept nor refused"))?;
    Ok(CustomRole {
        name,
        description,
        grants,
        version: 1,
    })
}

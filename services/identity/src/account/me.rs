//! `GET /auth/me`: who is logged in, and what they may.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Principal};
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, Requires};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Account, store};
use crate::Identity;
use crate::role::view::{permission_schema, roles_schema};
use crate::role::{self, RoleName};

/// Oneself.
pub(crate) struct Me;

impl Requires for Me {
    const NEEDS: Needs = Needs::Anybody;
}

/// Who is logged in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MeView {
    /// The account.
    id: Uuid,
    /// Its login name.
    username: String,
    /// Its address.
    email: Option<String>,
    /// Its roles; the access token has them from its next refresh on.
    #[schema(schema_with = roles_schema)]
    roles: Vec<RoleName>,
    /// What any of the roles permits, some of it only on one's own records.
    #[schema(schema_with = permissions_schema)]
    permissions: Vec<&'static str>,
    /// One's medical record.
    patient_id: Option<Uuid>,
    /// One's practitioner record.
    practitioner_id: Option<Uuid>,
    /// The session of the access token.
    session_id: Uuid,
}

fn permissions_schema() -> utoipa::openapi::schema::Array {
    utoipa::openapi::schema::Array::new(permission_schema())
}

/// Shows the caller's account.
#[utoipa::path(
    get,
    path = "/auth/me",
    tag = "identity",
    responses((status = 200, description = "Who is logged in", body = MeView))
)]
pub(crate) async fn me(cx: Cx<Me>, State(s): State<Arc<Identity>>) -> Outcome {
    let principal = cx.principal()?;
    let account = store::by_id(s.db.pool(), principal.user_id)
        .await?
        .ok_or_else(Problem::unauthenticated)?;
    let grants = role::store::grants_of(s.db.pool(), &account.roles.custom()).await?;
    let stored = account.principal(principal.session_id, grants);
    Ok(Answer::ok(&view(&account, &stored)))
}

fn view(account: &Account, stored: &Principal) -> MeView {
    let may = |permission: &&Permission| stored.reach(**permission).is_some();
    MeView {
        id: account.id.uuid(),
        username: account.username.as_str().to_owned(),
        email: account
            .email
            .as_ref()
            .map(|email| email.as_str().to_owned()),
        roles: account.roles.iter().cloned().collect(),
        permissions: Permission::ALL
            .iter()
            .filter(may)
            .map(|p| p.name())
            .collect(),
        patient_id: account.patient.map(Uuid::from),
        practitioner_id: account.practitioner.map(Uuid::from),
        session_id: stored.session_id.uuid(),
    }
}

//! `PATCH /users/{id}`: an administrator changes roles, lock, address or link.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::identity::v1::UserChanged;
use galen_contracts::ids::{PractitionerId, UserId};
use galen_eventing::Publish as _;
use galen_kernel::{Pii, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::model::{Change, LastAdministrator};
use super::register::keep_email;
use super::view::UserView;
use super::{RoleSet, store};
use crate::Identity;
use crate::role::RoleName;
use crate::role::given;
use crate::role::view::roles_schema;
use crate::session::ending::Ending;

/// What is to be otherwise; fields that are not there stay as they are.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangeUser {
    /// All roles the account is to have. Other roles than before end its sessions.
    #[serde(default, deserialize_with = "present")]
    #[schema(schema_with = roles_schema, required = false)]
    roles: Option<Vec<RoleName>>,
    /// True locks the account and ends its sessions.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    locked: Option<bool>,
    /// Null removes the address.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 254, format = "email", required = false)]
    email: Option<Option<Pii<String>>>,
    /// Null removes the link. Losing a link ends the account's sessions.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Uuid>, required = false)]
    practitioner_id: Option<Option<PractitionerId>>,
}

impl Requires for ChangeUser {
    const NEEDS: Needs = Needs::Permission(Permission::UserManage);
    const STEP_UP: bool = true;
}

impl From<LastAdministrator> for Problem {
    fn from(_: LastAdministrator) -> Self {
        Self::conflict(
            "LAST_ADMINISTRATOR",
            "Nobody would be left who can administer.",
        )
    }
}

/// Changes an account. The last administrator who can log in stays one.
#[utoipa::path(
    patch,
    path = "/users/{id}",
    tag = "identity",
    params(("id" = Uuid, Path, description = "The account")),
    request_body = ChangeUser,
    responses((status = 200, description = "The changed account", body = UserView))
)]
pub(crate) async fn change(
    cx: Cx<ChangeUser>,
    State(s): State<Arc<Identity>>,
    PathIds(id): PathIds<UserId>,
    Body(request): Body<ChangeUser>,
) -> Outcome {
    let roles = request.roles.clone().unwrap_or_default();
    let wished = parse(request)?;
    given::expect_known(s.db.pool(), &roles).await?;
    let mut tx = cx.begin(&s.db).await?;
    let locked = store::lock_with_administrators(tx.conn(), id).await?;
    let account = locked
        .iter()
        .find(|account| account.id == id)
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(account.version)?;
    let others = locked
        .iter()
        .any(|other| other.id != id && other.administers());
    let mut changed = account.change(wished, others)?;
    let mut ending = None;
    if changed != *account {
        if changed.ends_sessions_of(account) {
            ending = Some(Ending::all_of(&mut tx, id, cx.now()).await?);
        }
        if changed.acts_differently_from(account) {
            tx.publish(&UserChanged {
                user_id: id.to_string(),
            });
        }
        changed = store::update(tx.conn(), changed).await?;
    }
    let answer = tx
        .commit(Answer::ok(&UserView::from(&changed)).version(changed.version))
        .await?;
    if let Some(ending) = ending {
        ending.take_effect(s.keyring.ended());
    }
    Ok(answer)
}

fn parse(request: ChangeUser) -> Result<Change, Problem> {
    let mut wrong = Violations::new();
    let roles = request
        .roles
        .and_then(|roles| wrong.keep("/roles", "EMPTY", RoleSet::new(roles)));
    let email = request.email.map(|wished| {
        keep_email(
            &mut wrong,
            wished.as_ref().map(|email| email.expose().as_str()),
        )
    });
    wrong.finish()?;
    Ok(Change {
        roles,
        locked: request.locked,
        email,
        practitioner: request.practitioner_id,
    })
}

/// A field that is there, be it null.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

//! `POST /users`: an administrator makes an account for a colleague.
//!
//! A request with a password is not kept for an `Idempotency-Key`, because what is
//! kept would let the password be guessed; the unique name makes a retry harmless.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::identity::v1::UserProvisioned;
use galen_contracts::ids::PractitionerId;
use galen_eventing::Publish as _;
use galen_kernel::{Clock, Pii, Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use galen_storage::Tx;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::register::{keep_email, keep_password, keep_username};
use super::store::{self, StoreError};
use super::view::UserView;
use super::{Account, RoleSet};
use crate::Identity;
use crate::link::model::Purpose;
use crate::link::request;
use crate::password::NewPassword;
use crate::role::RoleName;
use crate::role::given;
use crate::role::view::roles_schema;

/// A new account for somebody else.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateUser {
    /// Login name; case does not matter.
    #[schema(value_type = String, min_length = 3, max_length = 64, pattern = "^[!-~]{3,64}$", examples("nadia.keller"))]
    username: Pii<String>,
    /// Where a link to choose a password is mailed to when none is given here.
    #[schema(value_type = Option<String>, max_length = 254, format = "email")]
    email: Option<Pii<String>>,
    /// What the account may.
    #[schema(schema_with = roles_schema)]
    roles: Vec<RoleName>,
    /// The practitioner it belongs to.
    #[schema(value_type = Option<uuid::Uuid>)]
    practitioner_id: Option<PractitionerId>,
    /// Better left to its owner.
    #[schema(value_type = Option<String>, min_length = 8, max_length = 128, format = "password")]
    password: Option<SecretString>,
}

impl Requires for CreateUser {
    const NEEDS: Needs = Needs::Permission(Permission::UserManage);
    const STEP_UP: bool = true;
}

/// Makes an account. Without a password, but with an address, its owner is mailed
/// a link to choose one.
#[utoipa::path(
    post,
    path = "/users",
    tag = "identity",
    request_body = CreateUser,
    responses((status = 201, description = "The new account", body = UserView))
)]
pub(crate) async fn create(
    cx: Cx<CreateUser>,
    State(s): State<Arc<Identity>>,
    Body(request): Body<CreateUser>,
) -> Outcome {
    let (mut account, password) = parse(&request, cx.clock(), cx.now())?;
    given::expect_known(s.db.pool(), &request.roles).await?;
    let view = match password {
        Some(password) => {
            account.password = Some(s.hasher.turn().await?.hash(&password).await?);
            let mut tx = s.db.begin().await?;
            store(&mut tx, &account, cx.now()).await?;
            tx.commit().await?;
            UserView::from(&account)
        }
        None => {
            let mut tx = cx.begin(&s.db).await?;
            store(&mut tx, &account, cx.now()).await?;
            let view = UserView::from(&account);
            return tx.commit(answer(&account, &view)).await;
        }
    };
    Ok(answer(&account, &view))
}

fn answer(account: &Account, view: &UserView) -> Answer {
    Answer::created(view)
        .version(account.version)
        .location(&format!("/api/v1/users/{}", account.id))
}

async fn store(tx: &mut Tx, account: &Account, now: Timestamp) -> Result<(), StoreError> {
    store::insert(tx.conn(), account).await?;
    tx.publish(&UserProvisioned {
        user_id: account.id.to_string(),
        patient_id: String::new(),
    });
    if account.password.is_none() && account.email.is_some() {
        request::request(tx, account, Purpose::SetPassword, now)
            .await
            .map_err(StoreError::Storage)?;
    }
    Ok(())
}

fn parse(
    request: &CreateUser,
    clock: &Clock,
    now: Timestamp,
) -> Result<(Account, Option<NewPassword>), Problem> {
    let mut wrong = Violations::new();
    let username = keep_username(&mut wrong, request.username.expose());
    let email = keep_email(
        &mut wrong,
        request.email.as_ref().map(|email| email.expose().as_str()),
    );
    let roles = wrong.keep(
        "/roles",
        "EMPTY",
        RoleSet::new(request.roles.iter().cloned()),
    );
    let password = request
        .password
        .as_ref()
        .and_then(|given| keep_password(&mut wrong, "/password", given, username.as_ref()));
    wrong.finish()?;
    match (username, roles) {
        (Some(username), Some(roles)) => {
            let account = Account {
                email,
                practitioner: request.practitioner_id,
                ..Account::new(clock.id(), username, roles, now)
            };
            Ok((account, password))
        }
        _ => Err(Problem::internal("a field was neither kept nor refused")),
    }
}

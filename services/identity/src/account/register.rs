//! `POST /auth/register`: a stranger makes an account for themself and is logged in.
//! It is a patient's; every other role is given by an administrator.
//!
//! The answer holds tokens, so it is not kept for an `Idempotency-Key`: who lost it
//! logs in.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Method, Role};
use galen_kernel::{Problem, Violations};
use galen_service::{Body, Cx, Needs, Outcome, Requires};
use http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::store::{self, StoreError};
use super::{Account, Email, RoleSet, Username};
use crate::password::NewPassword;
use crate::session::device::Device;
use crate::session::open::{self, TokenAnswer};
use crate::{Identity, attempt};

/// A new account for oneself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Register {
    /// Login name; case does not matter. An e-mail address will do.
    #[schema(value_type = String, min_length = 3, max_length = 64, pattern = "^[!-~]{3,64}$", examples("nadia.keller"))]
    username: galen_kernel::Pii<String>,
    /// Any characters; not the login name, and none of the most used passwords.
    #[schema(value_type = String, min_length = 8, max_length = 128, format = "password")]
    password: SecretString,
    /// Where a lost password is mailed to.
    #[schema(value_type = Option<String>, max_length = 254, format = "email")]
    email: Option<galen_kernel::Pii<String>>,
}

impl Requires for Register {
    const NEEDS: Needs = Needs::Nobody;
}

/// Makes an account with the role PATIENT and logs it in.
#[utoipa::path(
    post,
    path = "/auth/register",
    tag = "identity",
    request_body = Register,
    responses((status = 201, description = "Registered and logged in", body = TokenAnswer))
)]
pub(crate) async fn register(
    cx: Cx<Register>,
    State(s): State<Arc<Identity>>,
    device: Device,
    Body(request): Body<Register>,
) -> Outcome {
    let (username, email, password) = parse(&request)?;
    // Before the slow hash; the unique constraint decides in the end.
    if store::by_username(s.db.pool(), &username).await?.is_some() {
        return Err(StoreError::UsernameTaken.into());
    }
    let hash = s.hasher.turn().await?.hash(&password).await?;
    let now = cx.now();
    let account = Account {
        email,
        password: Some(hash),
        ..Account::new(cx.clock().id(), username, RoleSet::only(Role::Patient), now)
    };
    let mut tx = s.db.begin().await?;
    store::insert(tx.conn(), &account).await?;
    let tokens = open::open(
        &mut tx,
        &s.keyring,
        &account,
        &device,
        &[Method::Password],
        now,
    )
    .await?
    .ok_or_else(Problem::unauthenticated)?;
    attempt::store::welcome(tx.conn(), &account, device.household(), now).await?;
    tx.commit().await?;
    Ok(tokens.answer(StatusCode::CREATED))
}

fn parse(request: &Register) -> Result<(Username, Option<Email>, NewPassword), Problem> {
    let mut wrong = Violations::new();
    let username = keep_username(&mut wrong, request.username.expose());
    let email = keep_email(
        &mut wrong,
        request.email.as_ref().map(|email| email.expose().as_str()),
    );
    let password = keep_password(
        &mut wrong,
        "/password",
        &request.password,
        username.as_ref(),
    );
    wrong.finish()?;
    match (username, password) {
        (Some(username), Some(password)) => Ok((username, email, password)),
        _ => Err(Problem::internal("a field was neither kept nor refused")),
    }
}

/// Keeps a login name, or notes at `/username` why there is none.
pub(crate) fn keep_username(wrong: &mut Violations, given: &str) -> Option<Username> {
    Username::parse(given)
        .map_err(|error| wrong.push("/username", error.code(), error.to_string()))
        .ok()
}

/// Keeps an address, or notes at `/email` why there is none.
pub(crate) fn keep_email(wrong: &mut Violations, given: Option<&str>) -> Option<Email> {
    given.and_then(|text| wrong.keep("/email", "INVALID_EMAIL", Email::parse(text)))
}

/// Keeps a new password, or notes why it is refused.
pub(crate) fn keep_password(
    wrong: &mut Violations,
    pointer: &str,
    given: &SecretString,
    username: Option<&Username>,
) -> Option<NewPassword> {
    NewPassword::parse(given, username)
        .map_err(|error| wrong.push(pointer, error.code(), error.to_string()))
        .ok()
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::UsernameTaken => {
                Self::conflict("USERNAME_TAKEN", "This user name is taken.")
            }
            StoreError::PractitionerTaken => Self::conflict(
                "PRACTITIONER_HAS_ACCOUNT",
                "The practitioner has another account.",
            ),
            StoreError::Storage(error) => error.into(),
        }
    }
}

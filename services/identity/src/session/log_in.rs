//! `POST /auth/login`: a name and a password for tokens.
//!
//! A wrong password, an unknown name, a locked account and one without a password
//! are told apart neither by the answer nor by its time. The answer holds tokens,
//! so it is not kept for an `Idempotency-Key`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Method;
use galen_kernel::{Pii, Problem, Violations};
use galen_service::{Body, Cx, Needs, Outcome, Requires};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::device::Device;
use super::open::{self, OpenError, TokenAnswer};
use crate::account::{self, Account, Username};
use crate::attempt::model::Paused;
use crate::attempt::{Attempt, Refusal};
use crate::password::hasher::HashError;
use crate::password::policy;
use crate::{Identity, password};

/// A name and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LogIn {
    /// Login name; case does not matter.
    #[schema(value_type = String, max_length = 64, examples("nadia.keller"))]
    username: Pii<String>,
    /// The password.
    #[schema(value_type = String, max_length = 128, format = "password")]
    password: SecretString,
}

impl Requires for LogIn {
    const NEEDS: Needs = Needs::Nobody;
}

/// Why somebody is not who they say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogInError {
    /// The name, the password or the account is not right.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// There were too many failures.
    #[error(transparent)]
    Paused(#[from] Paused),
    /// The password could not be checked.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// There are no tokens.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
}

impl LogInError {
    /// For the count of logins.
    const fn outcome(&self) -> &'static str {
        match self {
            Self::InvalidCredentials => "refused",
            Self::Paused(_) => "paused",
            Self::Hash(_) | Self::Open(_) | Self::Storage(_) => "failed",
        }
    }
}

impl From<Refusal> for LogInError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Paused(paused) => paused.into(),
            Refusal::Storage(error) => error.into(),
        }
    }
}

impl From<LogInError> for Problem {
    fn from(error: LogInError) -> Self {
        match error {
            LogInError::InvalidCredentials => Self::new(
                401,
                "INVALID_CREDENTIALS",
                "The user name or the password is wrong.",
            ),
            LogInError::Paused(paused) => paused.into(),
            LogInError::Hash(error) => error.into(),
            LogInError::Open(error) => error.into(),
            LogInError::Storage(error) => error.into(),
        }
    }
}

/// Logs in.
#[utoipa::path(
    post,
    path = "/auth/login",
    tag = "identity",
    request_body = LogIn,
    responses((status = 200, description = "Logged in", body = TokenAnswer))
)]
pub(crate) async fn log_in(
    cx: Cx<LogIn>,
    State(s): State<Arc<Identity>>,
    device: Device,
    Body(request): Body<LogIn>,
) -> Outcome {
    check_lengths(&request)?;
    let entered = enter(&cx, &s, &request, &device).await;
    let outcome = entered.as_ref().map_or_else(LogInError::outcome, |_| "ok");
    metrics::counter!("galen_identity_logins_total", "outcome" => outcome).increment(1);
    Ok(entered?.answer(StatusCode::OK))
}

/// Finds out who logs in, and opens a session.
async fn enter(
    cx: &Cx<LogIn>,
    s: &Identity,
    request: &LogIn,
    device: &Device,
) -> Result<TokenAnswer, LogInError> {
    let (account, methods) =
        authenticate(cx, s, device, request.username.expose(), &request.password).await?;
    let mut tx = s.db.begin().await?;
    let tokens = open::open(&mut tx, &s.keyring, &account, device, &methods, cx.now())
        .await?
        .ok_or(LogInError::InvalidCredentials)?;
    tx.commit().await?;
    Ok(tokens)
}

/// Who has this name and this password, and how they showed it. Failures are counted
/// here, and forgotten when all is right.
pub(crate) async fn authenticate<R: Requires>(
    cx: &Cx<R>,
    s: &Identity,
    device: &Device,
    username: &str,
    password: &SecretString,
) -> Result<(Account, Vec<Method>), LogInError> {
    let account = match Username::parse(username) {
        Ok(username) => account::store::by_username(s.db.pool(), &username).await?,
        Err(_) => None,
    };
    if let Some(account) = &account {
        cx.about("users", account.id);
    }
    let attempt = Attempt::at(username, account.as_ref(), device);
    attempt.refuse_paused(&s.db, cx.now()).await?;
    let turn = s.hasher.turn().await?;
    attempt.refuse_paused(&s.db, cx.now()).await?;
    let expected = account
        .as_ref()
        .and_then(|account| account.password.as_ref());
    let right = turn
        .verify(password::normalised(password), expected)
        .await?;
    match account {
        Some(account) if right && account.lock.is_none() => {
            attempt.succeeded(&s.db, &account, cx.now()).await?;
            Ok((account, vec![Method::Password]))
        }
        _ => {
            attempt.failed(&s.db, cx.now()).await?;
            Err(LogInError::InvalidCredentials)
        }
    }
}

/// What is longer than any name or password is not worth hashing.
fn check_lengths(request: &LogIn) -> Result<(), Problem> {
    let mut wrong = Violations::new();
    let name = request.username.expose().chars().count();
    wrong.require(
        name <= account::username::LONGEST,
        "/username",
        "TOO_LONG",
        "must have at most 64 characters",
    );
    let password = request.password.expose_secret().chars().count();
    wrong.require(
        password <= policy::LONGEST,
        "/password",
        "TOO_LONG",
        "must have at most 128 characters",
    );
    wrong.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_does_not_print_its_password_or_name() {
        let request: LogIn =
            serde_json::from_str(r#"{"username":"nadia.keller","password":"correct horse"}"#)
                .expect("a request");
        let printed = format!("{request:?}");
        assert!(
            !printed.contains("nadia") && !printed.contains("horse"),
            "{printed}"
        );
    }
}

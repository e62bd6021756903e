//! `POST /auth/login`: a name and a password for tokens.
//!
//! A wrong password, an unknown name, a locked account and one without a password
//! are told apart neither by the answer nor by its time. The answer holds tokens,
//! so it is not kept for an `Idempotency-Key`.

use std::sync::Arc;

use axum::extract::State;
use galen_kernel::{Pii, Problem, Timestamp, Violations};
use galen_service::{Body, Cx, Needs, Outcome, Requires};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::device::Device;
use super::open::{self, OpenError, TokenAnswer};
use crate::account::{self, Account, Username};
use crate::attempt::Attempt;
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

/// Why there is no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogInError {
    /// The name, the password or the account is not right.
    #[error("invalid credentials")]
    InvalidCredentials,
}

impl From<LogInError> for Problem {
    fn from(error: LogInError) -> Self {
        match error {
            LogInError::InvalidCredentials => Self::new(
                401,
                "INVALID_CREDENTIALS",
                "The user name or the password is wrong.",
            ),
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
    let account = match Username::parse(request.username.expose()) {
        Ok(username) => account::store::by_username(s.db.pool(), &username).await?,
        Err(_) => None,
    };
    if let Some(account) = &account {
        cx.about("users", account.id);
    }
    let attempt = Attempt::at(request.username.expose(), account.as_ref(), &device);
    refuse_paused(&s, &attempt, cx.now()).await?;
    let turn = s.hasher.turn().await?;
    refuse_paused(&s, &attempt, cx.now()).await?;
    let expected = account
        .as_ref()
        .and_then(|account| account.password.as_ref());
    let right = turn
        .verify(password::normalised(&request.password), expected)
        .await?;
    let tokens = match account {
        Some(account) if right && account.lock.is_none() => {
            enter(&s, &account, &device, cx.now()).await?
        }
        _ => None,
    };
    match tokens {
        Some(tokens) => {
            count_outcome("ok");
            Ok(tokens.answer(StatusCode::OK))
        }
        None => {
            attempt.failed(&s.db, cx.now()).await?;
            count_outcome("refused");
            Err(LogInError::InvalidCredentials.into())
        }
    }
}

async fn refuse_paused(s: &Identity, attempt: &Attempt, now: Timestamp) -> Result<(), Problem> {
    attempt
        .refuse_paused(&s.db, now)
        .await
        .inspect_err(|_| count_outcome("paused"))
        .map_err(Problem::from)
}

/// Opens a session. `None` when the account was locked
/// or its password changed in this moment.
async fn enter(
    s: &Identity,
    account: &Account,
    device: &Device,
    now: Timestamp,
) -> Result<Option<TokenAnswer>, OpenError> {
    let mut tx = s.db.begin().await?;
    let tokens = open::open(&mut tx, &s.keyring, account, device, now).await?;
    if tokens.is_some() {
        tx.commit().await?;
    }
    Ok(tokens)
}

fn count_outcome(outcome: &'static str) {
    metrics::counter!("galen_identity_logins_total", "outcome" => outcome).increment(1);
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

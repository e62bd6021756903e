//! `POST /auth/login`: a name, a password and, where the account asks for one, a code
//! for tokens.
//!
//! That a code is missing or wrong is only said to whoever knows the password.
//! A wrong password, an unknown name, a locked account and one without a password
//! are told apart neither by the answer nor by its time. The answer holds tokens,
//! so it is not kept for an `Idempotency-Key`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Method;
use galen_kernel::{Pii, Problem, Timestamp, Violations};
use galen_service::{Body, Cx, Needs, Outcome, Requires};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::device::Device;
use super::open::{self, OpenError, TokenAnswer};
use crate::account::{self, Account, Username};
use crate::attempt::model::Paused;
use crate::attempt::{Attempt, Refusal};
use crate::mfa::{MfaError, backup_code};
use crate::password::hasher::HashError;
use crate::password::policy;
use crate::{Identity, mfa, password};

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
    /// A code of the authenticator, or a backup code, where the account has them.
    #[serde(default, deserialize_with = "account::change::present")]
    #[schema(value_type = String, max_length = 64, required = false, examples("287082"))]
    mfa_code: Option<SecretString>,
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
    /// The second factor is missing or wrong.
    #[error(transparent)]
    SecondFactor(#[from] MfaError),
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
            Self::InvalidCredentials | Self::SecondFactor(MfaError::Invalid) => "refused",
            Self::SecondFactor(MfaError::Required) => "half",
            Self::Paused(_) | Self::SecondFactor(MfaError::Paused(_)) => "paused",
            Self::SecondFactor(_) | Self::Hash(_) | Self::Open(_) | Self::Storage(_) => "failed",
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
            LogInError::SecondFactor(error) => error.into(),
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
    let (account, methods) = authenticate(
        cx,
        s,
        device,
        request.username.expose(),
        &request.password,
        request.mfa_code.as_ref().map(ExposeSecret::expose_secret),
    )
    .await?;
    let mut tx = s.db.begin().await?;
    let tokens = open::open(&mut tx, &s.keyring, &account, device, &methods, cx.now())
        .await?
        .ok_or(LogInError::InvalidCredentials)?;
    tx.commit().await?;
    Ok(tokens)
}

/// Who has this name and this password, and the code if the account asks for one; and
/// how they showed it. Failures are counted, and forgotten when all is right.
pub(crate) async fn authenticate<R: Requires>(
    cx: &Cx<R>,
    s: &Identity,
    device: &Device,
    username: &str,
    password: &SecretString,
    code: Option<&str>,
) -> Result<(Account, Vec<Method>), LogInError> {
    let account = match Username::parse(username) {
        Ok(username) => account::store::by_username(s.db.pool(), &username).await?,
        Err(_) => None,
    };
    if let Some(account) = &account {
        cx.about("users", account.id);
    }
    let attempt = Attempt::at(username, account.as_ref(), device);
    let account = expect_password(s, &attempt, account, password, cx.now()).await?;
    let mut methods = vec![Method::Password];
    methods.extend(mfa::second_factor(s, &attempt, &account, code, cx.now()).await?);
    attempt.succeeded(&s.db, &account, cx.now()).await?;
    Ok((account, methods))
}

/// Expects the password of an account that is not locked. Failures are counted; of an
/// account that does not exist as well, after the same time.
pub(crate) async fn expect_password(
    s: &Identity,
    attempt: &Attempt,
    account: Option<Account>,
    password: &SecretString,
    now: Timestamp,
) -> Result<Account, LogInError> {
    attempt.refuse_paused(s.db.pool(), now).await?;
    let turn = s.hasher.turn().await?;
    attempt.refuse_paused(s.db.pool(), now).await?;
    let expected = account
        .as_ref()
        .and_then(|account| account.password.as_ref());
    let right = turn
        .verify(password::normalised(password), expected)
        .await?;
    match account {
        Some(account) if right && account.lock.is_none() => Ok(account),
        _ => {
            let mut tx = s.db.begin().await?;
            attempt.failed(tx.conn(), now).await?;
            tx.commit().await?;
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
    check_password_length(&mut wrong, &request.password);
    if let Some(code) = &request.mfa_code {
        check_code_length(&mut wrong, code);
    }
    wrong.finish()
}

/// Notes a password that is longer than any.
pub(crate) fn check_password_length(wrong: &mut Violations, password: &SecretString) {
    wrong.require(
        password.expose_secret().chars().count() <= policy::LONGEST,
        "/password",
        "TOO_LONG",
        "must have at most 128 characters",
    );
}

/// Notes a code that is longer than any.
pub(crate) fn check_code_length(wrong: &mut Violations, code: &SecretString) {
    wrong.require(
        code.expose_secret().chars().count() <= backup_code::LONGEST_TYPED,
        "/mfaCode",
        "TOO_LONG",
        "must have at most 64 characters",
    );
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

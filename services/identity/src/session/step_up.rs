//! `POST /auth/step-up`: shows again who one is, for what needs a recent login.
//!
//! Whose account asks for a code at logins shows a code; whose does not, the password.
//! The session goes on and gets a new access token, and nothing else. Not kept for an
//! `Idempotency-Key`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::token::ACCESS_TOKEN_SECONDS;
use galen_access::{Authentication, Method};
use galen_kernel::{Problem, Violations};
use galen_service::{Body, Cx, Needs, Outcome, Requires};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::device::Device;
use super::log_in;
use super::open::{self, TokenType};
use super::store;
use crate::account::Account;
use crate::attempt::Attempt;
use crate::{Identity, account, mfa, secret};

/// What shows who one is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(min_properties = 1)]
pub(crate) struct StepUp {
    /// The password.
    #[serde(default, deserialize_with = "account::change::present")]
    #[schema(value_type = String, max_length = 128, format = "password", required = false)]
    password: Option<SecretString>,
    /// A code of the authenticator, or a backup code.
    #[serde(default, deserialize_with = "account::change::present")]
    #[schema(value_type = String, max_length = 64, required = false)]
    mfa_code: Option<SecretString>,
}

impl Requires for StepUp {
    const NEEDS: Needs = Needs::Anybody;
}

/// An access token of the same session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessAnswer {
    /// For the `Authorization` header.
    #[schema(min_length = 1)]
    access_token: String,
    /// Seconds until it ends.
    #[schema(minimum = 1)]
    expires_in: i64,
    /// How it is shown (RFC 6750).
    token_type: TokenType,
}

/// Shows again who the caller is.
#[utoipa::path(
    post,
    path = "/auth/step-up",
    tag = "identity",
    request_body = StepUp,
    responses((status = 200, description = "A new access token", body = AccessAnswer))
)]
pub(crate) async fn step_up(
    cx: Cx<StepUp>,
    State(s): State<Arc<Identity>>,
    device: Device,
    Body(request): Body<StepUp>,
) -> Outcome {
    check(&request)?;
    let principal = cx.principal()?;
    let now = cx.now();
    cx.about("users", principal.user_id);
    let account = account::store::by_id(s.db.pool(), principal.user_id)
        .await?
        .ok_or_else(Problem::unauthenticated)?;
    let (account, shown) = authenticate(&cx, &s, &device, account, &request).await?;
    let mut tx = s.db.begin().await?;
    let grants = open::lock_grants(&mut tx, &account).await?;
    let mut session = store::lock(tx.conn(), principal.session_id)
        .await?
        .filter(|session| session.is_live(now) && session.account == account.id)
        .ok_or_else(Problem::unauthenticated)?;
    let methods = [session.authentication.methods.as_slice(), &shown].concat();
    session.authentication = Authentication::new(&methods, now);
    store::authenticate(tx.conn(), &session).await?;
    let access_token = open::access_token(&s.keyring, &account, grants, &session, now)
        .map_err(Problem::internal)?;
    tx.commit().await?;
    let answer = AccessAnswer {
        access_token,
        expires_in: ACCESS_TOKEN_SECONDS,
        token_type: TokenType::Bearer,
    };
    Ok(secret::disclose(StatusCode::OK, &answer))
}

/// Checks all that is shown; it is enough when the second factor is among it, or when
/// there is none and the password is.
async fn authenticate(
    cx: &Cx<StepUp>,
    s: &Identity,
    device: &Device,
    account: Account,
    request: &StepUp,
) -> Result<(Account, Vec<Method>), Problem> {
    let attempt = Attempt::at(account.username.as_str(), Some(&account), device);
    let mut shown = Vec::new();
    let account = match &request.password {
        Some(password) => {
            shown.push(Method::Password);
            log_in::expect_password(s, &attempt, Some(account), password, cx.now()).await?
        }
        None => account,
    };
    let code = request.mfa_code.as_ref().map(ExposeSecret::expose_secret);
    shown.extend(mfa::second_factor(s, &attempt, &account, code, cx.now()).await?);
    if shown.is_empty() {
        return Err(Problem::invalid_field(
            "/password",
            "REQUIRED",
            "is needed, because the account has no second factor",
        ));
    }
    attempt.succeeded(&s.db, &account, cx.now()).await?;
    Ok((account, shown))
}

fn check(request: &StepUp) -> Result<(), Problem> {
    let mut wrong = Violations::new();
    if let Some(password) = &request.password {
        log_in::check_password_length(&mut wrong, password);
    }
    if let Some(code) = &request.mfa_code {
        log_in::check_code_length(&mut wrong, code);
    }
    wrong.require(
        request.password.is_some() || request.mfa_code.is_some(),
        "/password",
        "REQUIRED",
        "or a code is needed",
    );
    wrong.finish()
}

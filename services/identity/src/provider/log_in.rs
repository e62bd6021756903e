//! `POST /oauth2/login`: somebody logs in for a client, and is sent back to it with a
//! code. Passwords, second factors and pauses are those of `POST /auth/login`; nothing
//! is opened yet, because whoever shows the code may be somebody else.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Method;
use galen_kernel::{Problem, Timestamp};
use galen_service::{Cx, Needs, Outcome, Requires};
use galen_storage::Error;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret as _;

use super::authorize::{Asked, Understood, redirect_to, understand};
use super::code::AuthorizationCode;
use super::error::{Code, Refusal};

use super::parameters::{Parameters, Repeated};
use super::store;
use crate::Identity;
use crate::account::{Account, username};
use crate::password::policy;
use crate::secret::Secret;
use crate::session::device::Device;
use crate::session::log_in::{LogInError, authenticate};

/// Why a form without its ticket is shown again.
const STALE: &str =
    "This page was open for too long, or your browser keeps no cookies. Please log in again.";

/// The form of the login page.
pub(crate) struct LogInForClient;

impl Requires for LogInForClient {
    const NEEDS: Needs = Needs::Nobody;
}

/// Logs in, and sends the person back to the client.
pub(crate) async fn log_in(
    cx: Cx<LogInForClient>,
    State(s): State<Arc<Identity>>,
    device: Device,
    headers: HeaderMap,
    form: Parameters,
) -> Outcome {
    let asked = match understand(&s, &request(&form)).await? {
        Understood::Asked(asked) => asked,
        Understood::Refused(answer) => return Ok(answer),
    };
    let username = form.one("username").ok().flatten().unwrap_or_default();
    let ticket = form.one("ticket").ok().flatten().unwrap_or_default();
    if !asked.gave(&s, &headers, ticket) {
        cx.because("LOGIN_TICKET");
        return Ok(asked.form(&s, &headers, StatusCode::FORBIDDEN, username, Some(STALE)));
    }
    let (account, methods) = match identify(&cx, &s, &device, &form).await {
        Ok(identified) => identified,
        Err(problem) => return refused(&cx, &s, &asked, &headers, username, problem),
    };
    cx.about("users", account.id);
    if asked
        .expected
        .is_some_and(|expected| expected != account.id)
    {
        cx.because(Code::LoginRequired.reason());
        let refusal = Refusal::new(Code::LoginRequired, "somebody else has logged in");
        return Ok(asked.refuse(&s.public_url, refusal));
    }
    let code = give_code(&s, &asked, &account, &methods, device, cx.now()).await?;
    let address = asked
        .destination
        .with(&s.public_url, &[("code", code.expose())]);
    Ok(redirect_to(&address))
}

/// The request that the form carries along.
fn request(form: &Parameters) -> Parameters {
    let encoded = form.one("request").ok().flatten().unwrap_or_default();
    Parameters::parse(encoded.as_bytes())
}

async fn identify(
    cx: &Cx<LogInForClient>,
    s: &Identity,
    device: &Device,
    form: &Parameters,
) -> Result<(Account, Vec<Method>), Problem> {
    let repeated = |_: Repeated| Problem::new(400, "VALIDATION_FAILED", "A field is there twice.");
    let name = form.one("username").map_err(repeated)?.unwrap_or_default();
    let password = form
        .secret("password")
        .map_err(repeated)?
        .unwrap_or_default();
    // What is longer than any name or password is not worth hashing.
    if name.chars().count() > username::LONGEST
        || password.expose_secret().chars().count() > policy::LONGEST
    {
        return Err(LogInError::InvalidCredentials.into());
    }
    let code = form.one("mfa_code").map_err(repeated)?.map(str::trim);
    Ok(authenticate(cx, s, device, name, &password, code).await?)
}

/// Shows the form again, and says what a person may know.
fn refused(
    cx: &Cx<LogInForClient>,
    s: &Identity,
    asked: &Asked,
    headers: &HeaderMap,
    username: &str,
    problem: Problem,
) -> Outcome {
    let (status, wait) = match problem.status {
        429 | 503 => (problem.status, problem.retry_after),
        400..500 => (403, None),
        _ => return Err(problem.into()),
    };
    cx.because(problem.code);
    let notice = match wait {
        Some(1) => format!("{} Try again in a second.", problem.title),
        Some(seconds) => format!("{} Try again in {seconds} seconds.", problem.title),
        None => problem.title.to_owned(),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
    let mut answer = asked.form(s, headers, status, username, Some(&notice));
    if let Some(seconds) = wait {
        answer.headers.insert(RETRY_AFTER, seconds.into());
    }
    Ok(answer)
}

async fn give_code(
    s: &Identity,
    asked: &Asked,
    account: &Account,
    methods: &[Method],
    device: Device,
    now: Timestamp,
) -> Result<Secret, Error> {
    let secret = Secret::generate();
    let code = AuthorizationCode {
        hash: secret.hash(),
        client: asked.client.id,
        account: account.id,
        account_version: account.version,
        redirect_uri: asked.destination.redirect_uri.clone(),
        scopes: asked.request.scopes.clone(),
        nonce: asked.request.nonce.clone(),
        challenge: asked.request.challenge,
        methods: methods.to_vec(),
        authenticated_at: now,
        expires_at: AuthorizationCode::expiry(now),
        device,
        session: None,
    };
    store::insert(s.db.pool(), &code).await?;
    Ok(secret)
}

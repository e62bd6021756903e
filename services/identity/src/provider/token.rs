//! `POST /oauth2/token`: a client exchanges a code or a refresh token for tokens (RFC
//! 6749 sections 4.1.3, 5 and 6).

use std::sync::Arc;

use axum::extract::State;
use galen_access::token::ACCESS_TOKEN_SECONDS;
use galen_kernel::Timestamp;
use galen_service::{Answer, Cx, Needs, Outcome, Requires};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::error::{Code, Failure, Refusal, private, told};
use super::parameters::Parameters;
use super::{exchange, id_token, renew};
use crate::Identity;
use crate::secret::Secret;
use crate::session::model::Session;
use crate::session::open::ClientTokens;

/// A client that wants tokens.
pub(crate) struct Exchange;

impl Requires for Exchange {
    const NEEDS: Needs = Needs::Nobody;
}

/// Gives tokens to a client.
pub(crate) async fn token(
    cx: Cx<Exchange>,
    State(s): State<Arc<Identity>>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Outcome {
    let done = grant(&cx, &s, &headers, &parameters).await;
    told(&cx, done)
}

async fn grant(
    cx: &Cx<Exchange>,
    s: &Identity,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Answer, Failure> {
    match parameters.one("grant_type")? {
        Some("authorization_code") => exchange::exchange(cx, s, headers, parameters).await,
        Some("refresh_token") => renew::renew(cx, s, headers, parameters).await,
        Some(_) => Err(Refusal::new(
            Code::UnsupportedGrantType,
            "grant_type must be authorization_code or refresh_token",
        )
        .into()),
        None => Err(missing("grant_type is missing").into()),
    }
}

/// A parameter is missing.
pub(super) const fn missing(description: &'static str) -> Refusal {
    Refusal::new(Code::InvalidRequest, description)
}

#[derive(Serialize)]
struct Tokens<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

/// The answer with the tokens of a session.
pub(super) fn answer(
    s: &Identity,
    session: &Session,
    tokens: &ClientTokens,
    nonce: Option<&str>,
    now: Timestamp,
) -> Result<Answer, Failure> {
    let scopes = session.delegation.as_ref().map(|given| &given.scopes);
    let id_token = id_token::sign(
        &s.keyring,
        &s.public_url,
        session,
        nonce,
        &tokens.access,
        now,
    )?;
    let body = Tokens {
        access_token: &tokens.access,
        token_type: "Bearer",
        expires_in: ACCESS_TOKEN_SECONDS,
        scope: scopes.map(ToString::to_string).unwrap_or_default(),
        refresh_token: tokens.refresh.as_ref().map(Secret::expose),
        id_token,
    };
    Ok(private(StatusCode::OK, &body))
}

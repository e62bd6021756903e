//! `GET` and `POST /oauth2/userinfo`: who somebody is, to a client that they logged in
//! for, as far as its scopes go (OpenID Connect Core section 5.3).

use std::sync::Arc;

use axum::extract::State;
use galen_service::{Cx, Needs, Outcome, Requires};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use uuid::Uuid;

use super::access;
use super::error::{Code, Failure, Refusal, private, told};
use super::scope::Scope;
use crate::Identity;
use crate::account;

/// A client that asks who its user is.
pub(crate) struct UserInfo;

impl Requires for UserInfo {
    const NEEDS: Needs = Needs::Nobody;
}

/// What is known of somebody. Addresses are as they were typed; nobody has verified them.
#[derive(Serialize)]
struct Person {
    sub: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
}

/// Says who somebody is.
pub(crate) async fn userinfo(
    cx: Cx<UserInfo>,
    State(s): State<Arc<Identity>>,
    headers: HeaderMap,
) -> Outcome {
    let done = person(&cx, &s, &headers).await;
    told(&cx, done.map(|person| private(StatusCode::OK, &person)))
}

async fn person(cx: &Cx<UserInfo>, s: &Identity, headers: &HeaderMap) -> Result<Person, Failure> {
    let refused = Refusal::new(Code::InvalidToken, "the access token does not work");
    let token = access::shown(headers).ok_or(refused)?;
    let session = access::session(s.db.pool(), &s.keyring, token, cx.now())
        .await?
        .ok_or(refused)?;
    cx.about("users", session.account);
    let scopes = session
        .delegation
        .map(|given| given.scopes)
        .filter(|scopes| scopes.contains(Scope::OpenId))
        .ok_or(Refusal::new(
            Code::InsufficientScope,
            "the access token has no scope openid",
        ))?;
    let account = account::store::by_id(s.db.pool(), session.account)
        .await?
        .filter(|account| account.lock.is_none())
        .ok_or(refused)?;
    let email = account
        .email
        .filter(|_| scopes.contains(Scope::Email))
        .map(|email| email.as_str().to_owned());
    Ok(Person {
        sub: account.id.uuid(),
        preferred_username: scopes
            .contains(Scope::Profile)
            .then(|| account.username.as_str().to_owned()),
        email_verified: email.as_ref().map(|_| false),
        email,
    })
}

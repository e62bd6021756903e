//! Galen as a provider of logins for other applications: OAuth 2.1 with OpenID Connect
//! (RFC 6749, 6750, 7009, 7636, 7662, 8252, 8414, 9207, 9700; OpenID Connect Core 1.0
//! and Discovery 1.0).
//!
//! The one flow is the authorization code with PKCE: [`authorize`] shows the page that
//! [`log_in`] answers to; [`token`] exchanges the code. There is no page of consent,
//! because an administrator registers every client, and no login that the browser
//! remembers: each one asks for the credentials, so that `prompt=none` always hears
//! `login_required`. Nothing here asks for step-up, and nothing is kept for an
//! `Idempotency-Key`.

mod access;
mod authentication;
mod authorize;
mod code;
mod discovery;
mod error;
mod exchange;
mod id_token;
mod introspect;
mod log_in;
mod page;
mod parameters;
mod pkce;
mod renew;
mod request;
mod revoke;
mod scope;
pub(crate) mod store;
mod ticket;
mod token;
mod userinfo;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::Identity;
pub(crate) use scope::{Scope, Scopes};

/// Where the endpoints are, below the issuer's address.
mod path {
    pub(super) const AUTHORIZE: &str = "/oauth2/authorize";
    pub(super) const LOG_IN: &str = "/oauth2/login";
    pub(super) const TOKEN: &str = "/oauth2/token";
    pub(super) const INTROSPECT: &str = "/oauth2/introspect";
    pub(super) const REVOKE: &str = "/oauth2/revoke";
    pub(super) const USERINFO: &str = "/oauth2/userinfo";
    pub(super) const KEYS: &str = "/.well-known/jwks.json";
    pub(super) const OPENID: &str = "/.well-known/openid-configuration";
    pub(super) const OAUTH: &str = "/.well-known/oauth-authorization-server";
}

/// Its endpoints, which are at the root because their formats are the standards' and
/// not those of the API.
pub(crate) fn routes(identity: Arc<Identity>) -> Router {
    Router::new()
        .route(path::OPENID, get(discovery::discover))
        .route(path::OAUTH, get(discovery::discover))
        .route(
            path::AUTHORIZE,
            get(authorize::authorize).post(authorize::authorize),
        )
        .route(path::LOG_IN, post(log_in::log_in))
        .route(path::TOKEN, post(token::token))
        .route(path::INTROSPECT, post(introspect::introspect))
        .route(path::REVOKE, post(revoke::revoke))
        .route(
            path::USERINFO,
            get(userinfo::userinfo).post(userinfo::userinfo),
        )
        .with_state(identity)
}

//! `GET /.well-known/openid-configuration` and `…/oauth-authorization-server`: what the
//! provider can do and where (OpenID Connect Discovery section 3, RFC 8414). It signs
//! with ES256 only; the `RS256` that Discovery asks for would be a second kind of key to
//! keep, for clients of another time.

use std::sync::Arc;

use axum::extract::State;
use galen_service::{Answer, Cx, Needs, Outcome, Requires};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde_json::{Value, json};

use super::path;
use super::pkce::S256;
use super::scope::Scope;
use crate::Identity;

/// What there is.
pub(crate) struct Discover;

impl Requires for Discover {
    const NEEDS: Needs = Needs::Nobody;
}

/// Describes the provider.
pub(crate) async fn discover(_cx: Cx<Discover>, State(s): State<Arc<Identity>>) -> Outcome {
    let mut answer = Answer::ok(&document(&s.public_url));
    answer.headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    Ok(answer)
}

fn document(issuer: &str) -> Value {
    let at = |path: &str| format!("{issuer}{path}");
    let with_secret = ["client_secret_basic", "client_secret_post"];
    let every = ["client_secret_basic", "client_secret_post", "none"];
    json!({
        "issuer": issuer,
        "authorization_endpoint": at(path::AUTHORIZE),
        "token_endpoint": at(path::TOKEN),
        "userinfo_endpoint": at(path::USERINFO),
        "jwks_uri": at(path::KEYS),
        "introspection_endpoint": at(path::INTROSPECT),
        "revocation_endpoint": at(path::REVOKE),
        "scopes_supported": Scope::ALL.map(Scope::name),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": every,
        "revocation_endpoint_auth_methods_supported": every,
        "introspection_endpoint_auth_methods_supported": with_secret,
        "code_challenge_methods_supported": [S256],
        "prompt_values_supported": ["none", "login"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "sid", "at_hash",
            "preferred_username", "email", "email_verified",
        ],
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}

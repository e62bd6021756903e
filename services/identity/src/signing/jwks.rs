//! `GET /.well-known/jwks.json` and `GET /auth/jwks.json`: the public keys that
//! access tokens are checked with (RFC 7517).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use galen_service::{Answer, Cx, Needs, Outcome, Requires};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Identity;

/// Keys may be kept by who asks; the next one is announced long before it signs.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// Public keys.
pub(crate) struct GetJwks;

impl Requires for GetJwks {
    const NEEDS: Needs = Needs::Nobody;
}

/// A JSON Web Key Set.
#[derive(Serialize, ToSchema)]
pub(crate) struct Jwks {
    /// The keys: the current one, the next one, and those of tokens still valid.
    keys: Vec<Jwk>,
}

/// An elliptic-curve public key (RFC 7518 section 6.2).
#[derive(Serialize, ToSchema)]
pub(crate) struct Jwk {
    /// Key type: `EC`.
    kty: String,
    /// Curve: `P-256`.
    crv: String,
    /// The point's x, base64url.
    x: String,
    /// The point's y, base64url.
    y: String,
    /// Key id, as in a token's header.
    kid: String,
    /// Algorithm: `ES256`.
    alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    usage: String,
}

/// Shows the public keys of access tokens.
#[utoipa::path(
    get,
    path = "/auth/jwks.json",
    tag = "identity",
    responses((status = 200, description = "The public keys", body = Jwks))
)]
pub(crate) async fn jwks(_cx: Cx<GetJwks>, State(s): State<Arc<Identity>>) -> Outcome {
    let mut answer = Answer::ok(&s.keyring.jwks());
    answer.headers.insert(CACHE_CONTROL, CACHE);
    Ok(answer)
}

/// The same where other software looks for it.
pub(crate) fn well_known(identity: Arc<Identity>) -> Router {
    Router::new()
        .route("/.well-known/jwks.json", get(jwks))
        .with_state(identity)
}

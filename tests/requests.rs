//! Requests with tokens and headers of the test's own choice.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use galen_client::{Client, Reply};
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::expect_status;

/// Who one is.
pub(crate) const ME: &str = "/api/v1/auth/me";

pub(crate) async fn ask(anonymous: &Client, path: &str, headers: HeaderMap) -> Reply {
    anonymous
        .send(Method::GET, path, None::<&()>, headers)
        .await
        .expect("an answer")
}

pub(crate) async fn post(anonymous: &Client, path: &str, body: &Value) -> Reply {
    anonymous
        .send(Method::POST, path, Some(body), HeaderMap::new())
        .await
        .expect("an answer")
}

pub(crate) async fn log_in(anonymous: &Client, username: &str, password: &str) -> Value {
    let body = json!({ "username": username, "password": password });
    expect_status(&post(anonymous, "/api/v1/auth/login", &body).await, 200)
}

/// 401 with nothing but the problem.
#[track_caller]
pub(crate) fn refused(reply: &Reply, what: &str) {
    let body = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status.as_u16(), 401, "{what}: {body}");
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{what}"
    );
}

pub(crate) fn bearer(token: &str) -> HeaderMap {
    let value = format!("Bearer {token}").parse().expect("ASCII");
    HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])
}

pub(crate) fn decoded_claims(token: &str) -> Value {
    decoded(token.split('.').nth(1).unwrap_or_default())
}

pub(crate) fn decoded(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// A word that nobody else has.
pub(crate) fn letters() -> String {
    Uuid::new_v4()
        .simple()
        .to_string()
        .chars()
        .map(|c| char::from(b'a' + c.to_digit(16).map_or(0, |d| d as u8)))
        .collect()
}

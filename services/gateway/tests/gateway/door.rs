//! An edge around a small router, and somebody who knocks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use axum::{Json, Router};
use galen_access::{Authentication, KeySet, Principal, Role, SigningKey};
use galen_contracts::ids::UserId;
use galen_kernel::Clock;
use galen_service::extract::Gate;
use galen_service::{Config, ConfigError};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

const ISSUER: &str = "https://galen.test";

pub(crate) struct Door {
    router: Router,
    key: SigningKey,
    clock: Clock,
    /// Every visit to `/api/v1/slow` waits for one.
    pub(crate) slow: Arc<Semaphore>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> Option<&str> {
        self.body["code"].as_str()
    }
}

/// What the hospital sees of a request.
async fn echo(ConnectInfo(address): ConnectInfo<SocketAddr>, headers: HeaderMap) -> Json<Value> {
    let headers: BTreeMap<&str, &str> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    Json(json!({ "client": address.ip(), "headers": headers }))
}

async fn own_words() -> impl IntoResponse {
    (
        [
            (header::CACHE_CONTROL, "max-age=60"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'self'"),
        ],
        "fine",
    )
}

fn routes(slow: &Arc<Semaphore>) -> Router {
    let slow = Arc::clone(slow);
    Router::new()
        .route(
            "/api/v1/things",
            get(|| async { "things" }).post(|| async { "made" }),
        )
        .route("/api/v1/auth/login", post(|| async { "in" }))
        .route("/api/v1/echo", get(echo))
        .route("/api/v1/own-words", get(own_words))
        .route(
            "/api/v1/slow",
            get(move || async move { slow.acquire().await.map(drop).is_ok().to_string() }),
        )
        .route("/problems/x", get(|| async { Html("<p>x</p>") }))
        .route("/health/ready", get(|| async { "up" }))
}

impl Door {
    pub(crate) fn try_open(settings: &[(&str, &str)]) -> Result<Self, ConfigError> {
        let clock = Clock::manual("2026-11-02T08:00:00Z".parse().unwrap());
        let key = SigningKey::generate().unwrap();
        let keys = KeySet::new(ISSUER);
        keys.replace(json!({ "keys": [key.jwk()] })).unwrap();
        let slow = Arc::new(Semaphore::new(0));
        let values = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let router = galen_gateway::edge(routes(&slow), &Config::from_values(values))?
            .layer(axum::Extension(Gate::new(keys, clock.clone())));
        Ok(Self {
            router,
            key,
            clock,
            slow,
        })
    }

    pub(crate) fn open(settings: &[(&str, &str)]) -> Self {
        Self::try_open(settings).unwrap()
    }

    /// An access token of a new account.
    pub(crate) fn token(&self) -> String {
        self.token_signed_with(&self.key, self.clock.id())
    }

    pub(crate) fn token_of(&self, user_id: UserId) -> String {
        self.token_signed_with(&self.key, user_id)
    }

    pub(crate) fn token_signed_with(&self, key: &SigningKey, user_id: UserId) -> String {
        let principal = Principal {
            user_id,
            session_id: self.clock.id(),
            roles: vec![Role::Receptionist],
            grants: galen_access::Grants::default(),
            patient_id: None,
            practitioner_id: None,
        };
        let shown = Authentication::new(&[galen_access::Method::Password], self.clock.now());
        key.sign(&principal, &shown, ISSUER, self.clock.now())
            .unwrap()
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Knocks from an address.
    pub(crate) async fn knock(
        &self,
        from: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let peer = SocketAddr::new(from.parse().unwrap(), 40_000);
        let request = request
            .extension(ConnectInfo(peer))
            .body(Body::empty())
            .unwrap();
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.knock("203.0.113.1", Method::GET, path, headers).await
    }
}

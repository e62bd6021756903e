//! For tests of services: a platform without a host, and their REST API without a
//! network, behind the same middleware as in production.
//!
//! ```ignore
//! let clock = Clock::manual("2026-11-02T08:00:00Z".parse().unwrap());
//! let database = TestDatabase::new(galen_eventing::MIGRATIONS, SHARED_MIGRATIONS, &[Scheduling::SCHEMA], clock.clone()).await;
//! let peers = Peers::in_memory([("patients", Routes::new(PatientsServer::new(FakePatients)))]);
//! let platform = testing::platform(database.open("scheduling").await, clock, peers);
//! let service = Arc::new(Scheduling::start(platform.clone()).await.unwrap());
//!
//! let api = TestApi::new(service.rest(), &platform);
//! let desk = api.as_role(Role::Receptionist);
//! let booked = desk.post("/appointments", json!({ "patientId": patient })).await;
//! assert_eq!(booked.status, StatusCode::CREATED);
//! let again = desk.key("k1").if_match(2).post("/appointments/x/cancel", json!({})).await;
//! assert_eq!(again.code(), Some("SLOT_TAKEN"));
//! ```

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use galen_access::{Authentication, KeySet, Principal, Role, SigningKey};
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_kernel::{Clock, Timestamp};
use galen_storage::Db;
use galen_vault::{MasterKeys, MemoryKeys, Vault};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;

use crate::audit::{self, Entry, Recorder};
use crate::extract::{Gate, IDEMPOTENCY_KEY};
use crate::{Config, Peers, Platform, rest};

/// Who signs the tokens of tests.
pub const ISSUER: &str = "https://galen.test";

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate().expect("a machine that runs tests has randomness"));

/// A platform as a host would give it to a service: no settings, UTC, a data
/// directory that is not made, a vault under master keys that everybody knows, and keys
/// that accept the tokens of [`TestApi`].
#[must_use]
pub fn platform(db: Db, clock: Clock, peers: Peers) -> Platform {
    let keys = KeySet::new(ISSUER);
    keys.replace(serde_json::json!({ "keys": [KEY.jwk()] }))
        .expect("a new key makes a good key set");
    let data_dir = std::env::temp_dir()
        .join(format!("galen-test-{}", clock.uuid()))
        .join(db.service());
    Platform {
        vault: Vault::for_tests(&db),
        db,
        clock,
        peers,
        config: Config::from_values(BTreeMap::new()),
        keys,
        zone: jiff::tz::TimeZone::UTC,
        data_dir,
        stopping: CancellationToken::new(),
        drained: CancellationToken::new(),
    }
}

/// Master keys for hosts in tests, the same as those of [`platform`].
#[must_use]
pub fn masters() -> Arc<dyn MasterKeys> {
    Arc::new(MemoryKeys::for_tests())
}

/// The data directory of a test's [`platform`]; made by the service that needs it.
#[must_use]
pub fn data_dir(platform: &Platform) -> PathBuf {
    platform.data_dir.clone()
}

/// The REST API of one service.
#[derive(Clone)]
pub struct TestApi {
    router: Router,
    keys: KeySet,
    clock: Clock,
    audit: Recorder,
}

impl TestApi {
    /// Routes as `Service::rest` gives them, served below `/api/v1`. Tokens are
    /// checked with the platform's keys; a service that replaces them (identity)
    /// is called with its own tokens, through [`TestApi::with_token`].
    #[must_use]
    pub fn new(rest: OpenApiRouter, platform: &Platform) -> Self {
        let (routes, _) = rest.split_for_parts();
        Self::with_routes(Router::new().nest("/api/v1", routes), platform)
    }

    /// Any routes, at their full paths: for `Service::well_known` beside the API.
    #[must_use]
    pub fn with_routes(routes: Router, platform: &Platform) -> Self {
        Self::recorded(routes, platform, Recorder::in_memory())
    }

    /// Any routes, whose audit entries go somewhere else than to memory: into the
    /// log, in the tests of the log.
    #[must_use]
    pub fn recorded(routes: Router, platform: &Platform, audit: Recorder) -> Self {
        let gate = Gate::new(platform.keys.clone(), platform.clock.clone());
        let watched = audit::watched(routes, audit.clone(), platform.clock.clone());
        let watched = rest::with_vault(watched, platform.vault.clone());
        let router = rest::observed(rest::guarded(watched, gate));
        Self {
            router,
            keys: platform.keys.clone(),
            clock: platform.clock.clone(),
            audit,
        }
    }

    /// The routes themselves, for tests that read an answer as it comes.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// What was written down so far, in the order of the answers.
    #[must_use]
    pub fn audited(&self) -> Vec<Entry> {
        self.audit.kept()
    }

    /// Nobody in particular.
    #[must_use]
    pub fn anonymous(&self) -> TestCaller {
        TestCaller {
            router: self.router.clone(),
            principal: None,
            headers: HeaderMap::new(),
            address: None,
        }
    }

    /// Somebody new with this role and no records of their own.
    #[must_use]
    pub fn as_role(&self, role: Role) -> TestCaller {
        self.as_principal(self.somebody(role, None, None))
    }

    /// The patient with this record.
    #[must_use]
    pub fn as_patient(&self, id: PatientId) -> TestCaller {
        self.as_principal(self.somebody(Role::Patient, Some(id), None))
    }

    /// The practitioner with this record, in this role.
    #[must_use]
    pub fn as_practitioner(&self, role: Role, id: PractitionerId) -> TestCaller {
        self.as_principal(self.somebody(role, None, Some(id)))
    }

    fn somebody(
        &self,
        role: Role,
        patient_id: Option<PatientId>,
        practitioner_id: Option<PractitionerId>,
    ) -> Principal {
        Principal {
            user_id: self.clock.id(),
            session_id: self.clock.id(),
            roles: vec![role],
            grants: galen_access::Grants::default(),
            patient_id,
            practitioner_id,
        }
    }

    /// Exactly this principal, who has just shown a password. The token is signed now,
    /// by the manual clock.
    #[must_use]
    pub fn as_principal(&self, principal: Principal) -> TestCaller {
        self.as_principal_since(principal, self.clock.now())
    }

    /// Exactly this principal, who has shown a password then.
    #[must_use]
    pub fn as_principal_since(&self, principal: Principal, then: Timestamp) -> TestCaller {
        let shown = Authentication::new(&[galen_access::Method::Password], then);
        let token = KEY
            .sign(&principal, &shown, self.keys.issuer(), self.clock.now())
            .expect("a good key signs");
        TestCaller {
            principal: Some(principal),
            ..self.with_token(&token)
        }
    }

    /// Whoever this token names.
    #[must_use]
    pub fn with_token(&self, token: &str) -> TestCaller {
        self.anonymous()
            .with_header(header::AUTHORIZATION, &format!("Bearer {token}"))
    }
}

/// Calls the API as somebody. Cheap to clone; `key`, `if_match` and `with_header`
/// give a caller that sends one more header with every request.
#[derive(Clone)]
pub struct TestCaller {
    router: Router,
    principal: Option<Principal>,
    headers: HeaderMap,
    address: Option<IpAddr>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as JSON; null when there is none or it is something else.
    pub body: Value,
    /// The body as it came.
    pub bytes: Bytes,
}

impl Reply {
    /// The code of a problem.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.body.get("code").and_then(Value::as_str)
    }

    /// The pointers of the wrong fields of a problem.
    #[must_use]
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body.get("errors").and_then(Value::as_array);
        errors
            .into_iter()
            .flatten()
            .filter_map(|error| error.get("pointer").and_then(Value::as_str))
            .collect()
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl TestCaller {
    /// Who calls; panics for an anonymous caller or a bare token.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        self.principal
            .as_ref()
            .expect("the caller was made from a principal")
    }

    /// Sends a header with every request.
    #[must_use]
    pub fn with_header(&self, name: HeaderName, value: &str) -> Self {
        let mut caller = self.clone();
        caller.headers.insert(
            name,
            HeaderValue::from_str(value).expect("tests send valid headers"),
        );
        caller
    }

    /// Calls from this address; a caller has none otherwise.
    #[must_use]
    pub fn from(&self, address: IpAddr) -> Self {
        Self {
            address: Some(address),
            ..self.clone()
        }
    }

    /// Sends `Idempotency-Key`.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with_header(IDEMPOTENCY_KEY, key)
    }

    /// Sends `If-Match: "<version>"`.
    #[must_use]
    pub fn if_match(&self, version: i64) -> Self {
        self.with_header(header::IF_MATCH, &format!("\"{version}\""))
    }

    /// `GET /api/v1<path>`.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, &format!("/api/v1{path}"), Bytes::new())
            .await
    }

    /// `POST /api/v1<path>` with JSON; `Value::Null` sends no body.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.write(Method::POST, path, &body).await
    }

    /// `PUT /api/v1<path>` with JSON.
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.write(Method::PUT, path, &body).await
    }

    /// `PATCH /api/v1<path>` with JSON.
    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.write(Method::PATCH, path, &body).await
    }

    /// `DELETE /api/v1<path>`.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, &format!("/api/v1{path}"), Bytes::new())
            .await
    }

    async fn write(&self, method: Method, path: &str, body: &Value) -> Reply {
        let path = format!("/api/v1{path}");
        if body.is_null() {
            return self.send(method, &path, Bytes::new()).await;
        }
        let json = self
            .clone()
            .with_header(header::CONTENT_TYPE, "application/json");
        json.send(method, &path, body.to_string().into()).await
    }

    /// Any request, at its full path and with any body.
    pub async fn send(&self, method: Method, path: &str, body: Bytes) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::from(body))
            .expect("tests send valid requests");
        request.headers_mut().extend(self.headers.clone());
        if let Some(address) = self.address {
            let connected = ConnectInfo(SocketAddr::new(address, 40_000));
            request.extensions_mut().insert(connected);
        }
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body
            .collect()
            .await
            .expect("the router answers whole bodies")
            .to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            bytes,
        }
    }
}

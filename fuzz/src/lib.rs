//! A hospital's front door without a hospital: the middleware, the edge and the
//! extractors of the public API, in front of handlers that answer what they read.
#![cfg(feature = "fuzz")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use galen_access::Role;
use galen_kernel::Clock;
use galen_patients::patient::register::{HowToRegister, RegisterPatient};
use galen_patients::patient::search::FindPatients;
use galen_patients::record::vital::record::RecordVital;
use galen_service::testing::{self, Reply, TestApi, TestCaller};
use galen_service::{Body, Config, Cx, Params, PathIds, Peers};
use galen_storage::{Db, db::Wake};
use http::{HeaderMap, Method};

/// An id of whatever stands in a path.
type AnyId = galen_kernel::Id<()>;

thread_local! {
    /// Headers as they came, which replace those that survived [`TestCaller`].
    static RAW: RefCell<HeaderMap> = RefCell::default();
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a thread that fuzzes has a runtime");
}

/// Somebody who may do everything that a doctor may.
static DOCTOR: LazyLock<TestCaller> = LazyLock::new(|| api().as_role(Role::Doctor));

/// Waits for what never waits long: nothing here leaves the process.
pub fn run<F: Future>(work: F) -> F::Output {
    RUNTIME.with(|runtime| runtime.block_on(work))
}

fn api() -> TestApi {
    // Pools are made inside of a runtime, even those that never connect.
    let runtime = RUNTIME.with(|runtime| runtime.handle().clone());
    let _inside = runtime.enter();
    // No handler here asks the database.
    let pool = sqlx::PgPool::connect_lazy("postgres://nobody@127.0.0.1:1/nothing")
        .expect("a valid address");
    let clock = Clock::manual("2026-11-02T08:00:00Z".parse().expect("an instant"));
    let db = Db::new(pool, "patients", clock.clone(), Wake::default());
    let platform = testing::platform(db, clock, Peers::in_memory([]));
    let config = Config::from_values(BTreeMap::from([
        ("gateway.limits".to_owned(), "off".to_owned()),
        (
            "gateway.trusted_proxies".to_owned(),
            "10.0.0.0/8,fd00::/8".to_owned(),
        ),
        (
            "gateway.allowed_origins".to_owned(),
            "https://console.example".to_owned(),
        ),
    ]));
    let edged = galen_gateway::edge(routes(), &config).expect("valid settings");
    TestApi::with_routes(edged.layer(from_fn(as_it_came)), &platform)
}

fn routes() -> Router {
    Router::new()
        .route(
            "/api/v1/patients",
            get(async |_: Cx<RegisterPatient>, _: Params<FindPatients>| "read").post(
                async |_: Cx<RegisterPatient>,
                       _: Params<HowToRegister>,
                       _: Body<RegisterPatient>| "read",
            ),
        )
        .route(
            "/api/v1/patients/{id}",
            get(async |_: Cx<RegisterPatient>, _: PathIds<AnyId>| "read"),
        )
        .route(
            "/api/v1/patients/{id}/vitals",
            post(async |_: Cx<RegisterPatient>, _: PathIds<AnyId>, _: Body<RecordVital>| "read"),
        )
        .route(
            "/api/v1/patients/{id}/vitals/{entry}",
            get(async |_: Cx<RegisterPatient>, _: PathIds<(AnyId, AnyId)>| "read"),
        )
}

/// Gives the request the headers of the fuzzer, and a connection through a proxy.
async fn as_it_came(mut request: Request, next: Next) -> Response {
    RAW.with_borrow(|raw| request.headers_mut().extend(raw.clone()));
    let peer: SocketAddr = ([10, 0, 0, 1], 4711).into();
    request.extensions_mut().insert(ConnectInfo(peer));
    next.run(request).await
}

/// Sends a request through everything. What the outer layers read (`traceparent`,
/// `X-Request-Id`, `Idempotency-Key`) comes as visible ASCII, the rest as bytes.
pub fn send(method: Method, path: &str, headers: HeaderMap, body: Bytes) -> Reply {
    let mut caller = DOCTOR.clone();
    for (name, value) in &headers {
        if let Ok(text) = value.to_str() {
            caller = caller.with_header(name.clone(), text);
        }
    }
    RAW.set(headers);
    run(caller.send(method, path, body))
}

//! The way of a request through the host, outermost first:
//!
//! 1. `observe`: request id, trace, log line, metrics. Outside of everything, so
//!    that refusals of the inner layers are seen as well.
//! 2. the edge (the gateway's limits, CORS and security headers), when there is one.
//! 3. `guard`: body limit, time-out, panics become problems, the fingerprint for
//!    idempotency. Inside the edge, so that refused requests cost nothing here.
//! 4. `audit`: writes down what must be, before the answer leaves.
//! 5. the route, whose [`crate::Cx`] authenticates and authorises.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::FutureExt as _;
use galen_kernel::{Problem, TraceContext};
use galen_vault::Vault;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::Limited;
use sha2::{Digest as _, Sha256};
use tracing::field::Empty;

use crate::extract::{Fingerprint, Gate, IDEMPOTENCY_KEY, collect, too_large};
use crate::outcome::Halt;

/// Largest body that is read.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// Longest time to the head of an answer.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Names a request in logs; a client may choose it.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// The route that answered, for whoever wraps it.
#[derive(Clone)]
struct Route(MatchedPath);

/// Guards routes; also answers unknown paths and methods with problems.
pub(crate) fn guarded(routes: Router, gate: Gate) -> Router {
    routes
        .fallback(|| async { Halt::from(Problem::not_found()) })
        .method_not_allowed_fallback(|| async {
            Halt::from(Problem::new(
                405,
                "METHOD_NOT_ALLOWED",
                "The resource does not know this method.",
            ))
        })
        .layer(from_fn(guard))
        .layer(axum::Extension(gate))
}

/// Gives routes the vault that seals the answers they store.
pub(crate) fn with_vault(routes: Router, vault: Vault) -> Router {
    if !routes.has_routes() {
        return routes;
    }
    routes.route_layer(axum::Extension(vault))
}

/// Routes for operators: problems for unknown paths and methods, and nothing else.
pub(crate) fn without_gate(routes: Router) -> Router {
    routes.fallback(|| async { Halt::from(Problem::not_found()) })
}

/// Observes everything below.
pub(crate) fn observed(router: Router) -> Router {
    router.layer(from_fn(observe))
}

async fn guard(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let guarded = AssertUnwindSafe(bounded(request, next)).catch_unwind();
    let mut response = match tokio::time::timeout(TIME_LIMIT, guarded).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(problem))) => Halt::from(problem).into_response(),
        Ok(Err(panic)) => Halt::from(Problem::internal(panic_message(&*panic))).into_response(),
        Err(_) => {
            let late =
                Problem::new(503, "REQUEST_TIMED_OUT", "The request took too long.").retry_after(1);
            Halt::from(late).into_response()
        }
    };
    if let Some(route) = route {
        response.extensions_mut().insert(Route(route));
    }
    response
}

/// Runs the route with a bounded body, which is read beforehand only when an
/// idempotency key needs its fingerprint.
async fn bounded(request: Request, next: Next) -> Result<Response, Problem> {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT) {
        return Err(too_large());
    }
    let mut request = request.map(|body| axum::body::Body::new(Limited::new(body, BODY_LIMIT)));
    let writes = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    );
    if writes && request.headers().contains_key(IDEMPOTENCY_KEY) {
        let (mut parts, body) = request.into_parts();
        let body = collect(body).await?;
        parts.extensions.insert(fingerprint(&parts, &body));
        request = Request::from_parts(parts, body.into());
    }
    Ok(next.run(request).await)
}

/// Each part is preceded by its length, so that no two requests run together.
fn fingerprint(parts: &http::request::Parts, body: &Bytes) -> Fingerprint {
    let address = parts
        .uri
        .path_and_query()
        .map(http::uri::PathAndQuery::as_str)
        .unwrap_or_default();
    let content_type = parts
        .headers
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [
        parts.method.as_str().as_bytes(),
        address.as_bytes(),
        content_type,
        body,
    ] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    Fingerprint(hash.finalize().into())
}

/// What a panic says, for the log.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", words.unwrap_or("without words"))
}

async fn observe(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let parent = caller_of(request.headers());
    let given_id = given_request_id(request.headers()).cloned();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!(parent: None, "http", otel.kind = "server", http.request.method = %method, http.route = Empty, http.response.status_code = Empty);

    let work = async {
        let mut response = next.run(request).await;
        let route = response
            .extensions()
            .get::<Route>()
            .map(|Route(path)| path.clone())
            .or(matched);
        let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
        let trace = galen_telemetry::current();
        let id = given_id.or_else(|| trace.as_ref()?.trace_id_hex().parse().ok());
        report(&method, route, &response, start.elapsed(), id.as_ref());

        let headers = response.headers_mut();
        if let Some(id) = id {
            headers.insert(REQUEST_ID, id);
        }
        if let Some(value) = trace.and_then(|trace| trace.to_string().parse().ok()) {
            headers.insert(TRACERESPONSE, value);
        }
        response
    };
    galen_telemetry::in_span(span, parent, work).await
}

/// One log line and one measurement for each request. Without the query, which may
/// hold names.
fn report(
    method: &Method,
    route: &str,
    response: &Response,
    took: Duration,
    id: Option<&HeaderValue>,
) {
    let status = response.status().as_u16();
    let us = took.as_micros();
    let request_id = id.and_then(|id| id.to_str().ok());
    tracing::Span::current()
        .record("http.route", route)
        .record("http.response.status_code", status);
    if status >= 500 {
        tracing::warn!(%method, route, status, us, request_id, "request");
    } else if route.starts_with("/health/") {
        // Asked every few seconds for as long as the process lives.
        tracing::debug!(%method, route, status, us, request_id, "request");
    } else {
        tracing::info!(%method, route, status, us, request_id, "request");
    }
    let labels = [
        ("method", method_label(method).to_owned()),
        ("route", route.to_owned()),
        ("status", status.to_string()),
    ];
    metrics::histogram!("galen_http_request_seconds", &labels).record(took.as_secs_f64());
}

/// Methods are the client's to invent; labels are not.
const fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The step of a trace that the caller is in.
pub(crate) fn caller_of(headers: &HeaderMap) -> Option<TraceContext> {
    TraceContext::parse(headers.get(TRACEPARENT)?.to_str().ok()?)
}

/// What the client calls the request.
pub(crate) fn given_request_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(REQUEST_ID).filter(|id| is_harmless(id))
}

/// Whether a client's request id may go into logs and headers.
fn is_harmless(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=128).contains(&id.len())
        && id
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(b))
}

//! The edge: what every request from outside passes before the hospital sees it.
//! From the outside in:
//!
//! 1. [`secure`]: headers of every answer, refusals included.
//! 2. CORS, when other sites' pages may call; preflights end here.
//! 3. [`shape`]: length of address and headers, the client's address, headers that
//!    only we may set.
//! 4. [`limit`]: token buckets per account or address.
//! 5. [`arrive`]: bodies, for a bounded time.
//! 6. [`load`]: how many are under way at a time.

mod arrive;
mod limit;
mod load;
mod peer;
mod problems;
mod secure;
mod settings;
mod shape;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use galen_service::extract::IDEMPOTENCY_KEY;
use galen_service::{Config, ConfigError};
use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use arrive::Arrivals;
use limit::Limits;
use load::Load;
pub(crate) use load::overloaded;
pub(crate) use problems::PAGES;
use secure::Hsts;
use settings::Settings;
pub(crate) use settings::{SETTINGS, bounded};

/// How long a browser may remember that a site may call.
const PREFLIGHT_LIFETIME: Duration = Duration::from_secs(600);

/// Wraps the public router: limits, CORS and security headers. Requests are to carry
/// the peer's address and the host's [`Gate`](galen_service::extract::Gate) as
/// extensions.
///
/// # Errors
/// When a setting cannot be used.
pub fn edge(router: Router, config: &Config) -> Result<Router, ConfigError> {
    let settings = Settings::read(config)?;
    let mut router = router.layer(from_fn_with_state(
        Arc::new(Load::new(&settings)),
        load::shed,
    ));
    router = router.layer(from_fn_with_state(
        Arc::new(Arrivals::new(&settings)),
        arrive::arrive,
    ));
    if let Some(limits) = Limits::new(&settings) {
        router = router.layer(from_fn_with_state(Arc::new(limits), limit::limit));
    }
    let trusted: Arc<[_]> = settings.trusted_proxies.into();
    router = router.layer(from_fn_with_state(trusted, shape::shape));
    if !settings.allowed_origins.is_empty() {
        router = router.layer(cors(settings.allowed_origins));
    }
    Ok(router.layer(from_fn_with_state(Hsts(settings.hsts), secure::secure)))
}

/// Tokens travel in `Authorization`, so credentials of the browser are not allowed.
fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    let names = |names: &[&'static str]| {
        names
            .iter()
            .copied()
            .map(HeaderName::from_static)
            .collect::<Vec<_>>()
    };
    let mut allowed = names(&[
        "x-request-id",
        "x-commit-token",
        "traceparent",
        "tracestate",
        "last-event-id",
    ]);
    allowed.extend([
        header::ACCEPT,
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_MATCH,
        IDEMPOTENCY_KEY,
    ]);
    let mut exposed = names(&[
        "x-request-id",
        "x-commit-token",
        "x-read-model-lag-ms",
        "traceresponse",
        "idempotency-replayed",
        "ratelimit",
        "ratelimit-policy",
    ]);
    exposed.extend([header::ETAG, header::LOCATION, header::RETRY_AFTER]);
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(allowed)
        .expose_headers(exposed)
        .max_age(PREFLIGHT_LIFETIME)
}

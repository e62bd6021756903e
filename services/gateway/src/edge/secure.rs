//! The headers of every answer.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use galen_listener::{Encrypted, security};
use http::{HeaderValue, header};

/// Whether browsers are to insist on TLS, although it ends in front of us. Over our
/// own TLS they always are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hsts(pub(crate) bool);

/// Adds to every answer what it does not say itself.
pub(crate) async fn secure(
    State(Hsts(hsts)): State<Hsts>,
    request: Request,
    next: Next,
) -> Response {
    let of_api = request.uri().path().starts_with("/api/");
    let hsts = hsts || request.extensions().get::<Encrypted>().is_some();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    security::complete(headers, hsts);
    if of_api {
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

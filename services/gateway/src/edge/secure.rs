//! Headers that tell browsers what an answer may and may not do.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use galen_service::host::Encrypted;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Answers of an API are data: nothing is loaded, run or framed.
const DATA_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// Pages for people, such as those of problems, may have their own styles.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// A year, as browsers' preload lists want it.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

const ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    // Other sites' pages share neither a process nor answers with ours; CORS decides
    // about calls.
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Whether browsers are to insist on TLS, although it ends in front of us. Over our
/// own TLS they always are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hsts(pub(crate) bool);

/// Adds to every answer what it does not say itself.
pub(crate) async fn secure(State(hsts): State<Hsts>, request: Request, next: Next) -> Response {
    let of_api = request.uri().path().starts_with("/api/");
    let hsts = Hsts(hsts.0 || request.extensions().get::<Encrypted>().is_some());
    let mut response = next.run(request).await;
    complete(response.headers_mut(), of_api, hsts);
    response
}

fn complete(headers: &mut HeaderMap, of_api: bool, Hsts(hsts): Hsts) {
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
    let page = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(if page { PAGE_POLICY } else { DATA_POLICY });
    if of_api {
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
    if hsts {
        headers
            .entry(header::STRICT_TRANSPORT_SECURITY)
            .or_insert(HSTS);
    }
}

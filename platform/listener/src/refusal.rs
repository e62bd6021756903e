//! Answers to requests that never reach the router.
//!
//! A refused head is replaced by a request that says so, in its place behind earlier
//! requests: the server would answer bytes that it cannot parse with a bare status.
//! Whoever sends such a request themselves is refused as well, which hurts nobody.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Request, StatusCode, header};

use crate::head::Fault;
use crate::security;

/// The method of such a request.
const METHOD: &str = "REFUSED";
const MALFORMED: &[u8] = b"REFUSED /400 HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";
const TOO_LARGE: &[u8] = b"REFUSED /431 HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";

/// What a head is replaced by.
pub(crate) const fn instead_of(fault: Fault) -> &'static [u8] {
    match fault {
        Fault::TooLarge => TOO_LARGE,
        _ => MALFORMED,
    }
}

/// The answer, when the request is such a one.
pub(crate) fn answer<B>(request: &Request<B>, encrypted: bool) -> Option<Response> {
    if request.method().as_str() != METHOD {
        return None;
    }
    Some(if request.uri().path() == "/431" {
        refused(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            r#"{"type":"/problems/headers-too-large","title":"The request has too many or too long headers.","status":431,"code":"HEADERS_TOO_LARGE"}"#,
            encrypted,
        )
    } else {
        malformed(encrypted)
    })
}

/// 400: the request can be read in more than one way, or in none.
pub(crate) fn malformed(encrypted: bool) -> Response {
    refused(
        StatusCode::BAD_REQUEST,
        r#"{"type":"/problems/malformed-request","title":"The request is not unambiguous HTTP.","status":400,"code":"MALFORMED_REQUEST"}"#,
        encrypted,
    )
}

fn refused(status: StatusCode, problem: &'static str, encrypted: bool) -> Response {
    let mut response = Response::new(Body::from(problem));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/problem+json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONNECTION, "close"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    security::complete(headers, encrypted);
    response
}

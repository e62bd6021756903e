//! The outer shape of a request: how long its address and headers may be, whose it
//! is, and which headers nobody outside may set.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use galen_kernel::Problem;
use galen_service::Halt;
use http::{HeaderMap, HeaderName};

use super::peer::{self, Network};

/// Longest path and query.
const URI_LIMIT: usize = 8 * 1024;
/// Most header fields.
const FIELDS_LIMIT: usize = 64;
/// Names and values of all header fields together.
const FIELDS_SIZE_LIMIT: usize = 16 * 1024;

/// Headers that a proxy or the gateway sets: what a client sends there is a lie.
const OURS: &[&str] = &["forwarded", "x-real-ip"];
/// How the names of such headers begin.
const OUR_PREFIXES: &[&str] = &["x-forwarded-", "x-auth-", "x-user-", "x-galen-"];

/// The address of the client, behind trusted proxies as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client(pub(crate) IpAddr);

impl Client {
    /// A connection without an address is in memory; all of those are one client.
    pub(crate) fn of(request: &Request) -> Self {
        let connected = request.extensions().get::<ConnectInfo<SocketAddr>>();
        Self(
            connected.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| {
                address.ip()
            }),
        )
    }
}

/// Refuses shapeless requests (414, 431), names the client to everything behind,
/// and removes the headers that only we may set.
pub(crate) async fn shape(
    State(trusted): State<Arc<[Network]>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Err(problem) = check(&request) {
        metrics::counter!("galen_edge_refusals_total", "reason" => "shape", "class" => "any")
            .increment(1);
        return Halt::from(problem).into_response();
    }
    if let Some(ConnectInfo(address)) = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .copied()
    {
        let client = peer::client(address.ip(), request.headers(), &trusted);
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::new(client, address.port())));
    }
    strip(request.headers_mut());
    next.run(request).await
}

fn check(request: &Request) -> Result<(), Problem> {
    let address = request
        .uri()
        .path_and_query()
        .map_or(0, |address| address.as_str().len());
    if address > URI_LIMIT {
        return Err(Problem::new(
            414,
            "URI_TOO_LONG",
            "The address is too long.",
        ));
    }
    let headers = request.headers();
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers.len() > FIELDS_LIMIT || size > FIELDS_SIZE_LIMIT {
        return Err(Problem::new(
            431,
            "HEADERS_TOO_LARGE",
            "The request has too many or too long headers.",
        ));
    }
    Ok(())
}

fn strip(headers: &mut HeaderMap) {
    let foreign: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_ours(name))
        .cloned()
        .collect();
    for name in foreign {
        headers.remove(name);
    }
}

fn is_ours(name: &HeaderName) -> bool {
    let name = name.as_str();
    OURS.contains(&name) || OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    fn refusal(request: &Request) -> Option<u16> {
        check(request).err().map(|problem| problem.status)
    }

    #[test]
    fn long_addresses_are_refused() {
        let path = |length: usize| format!("/{}", "a".repeat(length - 1));
        assert_eq!(refusal(&request(&path(URI_LIMIT), &[])), None);
        assert_eq!(refusal(&request(&path(URI_LIMIT + 1), &[])), Some(414));
        assert_eq!(
            refusal(&request(&format!("/a?{}", path(URI_LIMIT)), &[])),
            Some(414)
        );
    }

    #[test]
    fn too_many_and_too_long_headers_are_refused() {
        let many = |count: usize| request("/", &vec![("x", "y"); count]);
        assert_eq!(refusal(&many(FIELDS_LIMIT)), None);
        assert_eq!(refusal(&many(FIELDS_LIMIT + 1)), Some(431));
        let long = |size: usize| request("/", &[("x", "y".repeat(size - 1).as_str())]);
        assert_eq!(refusal(&long(FIELDS_SIZE_LIMIT)), None);
        assert_eq!(refusal(&long(FIELDS_SIZE_LIMIT + 1)), Some(431));
    }

    #[test]
    fn headers_of_ours_are_removed_and_no_others() {
        let mut headers = request(
            "/",
            &[
                ("X-Forwarded-For", "1.1.1.1"),
                ("x-forwarded-proto", "https"),
                ("Forwarded", "for=1.1.1.1"),
                ("X-Real-IP", "1.1.1.1"),
                ("X-Auth-User", "root"),
                ("X-User-Id", "1"),
                ("X-User-Id", "2"),
                ("X-Galen-Role", "ADMIN"),
                ("X-Request-Id", "r"),
                ("X-Commit-Token", "t"),
                ("Authorization", "Bearer a"),
                ("X-Forward", "kept"),
            ],
        )
        .headers()
        .clone();
        strip(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            [
                "authorization",
                "x-commit-token",
                "x-forward",
                "x-request-id"
            ]
        );
    }
}

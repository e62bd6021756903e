//! Sends whoever comes without TLS to where it is spoken, and serves nothing else.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::uri::Authority;
use http::{HeaderValue, StatusCode, Uri, header};

use crate::refusal;
use crate::security;

/// Answers every request with 308 to the same path and query by https at this port.
/// Not to be remembered, and without HSTS, which browsers must ignore here (RFC 6797,
/// 8.1): what comes without TLS may have been written by anybody.
pub fn to_https(port: u16) -> Router {
    Router::new().fallback(move |request: Request| async move { redirect(&request, port) })
}

fn redirect(request: &Request, port: u16) -> Response {
    let host = request.headers().get(header::HOST);
    let to = host
        .and_then(|host| host.to_str().ok()?.parse().ok())
        .and_then(|host| location(&host, request.uri(), port));
    let Some(to) = to else {
        return refusal::malformed(false);
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, to);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    security::complete(headers, false);
    response
}

/// `None` when there is no path, as for the whole server.
fn location(host: &Authority, uri: &Uri, port: u16) -> Option<HeaderValue> {
    let path = uri.path_and_query().map(|path| path.as_str());
    let path = path.filter(|path| path.starts_with('/'))?;
    let host = host.host();
    let to = match port {
        443 => format!("https://{host}{path}"),
        _ => format!("https://{host}:{port}{path}"),
    };
    HeaderValue::from_str(&to).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_stays_and_the_port_changes() {
        let at = |host: &str, uri: &str, port| {
            let host: Authority = host.parse().ok()?;
            let to = location(&host, &uri.parse().ok()?, port)?;
            to.to_str().ok().map(str::to_owned)
        };
        for (host, uri, port, expected) in [
            (
                "galen.example",
                "/a?b=c",
                443,
                "https://galen.example/a?b=c",
            ),
            (
                "galen.example:8080",
                "/",
                8443,
                "https://galen.example:8443/",
            ),
            (
                "[::1]:80",
                "//evil.example/",
                443,
                "https://[::1]//evil.example/",
            ),
        ] {
            assert_eq!(at(host, uri, port).as_deref(), Some(expected));
        }
        assert_eq!(at("galen.example", "*", 443), None);
    }
}

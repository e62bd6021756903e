//! What a request holds: [`Body`], [`Xml`], [`Params`] and [`PathIds`].

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use bytes::Bytes;
use galen_kernel::Problem;
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError};
use serde::de::DeserializeOwned;

use crate::input;
use crate::outcome::Halt;

/// A JSON body of type `T`. Refuses other content types (415), bad UTF-8 or JSON,
/// unknown fields and wrong types (400 with a pointer).
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Halt;

    async fn from_request(request: Request, _: &S) -> Result<Self, Halt> {
        let (parts, body) = request.into_parts();
        if !is_utf8_of(&parts.headers, &["application/json"]) {
            return Err(unsupported("The body must be application/json.").into());
        }
        Ok(Self(input::body(&collect(body).await?)?))
    }
}

/// An XML document as it came: whoever takes it reads it. Refuses other content types
/// (415).
#[derive(Debug)]
pub struct Xml(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Xml {
    type Rejection = Halt;

    async fn from_request(request: Request, _: &S) -> Result<Self, Halt> {
        let (parts, body) = request.into_parts();
        if !is_utf8_of(&parts.headers, &["application/xml", "text/xml"]) {
            return Err(unsupported("The body must be application/xml or text/xml.").into());
        }
        Ok(Self(collect(body).await?))
    }
}

/// 415, with what is taken.
fn unsupported(detail: &'static str) -> Problem {
    Problem::new(
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        "The body is of another media type than this operation takes.",
    )
    .with_detail(detail)
}

/// Reads a whole body; the middleware has bounded its size.
pub(crate) async fn collect(body: axum::body::Body) -> Result<Bytes, Problem> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_too_large(&error) => Err(too_large()),
        Err(_) => Err(Problem::new(
            400,
            "INCOMPLETE_BODY",
            "The body ended before its announced end.",
        )),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// 413.
pub(crate) const fn too_large() -> Problem {
    Problem::new(413, "PAYLOAD_TOO_LARGE", "The body is too large.")
}

/// One of these types, with no parameter but `charset=utf-8`.
fn is_utf8_of(headers: &HeaderMap, types: &[&str]) -> bool {
    let Some(content_type) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    types
        .iter()
        .any(|taken| essence.eq_ignore_ascii_case(taken))
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"');
            parameter.is_empty()
                || (name.trim().eq_ignore_ascii_case("charset")
                    && value.eq_ignore_ascii_case("utf-8"))
        })
}

/// Query parameters of type `T`. Refuses unknown and malformed ones (400).
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Halt> {
        Ok(Self(input::query(parts.uri.query().unwrap_or_default())?))
    }
}

/// Path parameters, as ids or tuples of ids. What is not an id names nothing: 404.
#[derive(Debug)]
pub struct PathIds<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathIds<T> {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Halt> {
        let segments = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found())?;
        Ok(Self(input::path(segments.iter().map(|(_, value)| value))?))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn json_is_recognised() {
        for (value, is) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=latin1", false),
            ("application/jsonp", false),
            ("text/json", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            assert_eq!(
                {
                    let mut headers = HeaderMap::new();
                    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
                    is_utf8_of(&headers, &["application/json"])
                },
                is,
                "{value}"
            );
        }
        assert!(!is_utf8_of(&HeaderMap::new(), &["application/json"]));
    }
}

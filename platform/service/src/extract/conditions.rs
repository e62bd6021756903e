//! Under which conditions a request is done: `If-Match` and `Idempotency-Key`.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use galen_kernel::Problem;
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use utoipa::IntoParams;

use super::Caller;
use crate::command::IdempotencyKey;

/// Names the request, so that a repetition is recognised.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Documents an operation whose request has [`IDEMPOTENT`](super::Requires::IDEMPOTENT):
/// `params(RequiredKey)`.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by whoever reads the document")]
pub struct RequiredKey {
    /// Names the request. Repeating it with the same key replays the first answer.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$"
    )]
    idempotency_key: String,
}

/// There has to be a key.
pub(super) const fn key_required() -> Problem {
    Problem::new(
        400,
        "IDEMPOTENCY_KEY_REQUIRED",
        "This request needs an idempotency key.",
    )
}

/// The versions that `If-Match` names (RFC 9110, 13.1.1). `None` when any will do;
/// tags that no version of ours can have, weak ones included, match nothing.
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<Vec<i64>>, Problem> {
    let malformed = || {
        Problem::new(
            400,
            "INVALID_IF_MATCH",
            "If-Match must be * or entity tags such as \"3\".",
        )
    };
    let mut versions = None;
    for value in headers.get_all(header::IF_MATCH) {
        let value = value.to_str().map_err(|_| malformed())?.trim();
        if value == "*" {
            return Ok(None);
        }
        for tag in value.split(',') {
            let tag = tag.trim();
            let (weak, tag) = tag
                .strip_prefix("W/")
                .map_or((false, tag), |tag| (true, tag));
            let opaque = tag
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'))
                .ok_or_else(malformed)?;
            let versions = versions.get_or_insert_with(Vec::new);
            versions.extend(opaque.parse::<i64>().ok().filter(|_| !weak));
        }
    }
    Ok(versions)
}

/// SHA-256 of the whole request; the middleware made it, because it had the body.
#[derive(Clone, Copy)]
pub(crate) struct Fingerprint(pub(crate) [u8; 32]);

/// The key that was given, with its caller and the request's fingerprint.
pub(super) fn idempotency_key(
    parts: &Parts,
    caller: Option<&Caller>,
) -> Result<Option<IdempotencyKey>, Problem> {
    let mut given = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(key), Some(Fingerprint(fingerprint))) = (given.next(), parts.extensions.get()) else {
        return Ok(None);
    };
    let invalid = || {
        Problem::new(
            400,
            "INVALID_IDEMPOTENCY_KEY",
            "Idempotency-Key must be 1 to 255 visible ASCII characters.",
        )
    };
    let key = key.to_str().map_err(|_| invalid())?;
    if given.next().is_some()
        || key.is_empty()
        || key.len() > 255
        || !key.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(invalid());
    }
    let caller = match caller {
        Some(caller) => caller.principal.user_id.to_string(),
        None => parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or_else(
                || "anonymous".to_owned(),
                |ConnectInfo(address)| format!("anonymous@{}", address.ip().to_canonical()),
            ),
    };
    Ok(Some(IdempotencyKey {
        caller,
        key: key.to_owned(),
        fingerprint: *fingerprint,
    }))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn entity_tags_are_read() {
        let read = |values: &[&'static str]| {
            if_match(&headers(header::IF_MATCH, values)).map_err(|p| p.status)
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["*"]), Ok(None));
        assert_eq!(read(&["\"3\""]), Ok(Some(vec![3])));
        assert_eq!(read(&["\"3\", \"4\"", "\"5\""]), Ok(Some(vec![3, 4, 5])));
        assert_eq!(read(&["W/\"3\""]), Ok(Some(vec![])));
        assert_eq!(read(&["\"abc\""]), Ok(Some(vec![])));
        for malformed in ["3", "", "\"3", "*, \"3\"", "\""] {
            assert_eq!(read(&[malformed]), Err(400), "{malformed}");
        }
    }
}

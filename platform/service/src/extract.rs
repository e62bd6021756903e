//! What a handler takes: [`Cx`] (who asks and whether they may), [`Body`],
//! [`Params`] and [`PathIds`], all of which refuse precisely.

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, RawPathParams, Request};
use bytes::Bytes;
use galen_access::{KeySet, Permission, Principal, Scope};
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_kernel::{Clock, Problem, Timestamp};
use galen_storage::Db;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, header};
use http_body_util::{BodyExt as _, LengthLimitError};
use serde::de::DeserializeOwned;

use crate::command::{self, Command, IdempotencyKey};
use crate::input;
use crate::outcome::Halt;

/// Names the request, so that a repetition is recognised.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a request needs before its handler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: login, registration, public keys.
    Nobody,
    /// Any valid access token.
    Anybody,
    /// A role that grants this; [`Cx::scope`] says how far it reaches.
    Permission(Permission),
}

/// Declared by every request type (or by a unit type for requests without one).
/// A handler gets a [`Cx`], and with it a transaction, for such a type only.
pub trait Requires: Send + Sync + 'static {
    /// What it needs.
    const NEEDS: Needs;
}

/// One authorised request of type `R`. Extracting it answers 401 or 403 when the
/// caller may not.
pub struct Cx<R> {
    caller: Option<Arc<Caller>>,
    scope: Scope,
    if_match: Option<Vec<i64>>,
    idempotency: Option<IdempotencyKey>,
    clock: Clock,
    _request: PhantomData<fn(R)>,
}

impl<R: Requires> Cx<R> {
    /// Who asks. Only absent under [`Needs::Nobody`].
    ///
    /// # Errors
    /// 401 when nobody is logged in.
    pub fn principal(&self) -> Result<&Principal, Problem> {
        match &self.caller {
            Some(caller) => Ok(&caller.principal),
            None => Err(Problem::unauthenticated()),
        }
    }

    /// When the caller's access token ends, for answers that could outlive it.
    #[must_use]
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.caller.as_ref().map(|caller| caller.until)
    }

    /// How far the permission reaches.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// 404 unless the patient's things are within reach.
    ///
    /// # Errors
    /// 404: the caller may not even know.
    pub fn reach_patient(&self, id: PatientId) -> Result<(), Problem> {
        if self.scope.covers_patient(id) {
            Ok(())
        } else {
            Err(Problem::not_found())
        }
    }

    /// 404 unless the practitioner's things are within reach.
    ///
    /// # Errors
    /// 404: the caller may not even know.
    pub fn reach_practitioner(&self, id: PractitionerId) -> Result<(), Problem> {
        if self.scope.covers_practitioner(id) {
            Ok(())
        } else {
            Err(Problem::not_found())
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock, for new ids.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Checks `If-Match` against the loaded version; fine when there is none.
    ///
    /// # Errors
    /// 412 when it names another version.
    pub fn expect_version(&self, actual: i64) -> Result<(), Problem> {
        match &self.if_match {
            Some(expected) if !expected.contains(&actual) => Err(Problem::stale()),
            _ => Ok(()),
        }
    }

    /// Answers at once when the idempotency key was used before. Call it before
    /// slow questions to other services; [`Cx::begin`] checks again.
    ///
    /// # Errors
    /// [`Halt::Replay`], 422 on another body, 409 while the first still runs.
    pub async fn replayed(&self, db: &Db) -> Result<(), Halt> {
        match &self.idempotency {
            Some(claim) => command::look_up(db, claim).await,
            None => Ok(()),
        }
    }

    /// Starts the transaction of a command and claims its idempotency key in it.
    ///
    /// # Errors
    /// As [`Cx::replayed`], and when the database cannot be reached.
    pub async fn begin(&self, db: &Db) -> Result<Command, Halt> {
        Command::begin(db, self.idempotency.clone()).await
    }
}

impl<S: Send + Sync, R: Requires> FromRequestParts<S> for Cx<R> {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Halt> {
        let gate = parts
            .extensions
            .get::<Gate>()
            .cloned()
            .ok_or_else(|| Problem::internal("a route is served without its gate"))?;
        let caller = gate.identify(&parts.headers, &mut parts.extensions);
        let scope = scope(caller.as_deref(), R::NEEDS)?;
        Ok(Self {
            if_match: if_match(&parts.headers)?,
            idempotency: idempotency_key(parts, caller.as_deref())?,
            caller,
            scope,
            clock: gate.clock,
            _request: PhantomData,
        })
    }
}

/// What every request is checked with; the host puts it into the extensions.
#[derive(Clone)]
pub struct Gate {
    keys: KeySet,
    clock: Clock,
}

/// Somebody with a valid access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// From then on the token is refused.
    pub until: Timestamp,
}

/// What [`Gate::identify`] found for a request.
#[derive(Clone)]
struct Identified(Option<Arc<Caller>>);

impl Gate {
    /// Checks with these keys, by this clock.
    #[must_use]
    pub const fn new(keys: KeySet, clock: Clock) -> Self {
        Self { keys, clock }
    }

    /// Who asks; `None` without a valid token. A token is verified once: what is
    /// found stays with the request, for the edge and for [`Cx`].
    pub fn identify(
        &self,
        headers: &HeaderMap,
        extensions: &mut Extensions,
    ) -> Option<Arc<Caller>> {
        if let Some(Identified(known)) = extensions.get() {
            return known.clone();
        }
        let verified = bearer(headers).map(|token| self.keys.verify_until(token, self.clock.now()));
        let caller = match verified {
            Some(Ok((principal, until))) => Some(Arc::new(Caller { principal, until })),
            Some(Err(_)) | None => None,
        };
        extensions.insert(Identified(caller.clone()));
        caller
    }
}

/// How far a caller may reach.
fn scope(caller: Option<&Caller>, needs: Needs) -> Result<Scope, Problem> {
    match (needs, caller) {
        // An expired token must not keep anybody from logging in.
        (Needs::Nobody, _) => Ok(Scope::Own {
            patient: None,
            practitioner: None,
        }),
        (_, None) => Err(Problem::unauthenticated()),
        (Needs::Anybody, Some(Caller { principal, .. })) => Ok(Scope::Own {
            patient: principal.patient_id,
            practitioner: principal.practitioner_id,
        }),
        (Needs::Permission(permission), Some(Caller { principal, .. })) => {
            principal.scope(permission).ok_or_else(Problem::forbidden)
        }
    }
}

/// The token of RFC 6750, 2.1; the scheme's name is case-insensitive.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The versions that `If-Match` names (RFC 9110, 13.1.1). `None` when any will do;
/// tags that no version of ours can have, weak ones included, match nothing.
fn if_match(headers: &HeaderMap) -> Result<Option<Vec<i64>>, Problem> {
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

fn idempotency_key(
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

/// A JSON body of type `T`. Refuses other content types (415), bad UTF-8 or JSON,
/// unknown fields and wrong types (400 with a pointer).
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Halt;

    async fn from_request(request: Request, _: &S) -> Result<Self, Halt> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(Problem::new(
                415,
                "UNSUPPORTED_MEDIA_TYPE",
                "The body must be application/json.",
            )
            .into());
        }
        Ok(Self(input::body(&collect(body).await?)?))
    }
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

/// `application/json`, with no parameter but `charset=utf-8`.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
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
                is_json(&headers(header::CONTENT_TYPE, &[value])),
                is,
                "{value}"
            );
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn a_bearer_token_is_found() {
        let find = |value| bearer(&headers(header::AUTHORIZATION, &[value])).map(str::to_owned);
        assert_eq!(find("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(find("bearer  abc").as_deref(), Some("abc"));
        assert_eq!(find("Basic abc"), None);
        assert_eq!(find("Bearer"), None);
    }
}

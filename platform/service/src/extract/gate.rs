//! Who asks: the access token of a request, checked once.

use std::sync::Arc;

use galen_access::{Authentication, KeySet, Principal, Scope, Verified};
use galen_kernel::{Clock, Problem, Timestamp};
use http::{Extensions, HeaderMap, header};

use super::Needs;

/// What every request is checked with; the host puts it into the extensions.
#[derive(Clone)]
pub struct Gate {
    keys: KeySet,
    pub(super) clock: Clock,
}

/// Somebody with a valid access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// From then on the token is refused.
    pub until: Timestamp,
    /// When and how they showed who they are.
    pub authentication: Authentication,
}

impl From<Verified> for Caller {
    fn from(verified: Verified) -> Self {
        Self {
            principal: verified.principal,
            until: verified.until,
            authentication: verified.authentication,
        }
    }
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
    /// found stays with the request, for the edge and for [`Cx`](super::Cx).
    pub fn identify(
        &self,
        headers: &HeaderMap,
        extensions: &mut Extensions,
    ) -> Option<Arc<Caller>> {
        if let Some(Identified(known)) = extensions.get() {
            return known.clone();
        }
        let verified = bearer(headers).map(|token| self.keys.verify_whole(token, self.clock.now()));
        let caller = match verified {
            Some(Ok(verified)) => Some(Arc::new(Caller::from(verified))),
            Some(Err(_)) | None => None,
        };
        extensions.insert(Identified(caller.clone()));
        caller
    }
}

/// How far a caller may reach.
pub(super) fn scope(caller: Option<&Caller>, needs: Needs) -> Result<Scope, Problem> {
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

/// Refuses whoever showed long ago who they are.
pub(super) fn recent(caller: Option<&Caller>, now: Timestamp) -> Result<(), Problem> {
    match caller {
        None => Err(Problem::unauthenticated()),
        Some(caller) if caller.authentication.is_recent(now) => Ok(()),
        Some(_) => Err(Problem::new(
            403,
            "STEP_UP_REQUIRED",
            "Show again who you are: this needs a recent login.",
        )),
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_bearer_token_is_found() {
        let find = |value| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(find("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(find("bearer  abc").as_deref(), Some("abc"));
        assert_eq!(find("Basic abc"), None);
        assert_eq!(find("Bearer"), None);
    }
}

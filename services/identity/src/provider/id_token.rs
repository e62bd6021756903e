//! The id token: tells a client who logged in, when and how (OpenID Connect Core section
//! 2). It lives as long as an access token, so that the key that signed it is announced
//! until it ends.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use galen_access::TokenError;
use galen_access::token::ACCESS_TOKEN_SECONDS;
use galen_contracts::ids::{SessionId, UserId};
use galen_kernel::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::scope::Scope;
use crate::client::ClientId;
use crate::session::model::Session;
use crate::signing::Keyring;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: UserId,
    aud: ClientId,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    amr: Vec<&'static str>,
    sid: SessionId,
    at_hash: String,
}

/// Signs one for a session, if its client asked who its user is.
pub(super) fn sign(
    keyring: &Keyring,
    issuer: &str,
    session: &Session,
    nonce: Option<&str>,
    access_token: &str,
    now: Timestamp,
) -> Result<Option<String>, TokenError> {
    let Some(given) = &session.delegation else {
        return Ok(None);
    };
    if !given.scopes.contains(Scope::OpenId) {
        return Ok(None);
    }
    let methods = session.authentication.methods.iter();
    let claims = Claims {
        iss: issuer,
        sub: session.account,
        aud: given.client,
        exp: now.as_second() + ACCESS_TOKEN_SECONDS,
        iat: now.as_second(),
        auth_time: session.authentication.at.as_second(),
        nonce,
        amr: methods.map(|method| method.name()).collect(),
        sid: session.id,
        at_hash: half_hash(access_token),
    };
    keyring.sign_id_token(&claims).map(Some)
}

/// The left half of the SHA-256 of a token (OpenID Connect Core section 3.1.3.6).
fn half_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(token.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_standards_example() {
        // OpenID Connect Core, appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(half_hash(token), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}

//! Access tokens: short-lived JWTs signed with a rotating asymmetric key (ES256).

use std::sync::Arc;

use galen_kernel::Timestamp;

use crate::Principal;

/// How long an access token lives.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;
/// Clock skew that is forgiven.
pub const LEEWAY_SECONDS: u64 = 30;

/// Why a token is not accepted. The client only hears "401".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours, altered, or signed with an unknown key.
    #[error("invalid")]
    Invalid,
    /// Too old.
    #[error("expired")]
    Expired,
    /// The issuer, the audience or the algorithm is another.
    #[error("not for here")]
    NotForHere,
}

/// A private key that signs tokens, with its key id.
#[derive(Clone)]
pub struct SigningKey {
    _private: (),
}

impl SigningKey {
    /// Makes a new P-256 key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, TokenError> {
        todo!()
    }

    /// Reads a PKCS#8 document.
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_pkcs8(kid: &str, der: &[u8]) -> Result<Self, TokenError> {
        let _ = (kid, der);
        todo!()
    }

    /// The PKCS#8 document, to be stored sealed or guarded.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        todo!()
    }

    /// Key id.
    #[must_use]
    pub fn kid(&self) -> &str {
        todo!()
    }

    /// The public key as a JWK (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> serde_json::Value {
        todo!()
    }

    /// Signs an access token for a principal.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign(&self, principal: &Principal, issuer: &str, now: Timestamp) -> Result<String, TokenError> {
        let _ = (principal, issuer, now);
        todo!()
    }
}

/// The public keys that are accepted now; shared, and replaced on rotation.
#[derive(Clone)]
pub struct KeySet {
    inner: Arc<std::sync::RwLock<serde_json::Value>>,
    issuer: Arc<str>,
}

impl KeySet {
    /// No keys yet: nobody gets in.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        Self { inner: Arc::default(), issuer: issuer.into() }
    }

    /// Who signs.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Replaces the keys by a JWKS document (RFC 7517).
    ///
    /// # Errors
    /// When it is not one.
    pub fn replace(&self, jwks: serde_json::Value) -> Result<(), TokenError> {
        let _ = (jwks, &self.inner);
        todo!()
    }

    /// The JWKS document.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        todo!()
    }

    /// Checks a token and names its principal. ES256 only; `iss`, `aud`, `exp`,
    /// `nbf` and `iat` must be there and right.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, TokenError> {
        let _ = (token, now);
        todo!()
    }
}

//! Random secrets that their holder shows back: refresh tokens and credential links.
//! Only their SHA-256 is ever stored; 256 random bits need no slow hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use galen_service::Answer;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// A secret on its way to its holder.
pub(crate) struct Secret(SecretString);

/// What is kept of a [`Secret`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SecretHash([u8; 32]);

impl Secret {
    /// Draws 32 random bytes.
    pub(crate) fn generate() -> Self {
        let mut bytes = [0_u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// The text that its holder gets, deliberately.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl SecretHash {
    /// The hash of a text that somebody shows.
    pub(crate) fn of(shown: &SecretString) -> Self {
        Self(Sha256::digest(shown.expose_secret().as_bytes()).into())
    }

    /// For its column.
    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// An answer that holds secrets, which nobody on the way may keep (RFC 6749, 5.1).
pub(crate) fn disclose<T: Serialize>(status: StatusCode, body: &T) -> Answer {
    let mut answer = Answer::json(status, body);
    let no_store = HeaderValue::from_static("no-store");
    answer.headers.insert(CACHE_CONTROL, no_store);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shown_back_has_the_hash_that_was_kept() {
        let secret = Secret::generate();
        assert!(SecretHash::of(&secret.expose().into()) == secret.hash());
        assert!(SecretHash::of(&"another".into()) != secret.hash());
        assert_eq!(secret.expose().len(), 43);
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::generate();
        assert!(!format!("{secret:?}").contains(secret.expose()));
    }
}

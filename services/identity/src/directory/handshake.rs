//! What binds the end of a login to its beginning: the state, which travels through
//! the directory, and a cookie, which stays in the browser. A login that somebody else
//! began is refused, because the cookie is theirs (RFC 9700, section 4.7); so is one
//! that has ended already.
//!
//! The nonce and the code verifier follow from both, so that neither has to be stored.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderValue;
use http::header::COOKIE;
use http::request::Parts;
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::secret::{Secret, SecretHash};

/// How long a login may take.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// The cookie where the console is reached by TLS: no other site, and none beside it
/// in the same domain, can set it (RFC 6265bis, section 4.1.3.2).
const SECURE_COOKIE: &str = "__Host-galen-directory";
/// The cookie where it is not.
const COOKIE_NAME: &str = "galen-directory";

/// A login that begins or ends.
pub(super) struct Handshake {
    /// Travels through the directory.
    pub(super) state: SecretString,
    /// Stays in the browser.
    browser: SecretString,
}

impl Handshake {
    /// A new one.
    pub(super) fn begin() -> Self {
        Self {
            state: Secret::generate().expose().into(),
            browser: Secret::generate().expose().into(),
        }
    }

    /// The one that comes back.
    pub(super) fn resume(state: SecretString, browser: Browser) -> Option<Self> {
        let browser = browser.0?;
        Some(Self { state, browser })
    }

    /// What is kept of the state.
    pub(super) fn state_hash(&self) -> SecretHash {
        SecretHash::of(&self.state)
    }

    /// What is kept of the browser.
    pub(super) fn browser_hash(&self) -> SecretHash {
        SecretHash::of(&self.browser)
    }

    /// What the directory repeats in its ID token.
    pub(super) fn nonce(&self) -> String {
        self.derive("nonce")
    }

    /// What only who began the login can show for its code (RFC 7636).
    pub(super) fn code_verifier(&self) -> String {
        self.derive("code verifier")
    }

    fn derive(&self, what: &str) -> String {
        let key = self.browser.expose_secret().as_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(what.as_bytes());
        mac.update(b"\0");
        mac.update(self.state.expose_secret().as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// The cookie. Scripts cannot read it, and requests from other sites do not carry
    /// it; the page that the directory leads back to is the console's own.
    pub(super) fn cookie(&self, secure: bool) -> HeaderValue {
        let (name, secure) = if secure {
            (SECURE_COOKIE, "; Secure")
        } else {
            (COOKIE_NAME, "")
        };
        let value = self.browser.expose_secret();
        let seconds = LIFETIME.as_secs();
        let text =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
        let mut cookie = HeaderValue::from_str(&text).expect("base64url is visible ASCII");
        cookie.set_sensitive(true);
        cookie
    }
}

/// The cookie of the browser that asks, if it has one.
pub(crate) struct Browser(Option<SecretString>);

impl<S: Send + Sync> FromRequestParts<S> for Browser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let cookies = parts.headers.get_all(COOKIE).iter();
        let pairs: Vec<(&str, &str)> = cookies
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .collect();
        // The one that nobody else can set counts, where there are both.
        let named = |name: &str| pairs.iter().find(|(n, _)| *n == name);
        let found = named(SECURE_COOKIE).or_else(|| named(COOKIE_NAME));
        Ok(Self(found.map(|(_, value)| SecretString::from(*value))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn browser(cookies: &str) -> Option<String> {
        let request = http::Request::builder().header(COOKIE, cookies).body(());
        let (mut parts, ()) = request.expect("a request").into_parts();
        let Ok(Browser(found)) = Browser::from_request_parts(&mut parts, &()).await;
        found.map(|value| value.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn the_cookie_is_found_among_others() {
        for (cookies, value) in [
            ("galen-directory=a", Some("a")),
            ("theme=dark; galen-directory=a", Some("a")),
            ("galen-directory=a; __Host-galen-directory=b", Some("b")),
            ("not-galen-directory=a", None),
            ("galen-directory", None),
            ("", None),
        ] {
            assert_eq!(browser(cookies).await.as_deref(), value, "{cookies}");
        }
    }

    #[test]
    fn nonce_and_verifier_follow_from_state_and_browser_together() {
        let begun = Handshake::begin();
        let again = Handshake::resume(begun.state.clone(), Browser(Some(begun.browser.clone())))
            .expect("a cookie");
        assert_eq!(again.nonce(), begun.nonce());
        assert_eq!(again.code_verifier(), begun.code_verifier());
        assert_ne!(begun.nonce(), begun.code_verifier());
        assert_eq!(begun.code_verifier().len(), 43);
        let other = Handshake::begin();
        let mixed = Handshake::resume(begun.state.clone(), Browser(Some(other.browser.clone())))
            .expect("a cookie");
        assert_ne!(mixed.nonce(), begun.nonce());
        assert_ne!(mixed.nonce(), other.nonce());
        assert!(Handshake::resume(begun.state, Browser(None)).is_none());
    }

    #[test]
    fn the_cookie_stays_in_its_browser() {
        let cookie = |secure| {
            let cookie = Handshake::begin().cookie(secure);
            assert!(cookie.is_sensitive());
            cookie.to_str().expect("ASCII").to_owned()
        };
        let plain = cookie(false);
        assert!(plain.starts_with("galen-directory="), "{plain}");
        assert!(
            plain.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Strict"),
            "{plain}"
        );
        let secure = cookie(true);
        assert!(secure.starts_with("__Host-galen-directory="), "{secure}");
        assert!(secure.ends_with("; Secure"), "{secure}");
    }
}

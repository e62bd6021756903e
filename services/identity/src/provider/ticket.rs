//! The ticket of an authorization request: shows that whoever sends the login form was
//! shown it, in the same browser and for the same request, so that no other site can log
//! somebody in as somebody else. It is the hash of a secret that only the browser has,
//! in a cookie, and of the request; nothing is stored here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, header};
use sha2::{Digest as _, Sha256};

use crate::secret::Secret;

/// How long a browser keeps the secret: as long as a login page may stay open.
const SECONDS: u32 = 1800;
/// 32 bytes in base64url.
const LENGTH: usize = 43;

/// The secret of a browser.
pub(crate) struct Browser(String);

impl Browser {
    /// That of the cookie, if there is one. With TLS the name keeps other hosts of the
    /// same domain, and pages without TLS, from setting it (RFC 6265bis, `__Host-`).
    pub(crate) fn of(headers: &HeaderMap, secure: bool) -> Option<Self> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(known, _)| *known == name(secure))
            .map(|(_, value)| value)
            .filter(|value| value.len() == LENGTH && value.bytes().all(is_base64url))
            .map(|value| Self(value.to_owned()))
    }

    /// A new one.
    pub(crate) fn new() -> Self {
        Self(Secret::generate().expose().to_owned())
    }

    /// The cookie: not for scripts, and sent along only by our own pages and by links
    /// to them.
    pub(crate) fn cookie(&self, secure: bool) -> Option<HeaderValue> {
        let transport = if secure { "; Secure" } else { "" };
        HeaderValue::from_str(&format!(
            "{}={}; Path=/; Max-Age={SECONDS}; HttpOnly; SameSite=Lax{transport}",
            name(secure),
            self.0
        ))
        .ok()
    }

    /// The ticket of a request.
    pub(crate) fn ticket(&self, request: &str) -> String {
        // The secret has a fixed length, so that no two pairs run together.
        let hash = Sha256::new()
            .chain_update(self.0.as_bytes())
            .chain_update(request.as_bytes())
            .finalize();
        URL_SAFE_NO_PAD.encode(hash)
    }

    /// Whether a ticket is that of a request.
    pub(crate) fn gave(&self, ticket: &str, request: &str) -> bool {
        self.ticket(request) == ticket
    }
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_".contains(&byte)
}

const fn name(secure: bool) -> &'static str {
    if secure {
        "__Host-galen-login"
    } else {
        "galen-login"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            HeaderValue::from_str(text).expect("visible"),
        );
        headers
    }

    #[test]
    fn a_ticket_fits_its_browser_and_its_request() {
        let (browser, other) = (Browser::new(), Browser::new());
        let ticket = browser.ticket("client_id=1");
        assert!(browser.gave(&ticket, "client_id=1"));
        assert!(!browser.gave(&ticket, "client_id=2"));
        assert!(!other.gave(&ticket, "client_id=1"));
        assert!(!browser.gave("", "client_id=1"));
    }

    #[test]
    fn a_browser_shows_its_secret_back() {
        for secure in [true, false] {
            let browser = Browser::new();
            let cookie = browser.cookie(secure).expect("a header");
            let text = cookie.to_str().expect("visible");
            assert!(text.contains("; HttpOnly; SameSite=Lax"), "{text}");
            assert_eq!(text.ends_with("; Secure"), secure);
            let pair = text.split(';').next().expect("a pair");
            let shown = Browser::of(&cookies(&format!("a=b; {pair}; c=d")), secure);
            assert_eq!(shown.map(|shown| shown.0), Some(browser.0));
            assert!(Browser::of(&cookies(pair), !secure).is_none());
        }
        assert!(Browser::of(&cookies("galen-login=short"), false).is_none());
        assert!(Browser::of(&HeaderMap::new(), false).is_none());
    }
}

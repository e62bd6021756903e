//! Signatures after the Standard Webhooks convention: pure.
//!
//! `webhook-signature` is a list, separated by spaces, of `v1,` and the base64 of
//! HMAC-SHA256 over `webhook-id`, `webhook-timestamp` and the body, joined by points: one
//! for each secret that is good. A receiver takes the message when one of them is right.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use galen_kernel::Timestamp;
use uuid::Uuid;

const PREFIX: &str = "whsec_";
/// The convention asks for 24 to 64.
const BYTES: usize = 32;

/// What an endpoint and the hospital share.
pub(crate) struct Secret([u8; BYTES]);

impl Secret {
    /// Draws one.
    pub(crate) fn generate() -> Self {
        Self(rand::random())
    }

    /// As it is shown once, and stored sealed.
    pub(crate) fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0))
    }

    /// Reads what [`Secret::text`] wrote; `None` when that is not so.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    fn sign(&self, id: Uuid, at: Timestamp, body: &str) -> String {
        let key = hmac::Key::new(HMAC_SHA256, &self.0);
        let signed = format!("{id}.{}.{body}", at.as_second());
        let tag = hmac::sign(&key, signed.as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

/// The header: one signature for each secret.
pub(crate) fn header(secrets: &[Secret], id: Uuid, at: Timestamp, body: &str) -> String {
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| secret.sign(id, at, body))
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_is_written() {
        let secret = Secret::generate();
        let text = secret.text();
        assert!(text.starts_with("whsec_"));
        assert!(Secret::read(&text).is_some_and(|read| read.0 == secret.0));
        assert!(Secret::read(&text[6..]).is_none());
        assert!(Secret::read("whsec_AAAA").is_none());
        assert!(Secret::generate().0 != secret.0);
    }

    #[test]
    fn the_official_verifier_computes_the_same() {
        let (secret, id) = (Secret::generate(), Uuid::from_u128(7));
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let theirs = standardwebhooks::Webhook::new(&secret.text()).unwrap();
        for body in ["", "{}", r#"{"type":"payment.captured","data":{"ü":1}}"#] {
            let expected = theirs.sign(&id.to_string(), at.as_second(), body.as_bytes());
            assert_eq!(secret.sign(id, at, body), expected.unwrap());
        }
    }

    #[test]
    fn every_secret_signs() {
        let secrets = [Secret::generate(), Secret::generate()];
        let (id, at) = (Uuid::from_u128(7), Timestamp::UNIX_EPOCH);
        let both = header(&secrets, id, at, "{}");
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, secrets[0].sign(id, at, "{}"));
        assert_eq!(second, secrets[1].sign(id, at, "{}"));
        assert_ne!(first, second);
    }
}

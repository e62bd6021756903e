//! Signatures of webhooks, after [Standard Webhooks](https://www.standardwebhooks.com):
//! HMAC-SHA256 over `id.timestamp.body`.
//!
//! `webhook-id` names the message, `webhook-timestamp` is in seconds since 1970, and
//! `webhook-signature` lists one or more `v1,<base64>`, so that secrets can be replaced.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use galen_kernel::Timestamp;
use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret as _, SecretString};

/// Names a message.
pub const ID: HeaderName = HeaderName::from_static("webhook-id");
/// When it was sent.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// Who sent it.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How much older or newer than now a message may be, in seconds.
const TOLERANCE: i64 = 300;
/// Most signatures of a message that are looked at.
const MOST: usize = 10;

/// What both sides know. Does not print itself.
pub struct Secret(hmac::Key);

/// It is not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be whsec_ and 24 to 64 bytes in base64")]
pub struct NotASecret;

/// A message is not from whoever it says, or not from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// A header is missing, or is not what it should be.
    #[error("the webhook's headers are incomplete")]
    Headers,
    /// It is too old, or from the future.
    #[error("the webhook is not from now")]
    Stale,
    /// Nobody who knows the secret has signed it.
    #[error("the webhook's signature is wrong")]
    Signature,
    /// It is signed, and says nothing that makes sense.
    #[error("the webhook makes no sense")]
    Content,
}

impl Secret {
    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &SecretString) -> Result<Self, NotASecret> {
        let bytes = text
            .expose_secret()
            .strip_prefix("whsec_")
            .and_then(|text| STANDARD.decode(text).ok())
            .filter(|bytes| (24..=64).contains(&bytes.len()))
            .ok_or(NotASecret)?;
        Ok(Self::of(&bytes))
    }

    /// A new one that nobody else knows.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).expect("the machine has randomness");
        Self::of(&bytes)
    }

    fn of(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The headers of a message.
    #[must_use]
    pub fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> [(HeaderName, String); 3] {
        let seconds = now.as_second().to_string();
        let tag = hmac::sign(&self.0, &signed(id, &seconds, body));
        let signature = format!("v1,{}", STANDARD.encode(tag));
        [
            (ID, id.to_owned()),
            (TIMESTAMP, seconds),
            (SIGNATURE, signature),
        ]
    }

    /// Checks who sent a message, and when.
    ///
    /// # Errors
    /// [`Forged`].
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Forged> {
        let text = |name| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or(Forged::Headers)
        };
        let (id, seconds, signatures) = (text(ID)?, text(TIMESTAMP)?, text(SIGNATURE)?);
        let signed = signed(id, seconds, body);
        let is_ours = signatures
            .split(' ')
            .take(MOST)
            .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            .any(|tag| hmac::verify(&self.0, &signed, &tag).is_ok());
        if !is_ours {
            return Err(Forged::Signature);
        }
        let sent: i64 = seconds.parse().map_err(|_| Forged::Headers)?;
        if now.as_second().abs_diff(sent) > TOLERANCE.unsigned_abs() {
            return Err(Forged::Stale);
        }
        Ok(())
    }
}

fn signed(id: &str, seconds: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::read(&text.into()).expect("a secret")
    }

    fn headers(signed: &[(HeaderName, String)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).expect("a header");
        signed
            .iter()
            .map(|(name, text)| (name.clone(), value(text)))
            .collect()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("an instant")
    }

    /// The example of the specification's own libraries.
    #[test]
    fn the_known_signature_is_made() {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at(1_614_265_330),
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signed[2].1,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn only_new_messages_of_whoever_knows_the_secret_are_taken() {
        let (ours, theirs) = (Secret::generate(), Secret::generate());
        let now = at(1_800_000_000);
        let signed = ours.sign("m", now, b"{}");
        let sent = headers(&signed);
        assert_eq!(ours.verify(&sent, b"{}", now), Ok(()));
        assert_eq!(ours.verify(&sent, b"{}", at(1_800_000_300)), Ok(()));
        for late in [1_800_000_301, 1_799_999_699, 0] {
            assert_eq!(ours.verify(&sent, b"{}", at(late)), Err(Forged::Stale));
        }
        assert_eq!(theirs.verify(&sent, b"{}", now), Err(Forged::Signature));
        assert_eq!(ours.verify(&sent, b"{ }", now), Err(Forged::Signature));
        for missing in [ID, TIMESTAMP, SIGNATURE] {
            let mut sent = sent.clone();
            sent.remove(&missing);
            assert_eq!(ours.verify(&sent, b"{}", now), Err(Forged::Headers));
        }
        let renewed = format!("v1,bm8= v2,x {}", signed[2].1);
        let mut sent = sent;
        sent.insert(SIGNATURE, renewed.parse().expect("a header"));
        assert_eq!(ours.verify(&sent, b"{}", now), Ok(()), "one of several");
    }

    #[test]
    fn a_secret_is_long_enough() {
        for text in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            assert!(Secret::read(&text.into()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_was_changed_is_taken(body: Vec<u8>, place: prop::sample::Index, bit in 0_u8..8) {
            prop_assume!(!body.is_empty());
            let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
            let now = at(1_800_000_000);
            let sent = headers(&secret.sign("m", now, &body));
            let mut other = body.clone();
            let place = place.index(other.len());
            other[place] ^= 1 << bit;
            prop_assert_eq!(secret.verify(&sent, &body, now), Ok(()));
            prop_assert_eq!(secret.verify(&sent, &other, now), Err(Forged::Signature));
        }
    }
}

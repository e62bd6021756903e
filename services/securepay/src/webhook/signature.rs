//! The secrets of endpoints: pure. What they sign is what providers sign for us
//! ([`crate::provider::signature`]).

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use galen_kernel::Timestamp;
use uuid::Uuid;

use crate::provider::signature::Secret;

/// Standard Webhooks asks for 24 to 64.
const BYTES: usize = 32;

/// Draws a secret, as it is shown once and stored sealed.
pub(crate) fn draw() -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes)?;
    Ok(format!("whsec_{}", STANDARD.encode(bytes)))
}

/// `webhook-signature`: one for each secret that is good, separated by spaces. A receiver
/// takes the message when one of them is right.
pub(crate) fn header(secrets: &[Secret], id: Uuid, at: Timestamp, body: &str) -> String {
    let (id, mut signatures) = (id.to_string(), Vec::with_capacity(secrets.len()));
    for secret in secrets {
        let [_, _, (_, signature)] = secret.sign(&id, at, body.as_bytes());
        signatures.push(signature);
    }
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_signs_as_the_official_library_does() {
        let texts = [draw().unwrap(), draw().unwrap()];
        assert_ne!(texts[0], texts[1]);
        let secrets = texts
            .each_ref()
            .map(|text| Secret::read(&text.as_str().into()).unwrap());
        let (id, at) = (Uuid::from_u128(7), Timestamp::UNIX_EPOCH);
        for body in ["", "{}", r#"{"type":"payment.captured","data":{"ü":1}}"#] {
            let theirs = texts.each_ref().map(|text| {
                let signer = standardwebhooks::Webhook::new(text).unwrap();
                let second = at.as_second();
                signer
                    .sign(&id.to_string(), second, body.as_bytes())
                    .unwrap()
            });
            assert_eq!(header(&secrets, id, at, body), theirs.join(" "));
        }
    }
}

//! Proof Key for Code Exchange (RFC 7636): who exchanges a code must be who asked for
//! it. Only `S256`; a code without a challenge is not given.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// The one method.
pub(crate) const S256: &str = "S256";

/// The SHA-256 of a verifier that will be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Challenge([u8; 32]);

impl Challenge {
    /// Reads it: 32 bytes in base64url without padding.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Self::stored(&bytes)
    }

    /// Reads its column.
    pub(crate) fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// For its column.
    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether a verifier, of 43 to 128 unreserved characters, is the one. Hashes are
    /// compared, so that the time that takes says nothing about the verifier.
    pub(crate) fn is_of(&self, verifier: &str) -> bool {
        (43..=128).contains(&verifier.len())
            && verifier
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
            && <[u8; 32]>::from(Sha256::digest(verifier.as_bytes())) == self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_standard_holds() {
        let challenge =
            Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").expect("a challenge");
        assert!(challenge.is_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_of("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
    }

    #[test]
    fn what_is_no_hash_is_no_challenge() {
        for text in [
            "",
            "E9Melhoa",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM",
        ] {
            assert_eq!(Challenge::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn only_the_verifier_fits(verifier in "[A-Za-z0-9._~-]{43,128}", other in "\\PC{0,130}") {
            let challenge = Challenge(Sha256::digest(verifier.as_bytes()).into());
            prop_assert!(challenge.is_of(&verifier));
            prop_assert!(verifier == other || !challenge.is_of(&other));
            prop_assert_eq!(Challenge::parse(&URL_SAFE_NO_PAD.encode(challenge.0)), Some(challenge));
        }

        #[test]
        fn a_verifier_of_another_form_never_fits(short in "[a-z]{0,42}", long in "[a-z]{129,140}", strange in "[a-z]{43} ") {
            for verifier in [short, long, strange] {
                let challenge = Challenge(Sha256::digest(verifier.as_bytes()).into());
                prop_assert!(!challenge.is_of(&verifier));
            }
        }
    }
}

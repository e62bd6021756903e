//! The verifier that PostgreSQL keeps of a password (RFC 5802, RFC 7677): made here,
//! so that no statement carries a role's password.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Iterations slow down whoever guesses passwords from a stolen verifier. Those of
/// roles have 256 random bits, which nobody guesses; what would be slowed down is
/// every login.
const ITERATIONS: u32 = 1;

/// The verifier of a password with that much entropy, as `ALTER ROLE … PASSWORD` takes it.
pub(crate) fn verifier(password: &str) -> String {
    let salt: [u8; 16] = rand::random();
    let keys = Keys::derive(password, &salt, ITERATIONS);
    format!(
        "SCRAM-SHA-256${ITERATIONS}:{}${}:{}",
        BASE64_STANDARD.encode(salt),
        BASE64_STANDARD.encode(keys.stored),
        BASE64_STANDARD.encode(keys.server)
    )
}

/// HMAC-SHA-256.
pub(crate) fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// What the server knows: enough to check a login and to prove itself.
struct Keys {
    stored: [u8; 32],
    server: [u8; 32],
}

impl Keys {
    fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        // Hi() of RFC 5802, the first block of PBKDF2.
        let mut round = hmac(password.as_bytes(), &[salt, &[0, 0, 0, 1]].concat());
        let mut salted = round;
        for _ in 1..iterations {
            round = hmac(password.as_bytes(), &round);
            salted
                .iter_mut()
                .zip(round)
                .for_each(|(sum, byte)| *sum ^= byte);
        }
        Self {
            stored: Sha256::digest(hmac(&salted, b"Client Key")).into(),
            server: hmac(&salted, b"Server Key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange that RFC 7677 gives as an example.
    #[test]
    fn the_example_of_the_standard_is_accepted() {
        const NONCE: &str = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let decode = |text: &str| BASE64_STANDARD.decode(text).expect("base64");
        let keys = Keys::derive("pencil", &decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
        let exchange = format!(
            "n=user,r=rOprNGfwEbeRWgbNEkqO,r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={NONCE}"
        );

        let signature = hmac(&keys.stored, exchange.as_bytes());
        let proof = decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let client: Vec<u8> = proof
            .iter()
            .zip(signature)
            .map(|(proof, byte)| proof ^ byte)
            .collect();
        assert_eq!(
            Sha256::digest(client)[..],
            keys.stored,
            "the client's proof"
        );
        assert_eq!(
            hmac(&keys.server, exchange.as_bytes())[..],
            decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
            "the server's proof"
        );
    }

    #[test]
    fn a_verifier_needs_no_quoting_and_does_not_hold_the_password() {
        let verifier = verifier("0123456789abcdef");
        assert!(
            verifier
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-$:+/=".contains(&byte)),
            "{verifier}"
        );
        assert!(!verifier.contains("0123456789abcdef"));
    }
}

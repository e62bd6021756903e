//! An authenticator in software: what a security key and the browser before it do
//! (WebAuthn Level 3, sections 5.8.1, 6.1 and 6.5), and what a bad one could do.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const HAS_CREDENTIAL: u8 = 0x40;

/// An authenticator and the browser that it is plugged into.
pub(crate) struct Authenticator {
    /// The page that asks.
    pub(crate) origin: String,
    /// Whether its user showed a finger.
    pub(crate) verifies: bool,
    /// Whether its keys are in a keychain.
    pub(crate) synchronised: bool,
    /// The signatures that it has made; synchronised ones do not count.
    pub(crate) counter: u32,
    /// The last key that it made.
    pub(crate) key: Option<Key>,
}

/// A key, and whose it is.
pub(crate) struct Key {
    pub(crate) id: Vec<u8>,
    pub(crate) user: Vec<u8>,
    pair: EcdsaKeyPair,
}

impl Authenticator {
    /// A security key, and the console.
    pub(crate) fn new() -> Self {
        Self {
            origin: "http://localhost:8080".to_owned(),
            verifies: true,
            synchronised: false,
            counter: 0,
            key: None,
        }
    }

    /// `navigator.credentials.create()`, and `toJSON()` of what comes of it.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        assert_eq!(
            options["authenticatorSelection"]["userVerification"],
            "required"
        );
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let id = Sha256::digest(pair.public_key()).to_vec();
        let user = BASE64URL
            .decode(text(&options["user"]["id"]))
            .expect("a user handle");
        self.key = Some(Key { id, user, pair });
        self.create_again(options)
    }

    /// Answers with the key that it has.
    pub(crate) fn create_again(&mut self, options: &Value) -> Value {
        let data = self.data(text(&options["rp"]["id"]), HAS_CREDENTIAL);
        let Key { id, pair, .. } = self.key.as_ref().expect("a key was made");
        let length = u16::try_from(id.len()).expect("a short id").to_be_bytes();
        let data = [&data[..], &[0; 16], &length, id, &cose(pair)].concat();
        let mut object = vec![0xa3];
        object.extend(cbor_text("fmt"));
        object.extend(cbor_text("none"));
        object.extend(cbor_text("attStmt"));
        object.push(0xa0);
        object.extend(cbor_text("authData"));
        object.extend(cbor_bytes(&data));
        json!({
            "id": BASE64URL.encode(id),
            "rawId": BASE64URL.encode(id),
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "attestationObject": BASE64URL.encode(object),
                "clientDataJSON": BASE64URL.encode(self.client_data("webauthn.create", options)),
                "transports": ["usb", "something-new"],
            },
        })
    }

    /// `navigator.credentials.get()`, and `toJSON()` of what comes of it.
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        assert_eq!(options["userVerification"], "required");
        assert_eq!(options["allowCredentials"], json!([]), "no keys are told");
        let data = self.data(text(&options["rpId"]), 0);
        let client_data = self.client_data("webauthn.get", options);
        let Key { id, user, pair } = self.key.as_ref().expect("a key was made");
        let signed = [&data[..], &Sha256::digest(&client_data)].concat();
        let signature = pair
            .sign(&SystemRandom::new(), &signed)
            .expect("a signature");
        json!({
            "id": BASE64URL.encode(id),
            "rawId": BASE64URL.encode(id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "authenticatorData": BASE64URL.encode(data),
                "clientDataJSON": BASE64URL.encode(client_data),
                "signature": BASE64URL.encode(signature.as_ref()),
                "userHandle": BASE64URL.encode(user),
            },
        })
    }

    /// What somebody could answer who has no key at all.
    pub(crate) fn forged(options: &Value) -> Value {
        let mut forger = Self::new();
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        forger.key = Some(Key {
            id: vec![7; 32],
            user: vec![7; 16],
            pair,
        });
        forger.get(options)
    }

    /// The authenticator data without a credential.
    fn data(&mut self, rp_id: &str, flags: u8) -> Vec<u8> {
        let mut flags = flags | USER_PRESENT;
        if self.verifies {
            flags |= USER_VERIFIED;
        }
        if self.synchronised {
            flags |= BACKUP_ELIGIBLE | BACKED_UP;
        } else {
            self.counter += 1;
        }
        [
            &Sha256::digest(rp_id)[..],
            &[flags],
            &self.counter.to_be_bytes(),
        ]
        .concat()
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false,
        });
        data.to_string().into_bytes()
    }
}

/// The public key as COSE writes it (RFC 9053, section 7.1): ES256 on P-256.
fn cose(pair: &EcdsaKeyPair) -> Vec<u8> {
    let point = pair.public_key().as_ref();
    let (x, y) = (&point[1..33], &point[33..65]);
    let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21];
    key.extend(cbor_bytes(x));
    key.push(0x22);
    key.extend(cbor_bytes(y));
    key
}

fn cbor_text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a short text");
    assert!(length < 24, "a short text");
    [&[0x60 | length], text.as_bytes()].concat()
}

fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("not too long");
    [&[0x59], &length.to_be_bytes()[..], bytes].concat()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

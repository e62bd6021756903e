//! Access tokens: any text, and a good token with changes. Whatever is accepted names
//! exactly whom the key has signed for.
#![no_main]

use std::sync::LazyLock;

use galen_access::{Authentication, Grants, KeySet, Method, Principal, Role, SigningKey};
use galen_kernel::{Clock, Timestamp};
use libfuzzer_sys::fuzz_target;

const ISSUER: &str = "https://galen.test";

struct Desk {
    keys: KeySet,
    principal: Principal,
    token: String,
    now: Timestamp,
}

static DESK: LazyLock<Desk> = LazyLock::new(|| {
    let clock = Clock::manual("2026-11-02T08:00:00Z".parse().expect("an instant"));
    let key = SigningKey::generate().expect("randomness");
    let keys = KeySet::new(ISSUER);
    keys.replace(serde_json::json!({ "keys": [key.jwk()] }))
        .expect("a good key");
    let principal = Principal {
        user_id: clock.id(),
        session_id: clock.id(),
        roles: vec![Role::Patient],
        grants: Grants::default(),
        patient_id: Some(clock.id()),
        practitioner_id: None,
    };
    let now = clock.now();
    let shown = Authentication::new(&[Method::Password], now);
    let token = key
        .sign(&principal, &shown, ISSUER, now)
        .expect("a good key signs");
    Desk {
        keys,
        principal,
        token,
        now,
    }
});

fuzz_target!(|data: &[u8]| {
    let desk = &*DESK;
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(
            desk.keys.verify(text, desk.now).is_err(),
            "nobody signed {text}"
        );
        // A key set that nobody has asked for is taken as a whole or not at all.
        if let Ok(document) = serde_json::from_str(text) {
            let _ = KeySet::new(ISSUER).replace(document);
        }
    }
    // Pairs of a place and a byte: the token with these places overwritten.
    let mut changed = desk.token.clone().into_bytes();
    for pair in data.chunks_exact(3).take(8) {
        let place = usize::from(u16::from_be_bytes([pair[0], pair[1]])) % changed.len();
        changed[place] = pair[2];
    }
    if let Ok(text) = String::from_utf8(changed)
        && let Ok(principal) = desk.keys.verify(&text, desk.now)
    {
        assert_eq!(principal, desk.principal, "{text}");
        assert_eq!(text, desk.token, "two spellings of one token");
    }
});

//! Tokens that are accepted, and all the others.

use std::time::{Duration, Instant};

use galen_kernel::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://hospital.test";

struct Desk {
    key: SigningKey,
    keys: KeySet,
    principal: Principal,
    clock: Clock,
}

fn desk() -> Desk {
    let clock = Clock::manual("2026-11-02T08:00:00Z".parse().unwrap());
    let key = SigningKey::generate().unwrap();
    let keys = KeySet::new(ISSUER);
    keys.replace(json!({ "keys": [key.jwk()] })).unwrap();
    let principal = Principal {
        user_id: clock.id(),
        session_id: clock.id(),
        roles: vec![Role::Doctor, Role::Patient],
        grants: Grants::default(),
        patient_id: Some(clock.id()),
        practitioner_id: Some(clock.id()),
    };
    Desk {
        key,
        keys,
        principal,
        clock,
    }
}

impl Desk {
    fn shown(&self) -> Authentication {
        Authentication::new(&[Method::Password], self.clock.now())
    }

    fn token(&self) -> String {
        self.key
            .sign(&self.principal, &self.shown(), ISSUER, self.clock.now())
            .unwrap()
    }

    fn verify(&self, token: &str) -> Result<Principal, TokenError> {
        self.keys.verify(token, self.clock.now())
    }

    /// A well-signed token with other claims than `sign` would write.
    fn token_with(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = claims_of(&self.token());
        change(&mut claims);
        self.key.sign_claims(&claims).unwrap()
    }
}

fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn with_header(token: &str, header: &Value) -> String {
    let rest = token.split_once('.').unwrap().1;
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[test]
fn a_token_names_its_principal() {
    let desk = desk();
    assert_eq!(desk.verify(&desk.token()), Ok(desk.principal));
}

#[test]
fn a_token_is_not_accepted_after_its_end_and_leeway() {
    let desk = desk();
    let token = desk.token();
    desk.clock
        .advance(SignedDuration::from_secs(ACCESS_TOKEN_SECONDS + 29));
    let verified = desk.keys.verify_whole(&token, desk.clock.now()).unwrap();
    desk.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(verified.until, desk.clock.now());
    assert_eq!(desk.verify(&token), Err(TokenError::Expired));
}

#[test]
fn a_token_from_the_future_is_not_accepted_beyond_leeway() {
    let desk = desk();
    let now = desk.clock.now();
    let token = desk.token();
    assert!(
        desk.keys
            .verify(&token, now - SignedDuration::from_secs(30))
            .is_ok()
    );
    assert_eq!(
        desk.keys
            .verify(&token, now - SignedDuration::from_secs(31)),
        Err(TokenError::NotYetValid)
    );
}

#[test]
fn an_unsigned_token_is_refused() {
    let desk = desk();
    let token = desk.token();
    let kid = desk.key.kid();
    for alg in ["none", "None", "NONE"] {
        let unsigned = with_header(&token, &json!({ "alg": alg, "typ": "JWT", "kid": kid }));
        let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
        assert!(desk.verify(&unsigned).is_err(), "{alg}");
    }
}

#[test]
fn the_public_key_is_not_a_shared_secret() {
    let desk = desk();
    let jwk = desk.key.jwk();
    let public = [b"\x04".to_vec(), decode(&jwk["x"]), decode(&jwk["y"])].concat();
    for secret in [public, jwk.to_string().into_bytes()] {
        let header = Header {
            kid: Some(desk.key.kid().to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        let forged = jsonwebtoken::encode(
            &header,
            &claims_of(&desk.token()),
            &EncodingKey::from_secret(&secret),
        )
        .unwrap();
        assert_eq!(desk.verify(&forged), Err(TokenError::NotForHere));
    }
}

fn decode(part: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part.as_str().unwrap()).unwrap()
}

#[test]
fn another_issuer_or_audience_is_refused() {
    let desk = desk();
    let elsewhere = desk
        .key
        .sign(
            &desk.principal,
            &desk.shown(),
            "https://elsewhere.test",
            desk.clock.now(),
        )
        .unwrap();
    assert_eq!(desk.verify(&elsewhere), Err(TokenError::NotForHere));
    let other_audience = desk.token_with(|claims| claims["aud"] = json!("someone"));
    assert_eq!(desk.verify(&other_audience), Err(TokenError::NotForHere));
}

#[test]
fn a_token_without_one_of_its_claims_is_refused() {
    let desk = desk();
    assert!(
        desk.verify(&desk.token_with(|_| ())).is_ok(),
        "the re-signed token itself is fine"
    );
    for claim in [
        "iss", "aud", "sub", "sid", "roles", "iat", "nbf", "exp", "jti",
    ] {
        let token = desk.token_with(|claims| {
            claims.as_object_mut().unwrap().remove(claim);
        });
        assert_eq!(desk.verify(&token), Err(TokenError::Invalid), "{claim}");
    }
}

#[test]
fn a_token_says_when_and_how_its_holder_showed_who_they_are() {
    let desk = desk();
    let at = desk.clock.now() - SignedDuration::from_hours(5);
    let shown = Authentication::new(&[Method::Password, Method::OneTimeCode], at);
    let token = desk
        .key
        .sign(&desk.principal, &shown, ISSUER, desk.clock.now())
        .unwrap();
    let verified = desk.keys.verify_whole(&token, desk.clock.now()).unwrap();
    assert_eq!(verified.authentication, shown);
    assert_eq!(claims_of(&token)["amr"], json!(["pwd", "otp"]));

    let silent = desk.token_with(|claims| {
        let claims = claims.as_object_mut().unwrap();
        claims.remove("auth_time");
        claims.remove("amr");
    });
    let verified = desk.keys.verify_whole(&silent, desk.clock.now()).unwrap();
    assert!(!verified.authentication.is_recent(desk.clock.now()));
}

#[test]
fn a_token_for_a_client_is_not_for_the_api() {
    let desk = desk();
    let (user, session) = (desk.principal.user_id, desk.principal.session_id);
    let token = desk
        .key
        .sign_for_userinfo(user, session, &desk.shown(), ISSUER, desk.clock.now())
        .unwrap();
    assert_eq!(desk.verify(&token), Err(TokenError::NotForHere));
    let both = [AUDIENCE, USERINFO_AUDIENCE];
    let verified = desk.keys.verify_for(&both, &token, desk.clock.now());
    let principal = verified.unwrap().principal;
    assert_eq!((principal.user_id, principal.session_id), (user, session));
    assert!(principal.roles.is_empty() && principal.patient_id.is_none());
}

#[test]
fn other_claims_are_read_when_one_of_the_keys_signed_them() {
    let desk = desk();
    let claims = json!({ "iss": "https://galen.test", "aud": "a client", "exp": 1 });
    let token = desk.key.sign_claims(&claims).unwrap();
    assert_eq!(desk.keys.signed_claims::<Value>(&token), Ok(claims.clone()));
    assert!(desk.verify(&token).is_err());
    let stranger = SigningKey::generate().unwrap();
    let foreign = stranger.sign_claims(&claims).unwrap();
    let unsigned = with_header(&token, &json!({ "alg": "none", "kid": desk.key.kid() }));
    for token in [foreign, unsigned] {
        assert!(desk.keys.signed_claims::<Value>(&token).is_err());
    }
}

#[test]
fn a_key_that_is_not_in_the_set_signs_nothing() {
    let desk = desk();
    let stranger = SigningKey::generate().unwrap();
    let token = stranger
        .sign(&desk.principal, &desk.shown(), ISSUER, desk.clock.now())
        .unwrap();
    assert_eq!(
        desk.verify(&token),
        Err(TokenError::Invalid),
        "unknown key id"
    );
    let impostor = SigningKey::from_pkcs8(desk.key.kid(), stranger.pkcs8()).unwrap();
    let token = impostor
        .sign(&desk.principal, &desk.shown(), ISSUER, desk.clock.now())
        .unwrap();
    assert_eq!(
        desk.verify(&token),
        Err(TokenError::Invalid),
        "known key id, other key"
    );
}

#[test]
fn a_token_lives_on_while_its_key_is_in_the_set() {
    let desk = desk();
    let token = desk.token();
    let next = SigningKey::generate().unwrap();
    desk.keys
        .replace(json!({ "keys": [next.jwk(), desk.key.jwk()] }))
        .unwrap();
    assert!(desk.verify(&token).is_ok());
    desk.keys.replace(json!({ "keys": [next.jwk()] })).unwrap();
    assert_eq!(desk.verify(&token), Err(TokenError::Invalid));
}

#[test]
fn an_altered_token_is_refused() {
    let desk = desk();
    let token = desk.token();
    let mut claims = claims_of(&token);
    claims["roles"] = json!(["ADMIN"]);
    let parts: Vec<&str> = token.split('.').collect();
    let altered = format!(
        "{}.{}.{}",
        parts[0],
        URL_SAFE_NO_PAD.encode(claims.to_string()),
        parts[2]
    );
    assert_eq!(desk.verify(&altered), Err(TokenError::Invalid));
}

#[test]
fn what_is_not_a_token_is_refused() {
    let desk = desk();
    for text in ["", ".", "..", "a.b.c", "é.é.é", &"x".repeat(100_000)] {
        assert!(desk.verify(text).is_err());
    }
}

#[test]
fn a_broken_key_set_changes_nothing() {
    let desk = desk();
    let token = desk.token();
    for broken in [
        json!([]),
        json!({}),
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "a", "x": "!", "y": "!" }] }),
    ] {
        assert!(desk.keys.replace(broken).is_err());
    }
    assert!(desk.verify(&token).is_ok());
}

#[test]
fn keys_of_other_kinds_are_passed_over() {
    let desk = desk();
    desk.keys
        .replace(json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }, desk.key.jwk()] }))
        .unwrap();
    assert!(desk.verify(&desk.token()).is_ok());
}

#[test]
fn roles_of_a_later_version_grant_nothing() {
    let desk = desk();
    let token = desk.token_with(|claims| claims["roles"] = json!(["ASTRONAUT", "NURSE"]));
    assert_eq!(desk.verify(&token).unwrap().roles, [Role::Nurse]);
}

#[test]
fn a_key_survives_its_document() {
    let key = SigningKey::generate().unwrap();
    let again = SigningKey::from_pkcs8(key.kid(), key.pkcs8()).unwrap();
    assert_eq!(again.jwk(), key.jwk());
    assert!(SigningKey::from_pkcs8("x", b"not a key").is_err());
}

/// The way of every request leads through here, so a slow check is a slow system.
#[test]
fn checking_takes_far_less_than_a_millisecond() {
    let desk = desk();
    let token = desk.token();
    let fastest = (0..50)
        .map(|_| {
            let start = Instant::now();
            assert!(desk.verify(&token).is_ok());
            start.elapsed()
        })
        .min();
    assert!(fastest < Some(Duration::from_millis(1)), "{fastest:?}");
}

//! The keys that sign access tokens.

use axum::Router;
use galen_access::{Authentication, Principal, Role};
use galen_service::Service as _;
use galen_service::testing::TestApi;
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::Value;

use crate::hospital::{ADMIN_PASSWORD, Hospital, tokens};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn kids(jwks: &Value) -> Vec<String> {
    let keys = jwks["keys"].as_array().expect("keys");
    keys.iter()
        .map(|key| key["kid"].as_str().expect("a kid").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn public_keys_are_where_others_look_for_them_and_nothing_private_is() {
    let hospital = Hospital::open().await;
    let below = hospital.api.anonymous().get("/auth/jwks.json").await;
    assert_eq!(below.status, StatusCode::OK);
    let routes = Router::new().merge(hospital.identity.well_known());
    let root = TestApi::with_routes(routes, &hospital.platform);
    let known = root
        .anonymous()
        .send(Method::GET, "/.well-known/jwks.json", "".into())
        .await;
    assert_eq!(known.body, below.body);
    assert_eq!(kids(&below.body).len(), 2, "the current one and the next");
    for key in below.body["keys"].as_array().expect("keys") {
        assert_eq!(
            (&key["kty"], &key["alg"], &key["use"]),
            (&"EC".into(), &"ES256".into(), &"sig".into())
        );
        assert!(key.get("d").is_none(), "no private part");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_survive_a_rotation_and_their_key_does_not_outlive_them() {
    let hospital = Hospital::open().await;
    let before = kids(&hospital.platform.keys.jwks());
    assert_eq!(hospital.run_job("identity.rotate-keys").await, 0);
    hospital.clock.advance(DAY * 30);
    let old = hospital.register("nadia").await;
    assert_eq!(hospital.run_job("identity.rotate-keys").await, 1);
    let after = kids(&hospital.platform.keys.jwks());
    assert_eq!(after.len(), 3);
    assert!(before.iter().all(|kid| after.contains(kid)));

    // Both the token of the old key and one of the new key are accepted.
    hospital.me(&old).await;
    let new = tokens(&hospital.refresh(&old.refresh).await, StatusCode::OK);
    hospital.me(&new).await;
    assert_ne!(kid_of(&old.access), kid_of(&new.access));

    hospital.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(hospital.run_job("identity.rotate-keys").await, 1);
    assert_eq!(kids(&hospital.platform.keys.jwks()).len(), 2);
    assert_eq!(hospital.complaints().await, Vec::<String>::new());
}

fn kid_of(token: &str) -> String {
    use base64::Engine as _;
    let header = token.split('.').next().expect("a header");
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(header)
        .expect("base64url");
    let header: Value = serde_json::from_slice(&json).expect("JSON");
    header["kid"].as_str().expect("a kid").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_uses_the_same_keys() {
    let hospital = Hospital::open().await;
    let (platform, identity) = hospital.another_process(&[]).await;
    identity.expect("it starts");
    assert_eq!(
        kids(&platform.keys.jwks()),
        kids(&hospital.platform.keys.jwks())
    );
    let tokens = hospital.log_in("admin", ADMIN_PASSWORD).await;
    platform
        .keys
        .verify(&tokens.access, hospital.clock.now())
        .expect("one hospital, one key set");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_key_is_not_accepted() {
    let hospital = Hospital::open().await;
    let stranger = galen_access::SigningKey::generate().expect("a key");
    let principal = Principal {
        user_id: hospital.clock.id(),
        session_id: hospital.clock.id(),
        roles: vec![Role::Admin],
        grants: galen_access::Grants::default(),
        patient_id: None,
        practitioner_id: None,
    };
    let shown = Authentication::new(&[galen_access::Method::Password], hospital.clock.now());
    let forged = stranger
        .sign(
            &principal,
            &shown,
            hospital.platform.keys.issuer(),
            hospital.clock.now(),
        )
        .expect("signed");
    assert_eq!(
        hospital.api.with_token(&forged).get("/users").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn stored_keys_are_sealed_those_of_an_older_version_too() {
    let hospital = Hospital::open().await;
    let clear: i64 = sqlx::query_scalar(
        "select count(*) from identity.signing_key where pkcs8 is not null or sealed is null",
    )
    .fetch_one(hospital.behind_the_curtain())
    .await
    .expect("counted");
    assert_eq!(clear, 0);

    // As an older version has left them.
    let old = [("CURRENT", "now()"), ("NEXT", "null")].map(|(state, activated)| {
        let key = galen_access::SigningKey::generate().expect("randomness");
        (state, activated, key)
    });
    sqlx::query("delete from identity.signing_key")
        .execute(hospital.behind_the_curtain())
        .await
        .expect("deleted");
    for (state, activated, key) in &old {
        let sql = format!(
            "insert into identity.signing_key (kid, pkcs8, state, created_at, activated_at)
             values ($1, $2, '{state}', now(), {activated})"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(key.kid())
            .bind(key.pkcs8())
            .execute(hospital.behind_the_curtain())
            .await
            .expect("stored");
    }
    for _ in 0..2 {
        let (platform, identity) = hospital.another_process(&[]).await;
        assert!(identity.is_ok());
        let expected: Vec<_> = old.iter().map(|(_, _, key)| key.kid().to_owned()).collect();
        assert_eq!(kids(&platform.keys.jwks()), expected, "none is made anew");
    }
    let stored: Vec<(Option<Vec<u8>>, Vec<u8>)> =
        sqlx::query_as("select pkcs8, sealed from identity.signing_key")
            .fetch_all(hospital.behind_the_curtain())
            .await
            .expect("they are sealed");
    assert_eq!(stored.len(), 2);
    for (pkcs8, sealed) in stored {
        assert_eq!(pkcs8, None);
        for (_, _, key) in &old {
            let secret = &key.pkcs8()[36..68];
            assert!(!sealed.windows(32).any(|part| part == secret));
        }
    }
}

//! Sessions that end take their access tokens with them.

use galen_contracts::identity::v1::SessionsEnded;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::hospital::{ADMIN_PASSWORD, Hospital, PASSWORD, Tokens, tokens};

const NEW_PASSWORD: &str = "another horse, another battery";

async fn status(hospital: &Hospital, held: &Tokens) -> StatusCode {
    hospital.holder_of(held).get("/auth/me").await.status
}

async fn session_of(hospital: &Hospital, held: &Tokens) -> String {
    hospital.principal_of(held).session_id.to_string()
}

async fn expect_ended(hospital: &Hospital, ended: &[&Tokens], alive: &[&Tokens]) {
    for held in ended {
        assert_eq!(status(hospital, held).await, StatusCode::UNAUTHORIZED);
        let refreshed = hospital.refresh(&held.refresh).await;
        assert_eq!(refreshed.status, StatusCode::UNAUTHORIZED);
    }
    for held in alive {
        assert_eq!(status(hospital, held).await, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_the_access_token_too() {
    let hospital = Hospital::open().await;
    let (first, second) = (
        hospital.register("nadia").await,
        hospital.log_in("nadia", PASSWORD).await,
    );
    let other = hospital.log_in("nadia", PASSWORD).await;
    let session = session_of(&hospital, &first).await;

    let by_access = hospital.holder_of(&first);
    assert_eq!(
        by_access.post("/auth/logout", Value::Null).await.status,
        StatusCode::NO_CONTENT
    );
    let body = json!({ "refreshToken": second.refresh });
    let by_refresh = hospital.api.anonymous().post("/auth/logout", body).await;
    assert_eq!(by_refresh.status, StatusCode::NO_CONTENT);
    expect_ended(&hospital, &[&first, &second], &[&other]).await;

    let told = hospital.published_of::<SessionsEnded>().await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["sessionIds"], json!([session]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_ended_from_elsewhere_is_over() {
    let hospital = Hospital::open().await;
    let (here, lost) = (
        hospital.register("nadia").await,
        hospital.log_in("nadia", PASSWORD).await,
    );
    let path = format!("/auth/sessions/{}", session_of(&hospital, &lost).await);
    assert_eq!(
        hospital.holder_of(&here).delete(&path).await.status,
        StatusCode::NO_CONTENT
    );
    expect_ended(&hospital, &[&lost], &[&here]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_used_twice_ends_the_thiefs_access_token() {
    let hospital = Hospital::open().await;
    let owner = hospital.register("nadia").await;
    let thief = tokens(&hospital.refresh(&owner.refresh).await, StatusCode::OK);
    assert_eq!(status(&hospital, &thief).await, StatusCode::OK);
    let reused = hospital.refresh(&owner.refresh).await;
    assert_eq!(reused.status, StatusCode::UNAUTHORIZED);
    expect_ended(&hospital, &[&owner, &thief], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_is_out_at_once() {
    let hospital = Hospital::open().await;
    let held = hospital.log_in("admin", ADMIN_PASSWORD).await;
    let admin = hospital.holder_of(&held);
    let hired = hospital.hire(&admin, "mallory", &["NURSE"]).await;
    let (first, second) = (
        hospital.log_in("mallory", PASSWORD).await,
        hospital.log_in("mallory", PASSWORD).await,
    );
    let path = format!("/users/{}", hired["id"].as_str().expect("an id"));
    let locked = admin.patch(&path, json!({ "locked": true })).await;
    assert_eq!(locked.status, StatusCode::OK);
    expect_ended(&hospital, &[&first, &second], &[&held]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_roles_end_all_sessions_and_another_address_none() {
    let hospital = Hospital::open().await;
    let held = hospital.log_in("admin", ADMIN_PASSWORD).await;
    let admin = hospital.holder_of(&held);
    let hired = hospital.hire(&admin, "nadia", &["DOCTOR", "ADMIN"]).await;
    let before = hospital.log_in("nadia", PASSWORD).await;
    let path = format!("/users/{}", hired["id"].as_str().expect("an id"));

    let moved = admin.patch(&path, json!({ "email": "n@example.org" }));
    assert_eq!(moved.await.status, StatusCode::OK);
    let same = admin.patch(&path, json!({ "roles": ["ADMIN", "DOCTOR"] }));
    assert_eq!(same.await.status, StatusCode::OK);
    expect_ended(&hospital, &[], &[&before]).await;

    let demoted = admin.patch(&path, json!({ "roles": ["DOCTOR"] })).await;
    assert_eq!(demoted.status, StatusCode::OK);
    expect_ended(&hospital, &[&before], &[&held]).await;
    let after = hospital.log_in("nadia", PASSWORD).await;
    assert_eq!(
        hospital.holder_of(&after).get("/users").await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_every_session() {
    let hospital = Hospital::open().await;
    let held = hospital.log_in("admin", ADMIN_PASSWORD).await;
    let admin = hospital.holder_of(&held);
    let body = json!({ "username": "nadia", "password": PASSWORD, "roles": ["NURSE"], "email": "n@example.org" });
    assert_eq!(admin.post("/users", body).await.status, StatusCode::CREATED);
    let thief = hospital.log_in("nadia", PASSWORD).await;
    let forgot = hospital.api.anonymous();
    let forgot = forgot.post("/auth/password/forgot", json!({ "username": "nadia" }));
    assert_eq!(forgot.await.status, StatusCode::NO_CONTENT);
    let wanted = hospital
        .published_of::<galen_contracts::identity::v1::CredentialLinkRequested>()
        .await;
    let link = wanted[0]["linkId"].as_str().expect("a link");
    let secret = hospital.minted_secret(link).await;
    let reset = hospital.redeem("/auth/password/reset", &secret, NEW_PASSWORD);
    assert_eq!(reset.await.status, StatusCode::NO_CONTENT);
    expect_ended(&hospital, &[&thief], &[&held]).await;
    hospital.log_in("nadia", NEW_PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_starts_later_refuses_what_ended_before() {
    let hospital = Hospital::open().await;
    let (ended, alive) = (
        hospital.register("nadia").await,
        hospital.log_in("nadia", PASSWORD).await,
    );
    let caller = hospital.holder_of(&ended);
    caller.post("/auth/logout", Value::Null).await;
    hospital.clock.advance(SignedDuration::from_mins(10));

    let (platform, started) = hospital.another_process(&[]).await;
    started.expect("identity starts");
    let now = hospital.clock.now();
    assert_eq!(
        platform.keys.verify(&ended.access, now),
        Err(galen_access::TokenError::Ended)
    );
    assert!(platform.keys.verify(&alive.access, now).is_ok());

    // Nothing is remembered for longer than a token could live.
    hospital.clock.advance(SignedDuration::from_mins(10));
    let (platform, started) = hospital.another_process(&[]).await;
    started.expect("identity starts");
    assert!(platform.keys.ended().is_empty());
}

//! Links to choose a password.

use futures::future::join_all;
use galen_contracts::identity::v1::CredentialLinkRequested;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use crate::hospital::{ADMIN_PASSWORD, Hospital, PASSWORD, nowhere};

/// A colleague without a password, and the link they are mailed.
async fn hired_by_mail(hospital: &Hospital) -> String {
    let admin = hospital.admin().await;
    let body = json!({ "username": "nurse", "roles": ["NURSE"], "email": "nurse@example.org" });
    assert_eq!(admin.post("/users", body).await.status, StatusCode::CREATED);
    last_link(hospital).await
}

async fn last_link(hospital: &Hospital) -> String {
    let asked = hospital.published_of::<CredentialLinkRequested>().await;
    asked.last().expect("a link was asked for")["linkId"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_chooses_their_password_by_mail() {
    let hospital = Hospital::open_with(&[
        ("identity.admin_password", ADMIN_PASSWORD),
        ("identity.public_url", "https://galen.example.org/"),
    ])
    .await;
    let link = hired_by_mail(&hospital).await;
    let minted = hospital.mint(&link).await.expect("an open link");
    assert!(
        minted
            .url
            .starts_with("https://galen.example.org/set-password#token="),
        "{}",
        minted.url
    );
    assert_eq!(
        (minted.email.as_str(), minted.username.as_str()),
        ("nurse@example.org", "nurse")
    );

    let secret = minted.url.split_once("#token=").expect("a fragment").1;
    assert_eq!(
        hospital.try_log_in("nurse", PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        hospital
            .redeem("/auth/password/set", secret, PASSWORD)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    hospital.log_in("nurse", PASSWORD).await;
    let again = hospital
        .redeem("/auth/password/set", secret, "another pass phrase")
        .await;
    assert_eq!(
        (again.status, again.pointers()),
        (StatusCode::BAD_REQUEST, vec!["/token"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_minting_makes_the_secrets_before_it_worthless() {
    let hospital = Hospital::open().await;
    let link = hired_by_mail(&hospital).await;
    let first = hospital.minted_secret(&link).await;
    let second = hospital.minted_secret(&link).await;
    assert_ne!(first, second);
    assert_eq!(
        hospital
            .redeem("/auth/password/set", &first, PASSWORD)
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        hospital
            .redeem("/auth/password/set", &second, PASSWORD)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_not_open_are_not_minted() {
    let hospital = Hospital::open().await;
    let link = hired_by_mail(&hospital).await;
    let code = |minted: Result<_, tonic::Status>| minted.map(drop).map_err(|status| status.code());
    assert_eq!(
        code(hospital.mint(&nowhere().to_string()).await),
        Err(tonic::Code::NotFound)
    );
    assert_eq!(
        code(hospital.mint("not an id").await),
        Err(tonic::Code::InvalidArgument)
    );

    let secret = hospital.minted_secret(&link).await;
    hospital
        .redeem("/auth/password/set", &secret, PASSWORD)
        .await;
    assert_eq!(
        code(hospital.mint(&link).await),
        Err(tonic::Code::FailedPrecondition)
    );

    hospital
        .api
        .anonymous()
        .post("/auth/password/forgot", json!({ "username": "nurse" }))
        .await;
    let forgotten = last_link(&hospital).await;
    hospital.clock.advance(SignedDuration::from_hours(73));
    assert_eq!(
        code(hospital.mint(&forgotten).await),
        Err(tonic::Code::FailedPrecondition)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_works_for_its_time_from_when_it_was_mailed() {
    let hospital = Hospital::open().await;
    let link = hired_by_mail(&hospital).await;
    hospital.clock.advance(SignedDuration::from_hours(48));
    let secret = hospital.minted_secret(&link).await;
    hospital.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(
        hospital
            .redeem("/auth/password/set", &secret, PASSWORD)
            .await
            .status,
        StatusCode::BAD_REQUEST
    );

    hospital.clock.advance(-SignedDuration::from_mins(1));
    assert_eq!(
        hospital
            .redeem("/auth/password/set", &secret, PASSWORD)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    hospital
        .api
        .anonymous()
        .post(
            "/auth/password/forgot",
            json!({ "email": "NURSE@example.org" }),
        )
        .await;
    let secret = hospital.minted_secret(&last_link(&hospital).await).await;
    hospital.clock.advance(SignedDuration::from_mins(61));
    assert_eq!(
        hospital
            .redeem("/auth/password/reset", &secret, PASSWORD)
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_sessions_and_failures_and_other_links() {
    let hospital = Hospital::open().await;
    let link = hired_by_mail(&hospital).await;
    let secret = hospital.minted_secret(&link).await;
    hospital
        .redeem("/auth/password/set", &secret, PASSWORD)
        .await;
    let session = hospital.log_in("nurse", PASSWORD).await;
    for _ in 0..9 {
        hospital.try_log_in("nurse", "forgotten it").await;
    }
    let mut links = Vec::new();
    for _ in 0..2 {
        hospital
            .api
            .anonymous()
            .post("/auth/password/forgot", json!({ "username": "Nurse" }))
            .await;
        links.push(last_link(&hospital).await);
        hospital.clock.advance(SignedDuration::from_mins(6));
    }
    assert_ne!(links[0], links[1]);
    let older = hospital.minted_secret(&links[0]).await;
    let newer = hospital.minted_secret(&links[1]).await;
    let reply = hospital
        .redeem("/auth/password/reset", &newer, "a whole new pass phrase")
        .await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{reply:?}");
    assert_eq!(
        hospital.refresh(&session.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        hospital
            .redeem("/auth/password/reset", &older, PASSWORD)
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
    hospital.log_in("nurse", "a whole new pass phrase").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_sets_one_password_however_many_try_at_once() {
    let hospital = Hospital::open().await;
    let link = hired_by_mail(&hospital).await;
    let secret = hospital.minted_secret(&link).await;
    let passwords: Vec<_> = (0..10).map(|n| format!("pass phrase number {n}")).collect();
    let replies = join_all(
        passwords
            .iter()
            .map(|password| hospital.redeem("/auth/password/set", &secret, password)),
    )
    .await;
    let winners: Vec<_> = (0..10)
        .filter(|n| replies[*n].status == StatusCode::NO_CONTENT)
        .map(|n| passwords[n].clone())
        .collect();
    assert_eq!(winners.len(), 1, "{replies:?}");
    hospital.log_in("nurse", &winners[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poor_password_does_not_use_the_link_up() {
    let hospital = Hospital::open().await;
    let link = hired_by_mail(&hospital).await;
    let secret = hospital.minted_secret(&link).await;
    for poor in ["short", "password123", &"x".repeat(129)] {
        let reply = hospital.redeem("/auth/password/set", &secret, poor).await;
        assert_eq!(
            (reply.status, reply.pointers()),
            (StatusCode::BAD_REQUEST, vec!["/newPassword"])
        );
    }
    assert_eq!(
        hospital
            .redeem("/auth/password/set", &secret, PASSWORD)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_tells_nobody_who_has_an_account() {
    let hospital = Hospital::open().await;
    let body = json!({ "username": "nadia", "password": PASSWORD, "email": "nadia@example.org" });
    hospital.api.anonymous().post("/auth/register", body).await;
    hospital.register("unreachable").await;
    let forget = |body| {
        let caller = hospital.api.anonymous();
        async move { caller.post("/auth/password/forgot", body).await }
    };
    let known = forget(json!({ "username": "nadia" })).await;
    assert_eq!(
        (known.status, known.bytes.len()),
        (StatusCode::NO_CONTENT, 0)
    );
    for body in [
        json!({ "username": "nobody" }),
        json!({ "username": "" }),
        json!({ "username": "bell\u{7}" }),
        json!({ "username": "unreachable" }),
        json!({ "email": "nobody@example.org" }),
        json!({ "email": "nadia@example.org" }),
    ] {
        let reply = forget(body.clone()).await;
        assert_eq!(
            (reply.status, reply.bytes.len()),
            (StatusCode::NO_CONTENT, 0),
            "{body}"
        );
    }
    // One mail: nobody is flooded.
    assert_eq!(
        hospital
            .published_of::<CredentialLinkRequested>()
            .await
            .len(),
        1
    );
    for body in [
        json!({}),
        json!({ "username": "a", "email": "a@b" }),
        json!({ "email": "nowhere" }),
        json!({ "username": null }),
    ] {
        assert_eq!(
            forget(body.clone()).await.status,
            StatusCode::BAD_REQUEST,
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_forget_at_once_get_one_mail() {
    let hospital = Hospital::open().await;
    let body = json!({ "username": "nadia", "password": PASSWORD, "email": "nadia@example.org" });
    hospital.api.anonymous().post("/auth/register", body).await;
    let caller = hospital.api.anonymous();
    join_all((0..20).map(|_| caller.post("/auth/password/forgot", json!({ "username": "nadia" }))))
        .await;
    assert_eq!(
        hospital
            .published_of::<CredentialLinkRequested>()
            .await
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_is_not_opened_by_mail() {
    let hospital = Hospital::open().await;
    let link = hired_by_mail(&hospital).await;
    let secret = hospital.minted_secret(&link).await;
    let admin = hospital.admin().await;
    let users = admin.get("/users?username=nurse").await.body;
    let path = format!(
        "/users/{}",
        users["items"][0]["id"].as_str().expect("an id")
    );
    admin.patch(&path, json!({ "locked": true })).await;
    assert_eq!(
        hospital
            .redeem("/auth/password/set", &secret, PASSWORD)
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        hospital.mint(&link).await.map_err(|status| status.code()),
        Err(tonic::Code::FailedPrecondition)
    );
    hospital
        .api
        .anonymous()
        .post("/auth/password/forgot", json!({ "username": "nurse" }))
        .await;
    assert_eq!(
        hospital
            .published_of::<CredentialLinkRequested>()
            .await
            .len(),
        1
    );
}

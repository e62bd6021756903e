//! Registering oneself.

use futures::future::join_all;
use http::StatusCode;
use serde_json::json;

use crate::hospital::{Hospital, PASSWORD};

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_becomes_a_patient_without_a_record() {
    let hospital = Hospital::open().await;
    let tokens = hospital.register("Nadia.Keller").await;
    let me = hospital.me(&tokens).await;
    assert_eq!(me["username"], "nadia.keller");
    assert_eq!(me["roles"], json!(["PATIENT"]));
    assert_eq!(me["patientId"], json!(null));
    hospital.log_in("NADIA.keller", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_chooses_their_own_role() {
    let hospital = Hospital::open().await;
    let body = json!({ "username": "mallory", "password": PASSWORD, "roles": ["ADMIN"] });
    let reply = hospital.api.anonymous().post("/auth/register", body).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        hospital.try_log_in("mallory", PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_named_at_once() {
    let hospital = Hospital::open().await;
    let body = json!({ "username": "no", "password": "short", "email": "nowhere" });
    let reply = hospital.api.anonymous().post("/auth/register", body).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    let mut pointers = reply.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/email", "/password", "/username"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_texts_are_refused_and_never_an_error_of_ours() {
    let hospital = Hospital::open().await;
    let long = "x".repeat(100_000);
    for (username, password, email) in [
        ("nul\u{0}name", PASSWORD, "a@b.org"),
        ("", PASSWORD, "a@b.org"),
        ("аdmin", PASSWORD, "a@b.org"),
        (long.as_str(), PASSWORD, "a@b.org"),
        ("nadia", long.as_str(), "a@b.org"),
        ("nadia", "password", "a@b.org"),
        ("nadia.keller", "Nadia.Keller", "a@b.org"),
        ("nadia", PASSWORD, "a\u{0}@b.org"),
        ("nadia", PASSWORD, long.as_str()),
    ] {
        let body = json!({ "username": username, "password": password, "email": email });
        let reply = hospital.api.anonymous().post("/auth/register", body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{:?}", reply.body);
        assert_eq!(reply.pointers().len(), 1, "{:?}", reply.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_want_one_name_one_gets_it() {
    let hospital = Hospital::open().await;
    let attempts = (0..50).map(|n| {
        let caller = hospital.api.anonymous();
        let name = if n % 2 == 0 { "popular" } else { "POPULAR" };
        async move {
            caller
                .post(
                    "/auth/register",
                    json!({ "username": name, "password": PASSWORD }),
                )
                .await
        }
    });
    let replies = join_all(attempts).await;
    let won = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::CREATED)
        .count();
    let lost = replies
        .iter()
        .filter(|reply| reply.code() == Some("USERNAME_TAKEN"))
        .count();
    assert_eq!((won, lost), (1, 49), "{replies:?}");
}

//! Seeing and ending one's sessions.

use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::hospital::{Hospital, PASSWORD, nowhere, tokens};

fn ids(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["id"].as_str().expect("an id"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sees_ones_own_sessions_and_which_one_asks() {
    let hospital = Hospital::open().await;
    hospital.register("somebody.else").await;
    let first = hospital.register("nadia").await;
    hospital.clock.advance(jiff::SignedDuration::from_secs(1));
    let browser = hospital
        .api
        .anonymous()
        .with_header(header::USER_AGENT, "Firefox");
    let login = browser
        .post(
            "/auth/login",
            json!({ "username": "nadia", "password": PASSWORD }),
        )
        .await;
    let second = tokens(&login, StatusCode::OK);

    let page = hospital.holder_of(&second).get("/auth/sessions").await.body;
    assert_eq!(ids(&page).len(), 2);
    assert_eq!(page["items"][0]["current"], false);
    assert_eq!(page["items"][1]["current"], true);
    assert_eq!(page["items"][1]["userAgent"], "Firefox");
    assert_eq!(page["items"][1]["methods"], json!(["pwd"]));
    assert_eq!(
        page["items"][1]["authenticatedAt"],
        page["items"][1]["createdAt"]
    );

    let caller = hospital.holder_of(&first);
    let one = caller.get("/auth/sessions?limit=1").await.body;
    let cursor = one["nextCursor"].as_str().expect("there is more");
    let rest = caller
        .get(&format!("/auth/sessions?limit=1&cursor={cursor}"))
        .await
        .body;
    assert_eq!([ids(&one), ids(&rest)].concat(), ids(&page));
    assert_eq!(rest["nextCursor"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ends_ones_own_sessions_and_nobody_elses() {
    let hospital = Hospital::open().await;
    let (nadia, lost) = (
        hospital.register("nadia").await,
        hospital.log_in("nadia", PASSWORD).await,
    );
    let mallory = hospital.register("mallory").await;
    let path = format!(
        "/auth/sessions/{}",
        hospital.me(&lost).await["sessionId"]
            .as_str()
            .expect("an id")
    );

    assert_eq!(
        hospital.holder_of(&mallory).delete(&path).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        hospital.holder_of(&nadia).delete(&path).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        hospital.holder_of(&nadia).delete(&path).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        hospital.refresh(&lost.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    tokens(&hospital.refresh(&nadia.refresh).await, StatusCode::OK);
    let nothing = format!("/auth/sessions/{}", nowhere());
    assert_eq!(
        hospital.holder_of(&nadia).delete(&nothing).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        hospital.api.anonymous().delete(&path).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_the_session_of_either_token() {
    let hospital = Hospital::open().await;
    let by_access = hospital.register("nadia").await;
    let by_refresh = hospital.log_in("nadia", PASSWORD).await;
    let anonymous = hospital.api.anonymous();

    assert_eq!(
        hospital
            .holder_of(&by_access)
            .post("/auth/logout", Value::Null)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    let body = json!({ "refreshToken": by_refresh.refresh });
    assert_eq!(
        anonymous.post("/auth/logout", body.clone()).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        anonymous.post("/auth/logout", body).await.status,
        StatusCode::NO_CONTENT
    );
    for ended in [by_access, by_refresh] {
        assert_eq!(
            hospital.refresh(&ended.refresh).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(
        anonymous.post("/auth/logout", Value::Null).await.status,
        StatusCode::UNAUTHORIZED
    );
    let null = anonymous.with_header(header::CONTENT_TYPE, "application/json");
    let null = null
        .send(http::Method::POST, "/api/v1/auth/logout", "null".into())
        .await;
    assert_eq!(null.status, StatusCode::UNAUTHORIZED);
    let unknown = anonymous
        .post("/auth/logout", json!({ "refreshToken": "unknown" }))
        .await;
    assert_eq!(unknown.status, StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ends_all_ones_other_sessions() {
    let hospital = Hospital::open().await;
    let kept = hospital.register("nadia").await;
    let lost = [
        hospital.log_in("nadia", PASSWORD).await,
        hospital.log_in("nadia", PASSWORD).await,
    ];
    let mallory = hospital.register("mallory").await;
    let caller = hospital.holder_of(&kept);
    assert_eq!(
        caller.delete("/auth/sessions").await.status,
        StatusCode::NO_CONTENT
    );
    for held in &lost {
        let answer = hospital.holder_of(held).get("/auth/me").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let renewed = hospital.refresh(&held.refresh).await;
        assert_eq!(renewed.status, StatusCode::UNAUTHORIZED);
    }
    for held in [&kept, &mallory] {
        let answer = hospital.holder_of(held).get("/auth/sessions").await;
        assert_eq!(ids(&answer.body).len(), 1);
    }
    assert_eq!(
        caller.delete("/auth/sessions").await.status,
        StatusCode::NO_CONTENT
    );
}

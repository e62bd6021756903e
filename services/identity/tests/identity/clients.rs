//! The registration of applications.

use galen_contracts::identity::v1::SessionsEnded;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::hospital::{ADMIN_PASSWORD, Hospital, PASSWORD, nowhere};
use crate::portal::{BACK, Portal};

fn wish(confidential: bool) -> Value {
    json!({ "name": " Portal ", "confidential": confidential, "redirectUris": [BACK] })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once_and_replaced_at_once() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let made = admin
        .key("register")
        .post("/oauth-clients", wish(true))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.header("cache-control"), Some("no-store"));
    assert_eq!(made.body["name"], "Portal");
    assert_eq!(made.body["apiAccess"], false);
    let secret = made.body["clientSecret"].as_str().expect("a secret");
    assert_eq!(secret.len(), 43);
    let path = format!(
        "/oauth-clients/{}",
        made.body["id"].as_str().expect("an id")
    );
    assert_eq!(made.header("location"), Some(&*format!("/api/v1{path}")));
    // The answer was not kept: the same key makes another client.
    let again = admin
        .key("register")
        .post("/oauth-clients", wish(true))
        .await;
    assert_ne!(again.body["id"], made.body["id"]);

    let seen = admin.get(&path).await;
    assert_eq!(seen.header("etag"), Some("\"1\""));
    assert_eq!(seen.body.get("clientSecret"), None);
    let listed = admin.get("/oauth-clients").await;
    let items = listed.body["items"].as_array().expect("clients");
    assert!(items.len() == 2 && items.contains(&seen.body), "{items:?}");
    let first = admin.get("/oauth-clients?limit=1").await;
    assert!(first.body["nextCursor"].is_string());

    let rotated = admin.patch(&path, json!({ "rotateSecret": true })).await;
    assert_eq!(rotated.status, StatusCode::OK, "{rotated:?}");
    assert_ne!(rotated.body["clientSecret"], made.body["clientSecret"]);
    assert_eq!(rotated.body["version"], 2);
    let stale = admin.if_match(1).patch(&path, json!({ "name": "x" })).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_has_no_secret() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let portal = Portal::register_as(&hospital, &admin, wish(false)).await;
    assert_eq!(portal.secret, None);
    let rotated = admin
        .patch(&portal.path(), json!({ "rotateSecret": true }))
        .await;
    assert_eq!(rotated.code(), Some("CLIENT_IS_PUBLIC"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_registration_is_pointed_at() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let wrong = json!({ "name": " ", "confidential": true, "redirectUris": [BACK, "http://portal.example/", BACK] });
    let refused = admin.post("/oauth-clients", wrong).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused.pointers(),
        ["/name", "/redirectUris/1", "/redirectUris/2"]
    );
    let portal = Portal::register(&hospital, &admin).await;
    for (change, pointer) in [
        (json!({ "redirectUris": [] }), "/redirectUris"),
        (
            json!({ "redirectUris": ["com.example.app:/back"] }),
            "/redirectUris/0",
        ),
        (json!({ "name": "bell\u{7}" }), "/name"),
        (json!({ "name": null }), "/name"),
        (json!({ "confidential": false }), "/confidential"),
    ] {
        let refused = admin.patch(&portal.path(), change).await;
        assert_eq!(refused.pointers(), [pointer], "{refused:?}");
    }
    let nobody = format!("/oauth-clients/{}", nowhere());
    assert_eq!(admin.get(&nobody).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.delete(&nobody).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_who_logged_in_lately_register_clients() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    hospital.hire(&admin, "auditor", &["AUDITOR"]).await;
    let auditor = hospital.holder_of(&hospital.log_in("auditor", PASSWORD).await);
    let portal = Portal::register(&hospital, &admin).await;
    assert_eq!(auditor.get(&portal.path()).await.status, StatusCode::OK);
    for refused in [
        auditor.post("/oauth-clients", wish(true)).await,
        auditor.patch(&portal.path(), json!({})).await,
        auditor.delete(&portal.path()).await,
    ] {
        assert_eq!(refused.code(), Some("FORBIDDEN"));
    }

    let held = hospital.log_in("admin", ADMIN_PASSWORD).await;
    hospital.clock.advance(SignedDuration::from_mins(16));
    let renewed = hospital.refresh(&held.refresh).await;
    let token = renewed.body["accessToken"].as_str().expect("a token");
    let late = hospital.api.with_token(token);
    assert_eq!(late.get("/oauth-clients").await.status, StatusCode::OK);
    for refused in [
        late.post("/oauth-clients", wish(true)).await,
        late.patch(&portal.path(), json!({})).await,
        late.delete(&portal.path()).await,
    ] {
        assert_eq!(refused.code(), Some("STEP_UP_REQUIRED"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_disabled_or_deleted_loses_its_sessions() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let (nadia, _) = (
        hospital.register("nadia").await,
        hospital.register("omar").await,
    );
    let portal = Portal::register(&hospital, &admin).await;
    let other = Portal::register(&hospital, &admin).await;
    let kept = other.tokens("nadia", &[]).await;
    for disabling in [true, false] {
        let lost = [
            portal.tokens("nadia", &[]).await,
            portal.tokens("nadia", &[]).await,
            portal.tokens("omar", &[]).await,
        ];
        let code = portal.code("nadia", &[]).await;
        let rotated = admin.patch(&portal.path(), json!({ "name": "Else" })).await;
        assert_eq!(rotated.status, StatusCode::OK);
        assert_eq!(portal.userinfo(&lost[0]).await.status, StatusCode::OK);

        let told = hospital.published_of::<SessionsEnded>().await.len();
        if disabling {
            let disabled = admin
                .patch(&portal.path(), json!({ "enabled": false }))
                .await;
            assert_eq!(disabled.status, StatusCode::OK, "{disabled:?}");
        } else {
            let deleted = admin.delete(&portal.path()).await;
            assert_eq!(deleted.status, StatusCode::NO_CONTENT);
        }
        for tokens in &lost {
            assert_eq!(
                portal.userinfo(tokens).await.status,
                StatusCode::UNAUTHORIZED
            );
            let refresh = tokens["refresh_token"].as_str().expect("a token");
            assert_eq!(portal.renew(refresh).await.body["error"], "invalid_client");
        }
        let exchanged = portal.exchange(&code, &[]).await;
        assert_eq!(exchanged.body["error"], "invalid_client");
        assert_eq!(portal.ask(&[]).await.status, StatusCode::BAD_REQUEST);
        // One event for each account.
        assert_eq!(
            hospital.published_of::<SessionsEnded>().await.len(),
            told + 2
        );
        if disabling {
            let enabled = admin
                .patch(&portal.path(), json!({ "enabled": true }))
                .await;
            assert_eq!(enabled.status, StatusCode::OK);
            let refresh = lost[0]["refresh_token"].as_str().expect("a token");
            assert_eq!(portal.renew(refresh).await.body["error"], "invalid_grant");
            let exchanged = portal.exchange(&code, &[]).await;
            assert_eq!(exchanged.body["error"], "invalid_grant");
        }
    }
    assert_eq!(other.userinfo(&kept).await.status, StatusCode::OK);
    assert_eq!(
        hospital.holder_of(&nadia).get("/auth/me").await.status,
        StatusCode::OK
    );
    assert_eq!(hospital.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_may_do_less_starts_anew() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    hospital.register("nadia").await;
    let mut wished = wish(true);
    wished["apiAccess"] = json!(true);
    let portal = Portal::register_as(&hospital, &admin, wished).await;
    let tokens = portal.tokens("nadia", &[("scope", "openid galen")]).await;
    let acting = hospital
        .api
        .with_token(tokens["access_token"].as_str().expect("a token"));
    assert_eq!(acting.get("/auth/me").await.status, StatusCode::OK);
    let narrowed = admin
        .patch(&portal.path(), json!({ "apiAccess": false }))
        .await;
    assert_eq!(narrowed.status, StatusCode::OK);
    assert_eq!(
        acting.get("/auth/me").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(hospital.complaints().await, Vec::<String>::new());
}

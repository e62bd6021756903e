//! Tokens: forged ones open nothing, used and ended ones neither, and those that are good
//! outlive their key's retirement.

use galen_client::Client;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::forge::Forge;
use crate::hospital::Hospital;
use crate::requests::{ME, ask, bearer, decoded, decoded_claims, letters, log_in, post, refused};
use crate::world::{eventually, expect_status, text};

/// A forged token opens nothing, for reading or for writing; the same claims under
/// the real key do, so that it is the forgery that is refused.
pub(crate) async fn a_forged_token_opens_nothing(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let token = admin.token().await.expect("logged in");
    let forge = Forge::of(hospital, &token).await;
    let anonymous = hospital.anonymous();
    let own = ask(&anonymous, ME, bearer(&forge.signed(|_| ()))).await;
    assert_eq!(
        own.status.as_u16(),
        200,
        "the control: what the real key signs is taken"
    );

    let family = format!("Forged{}", letters());
    let registration = json!({ "givenName": "Eve", "familyName": family, "birthDate": "1980-01-01", "sex": "FEMALE" });
    for (what, forged) in forge.forgeries() {
        let reply = ask(&anonymous, ME, bearer(&forged)).await;
        refused(&reply, what);
        let reply = anonymous
            .send(
                Method::POST,
                "/api/v1/patients?acknowledgeDuplicates=true",
                Some(&registration),
                bearer(&forged),
            )
            .await
            .expect("an answer");
        refused(&reply, what);
        let reply = ask(&anonymous, "/api/v1/stream", bearer(&forged)).await;
        refused(&reply, what);
    }

    // A good token in a place where none is looked for.
    let header = |name: &'static str, value: String| {
        HeaderMap::from_iter([(
            HeaderName::from_static(name),
            value.parse::<HeaderValue>().expect("ASCII"),
        )])
    };
    for (what, path, headers) in [
        (
            "another scheme",
            ME.to_owned(),
            header("authorization", format!("Basic {token}")),
        ),
        (
            "no scheme",
            ME.to_owned(),
            header("authorization", token.clone()),
        ),
        (
            "a cookie",
            ME.to_owned(),
            header(
                "cookie",
                format!("access_token={token}; Authorization=Bearer {token}"),
            ),
        ),
        (
            "a proxy's header",
            ME.to_owned(),
            header("proxy-authorization", format!("Bearer {token}")),
        ),
        (
            "a header of ours",
            ME.to_owned(),
            header("x-auth-token", token.clone()),
        ),
    ] {
        refused(&ask(&anonymous, &path, headers).await, what);
    }
    let in_query = ask(
        &anonymous,
        &format!("/api/v1/patients?access_token={token}"),
        HeaderMap::new(),
    )
    .await;
    assert!(
        matches!(in_query.status.as_u16(), 400 | 401),
        "a token in an address: {}",
        in_query.status
    );

    let found = admin
        .get(&format!("/api/v1/patients?query={family}"))
        .await
        .expect("an answer");
    let found = expect_status(&found, 200);
    assert_eq!(
        found["items"].as_array().map(Vec::len),
        Some(0),
        "a forged token has written"
    );
}

/// A refresh token works once, is no access token, and its second use ends the session.
pub(crate) async fn a_replayed_refresh_ends_the_session(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let (username, password) = (
        format!("replay-{}", Uuid::new_v4().simple()),
        "a long enough password",
    );
    let body = json!({ "username": username, "password": password, "roles": ["RECEPTIONIST"] });
    expect_status(
        &admin.post("/api/v1/users", &body).await.expect("an answer"),
        201,
    );
    let anonymous = hospital.anonymous();
    let first = log_in(&anonymous, &username, password).await;
    let refresh = text(&first, "refreshToken");
    refused(
        &ask(&anonymous, ME, bearer(&refresh)).await,
        "a refresh token as access token",
    );

    let renewed = expect_status(
        &post(
            &anonymous,
            "/api/v1/auth/refresh",
            &json!({ "refreshToken": refresh }),
        )
        .await,
        200,
    );
    for (what, token) in [
        ("the used one", refresh),
        (
            "the one that it was exchanged for",
            text(&renewed, "refreshToken"),
        ),
    ] {
        let reply = post(
            &anonymous,
            "/api/v1/auth/refresh",
            &json!({ "refreshToken": token }),
        )
        .await;
        refused(&reply, what);
    }
    let access = text(&first, "accessToken");
    for (what, token) in [
        ("the first access token", &access),
        (
            "the access token that was renewed",
            &text(&renewed, "accessToken"),
        ),
    ] {
        refused(&ask(&anonymous, ME, bearer(token)).await, what);
    }
    for not_one in [
        json!(access),
        json!(""),
        json!("x".repeat(1000)),
        json!("\u{fffd}"),
    ] {
        let reply = post(
            &anonymous,
            "/api/v1/auth/refresh",
            &json!({ "refreshToken": not_one }),
        )
        .await;
        assert!(
            matches!(reply.status.as_u16(), 400 | 401),
            "{not_one}: {}",
            reply.status
        );
    }
}

/// A session that was ended is over at once, whoever ended it.
pub(crate) async fn an_ended_session_is_over(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let (username, password) = (
        format!("ended-{}", Uuid::new_v4().simple()),
        "a long enough password",
    );
    let body = json!({ "username": username, "password": password, "roles": ["RECEPTIONIST"] });
    let account = text(
        &expect_status(
            &admin.post("/api/v1/users", &body).await.expect("an answer"),
            201,
        ),
        "id",
    );
    let anonymous = hospital.anonymous();

    let logged_out = log_in(&anonymous, &username, password).await;
    let reply = anonymous
        .send(
            Method::POST,
            "/api/v1/auth/logout",
            None::<&()>,
            bearer(&text(&logged_out, "accessToken")),
        )
        .await
        .expect("an answer");
    assert_eq!(reply.status.as_u16(), 204);
    over(&anonymous, &logged_out, "logged out").await;

    let ended = log_in(&anonymous, &username, password).await;
    let remaining = log_in(&anonymous, &username, password).await;
    let session = text(&decoded_claims(&text(&ended, "accessToken")), "sid");
    let path = format!("/api/v1/auth/sessions/{session}");
    let foreign = admin
        .request(Method::DELETE, &path, None::<&()>, HeaderMap::new())
        .await
        .expect("an answer");
    assert_eq!(foreign.status.as_u16(), 404, "somebody else's session");
    let reply = anonymous
        .send(
            Method::DELETE,
            &path,
            None::<&()>,
            bearer(&text(&remaining, "accessToken")),
        )
        .await
        .expect("an answer");
    assert_eq!(reply.status.as_u16(), 204);
    over(&anonymous, &ended, "ended from another device").await;

    let path = format!("/api/v1/users/{account}");
    let reply = admin
        .request(
            Method::PATCH,
            &path,
            Some(&json!({ "locked": true })),
            HeaderMap::new(),
        )
        .await
        .expect("an answer");
    expect_status(&reply, 200);
    over(&anonymous, &remaining, "the account is locked").await;
    let login = json!({ "username": username, "password": password });
    refused(
        &post(&anonymous, "/api/v1/auth/login", &login).await,
        "a login to a locked account",
    );
}

/// Nothing of a session works any more, from the next request on.
async fn over(anonymous: &Client, tokens: &Value, why: &str) {
    let body = json!({ "refreshToken": text(tokens, "refreshToken") });
    refused(&post(anonymous, "/api/v1/auth/refresh", &body).await, why);
    let access = text(tokens, "accessToken");
    refused(&ask(anonymous, ME, bearer(&access)).await, why);
}

/// The key changes while somebody is logged in: their token stays good, the next is
/// signed by the next key, and both keys are published.
pub(crate) async fn a_rotated_key_ends_no_session() {
    let mut hospital = Hospital::fresh();
    let before = hospital.admin().await.token().await.expect("logged in");
    let old_key = kid(&before);
    // Make-believe that it has signed for a month; a start looks whether one is due.
    let aged = sqlx::query(
        "update identity.signing_key set activated_at = activated_at - interval '31 days', created_at = created_at - interval '31 days'
         where state = 'CURRENT'",
    )
    .execute(&hospital.superuser().await)
    .await
    .expect("the superuser may")
    .rows_affected();
    assert_eq!(aged, 1);
    assert!(hospital.stop(), "a clean stop");
    hospital.start();

    let anonymous = hospital.anonymous();
    let after = eventually("another key signs", || async {
        let token = hospital
            .admin()
            .await
            .token()
            .await
            .ok_or("not logged in")?;
        if kid(&token) == old_key {
            Err(old_key.clone())
        } else {
            Ok(Value::String(token))
        }
    })
    .await;
    let after = after.as_str().expect("a token");
    for (what, token) in [("the old", before.as_str()), ("the new", after)] {
        assert_eq!(
            ask(&anonymous, ME, bearer(token)).await.status.as_u16(),
            200,
            "{what}"
        );
    }
    let published = expect_status(
        &anonymous
            .get("/.well-known/jwks.json")
            .await
            .expect("an answer"),
        200,
    );
    let ids: Vec<&str> = published["keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|key| key["kid"].as_str())
        .collect();
    assert!(
        ids.contains(&old_key.as_str()) && ids.contains(&kid(after).as_str()),
        "{ids:?}"
    );
    for key in published["keys"].as_array().into_iter().flatten() {
        assert!(key.get("d").is_none(), "a private key is published");
    }
    // By the end of its life nothing of the old key is accepted: its removal takes
    // the tokens along.
    let forged = Forge::of(&hospital, after)
        .await
        .signed(|claims| claims["exp"] = json!(1));
    refused(
        &ask(&anonymous, ME, bearer(&forged)).await,
        "an ended token of the new key",
    );
}

fn kid(token: &str) -> String {
    text(&decoded(token.split('.').next().unwrap_or_default()), "kid")
}

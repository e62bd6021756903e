//! Headers say nothing about who somebody is, where from, and what they want.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hospital::Hospital;
use crate::requests::{ME, ask, bearer, decoded_claims, refused};
use crate::world::{eventually, expect_status, patient, text, user};

/// Headers that other systems take for an identity, an address or a method.
const LIES: &[(&str, &str)] = &[
    ("x-user-id", "00000000-0000-7000-8000-000000000001"),
    ("x-user", "admin"),
    ("x-user-roles", "ADMIN"),
    ("x-roles", "ADMIN"),
    ("x-role", "ADMIN"),
    ("x-auth-user", "admin"),
    ("x-auth-user-id", "admin"),
    ("x-auth-roles", "ADMIN"),
    ("x-authenticated-user", "admin"),
    ("x-remote-user", "admin"),
    ("remote-user", "admin"),
    ("x-forwarded-user", "admin"),
    ("x-forwarded-email", "admin@example.com"),
    ("x-forwarded-groups", "ADMIN"),
    ("x-galen-principal", "{\"roles\":[\"ADMIN\"]}"),
    ("x-internal-token", "pm-internal-token"),
    ("x-ssl-client-verify", "SUCCESS"),
    ("x-forwarded-client-cert", "URI=spiffe://galen/identity"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-real-ip", "127.0.0.1"),
    ("forwarded", "for=127.0.0.1;by=127.0.0.1;host=localhost"),
    ("x-forwarded-host", "evil.example"),
    ("x-original-host", "evil.example"),
    ("x-forwarded-prefix", "/api/v1/users"),
    ("x-original-url", "/api/v1/users"),
    ("x-rewrite-url", "/api/v1/users"),
    ("x-http-method-override", "DELETE"),
    ("x-http-method", "DELETE"),
    ("x-method-override", "DELETE"),
];

/// Whatever headers say about who asks, from where, for what and how: the answer is
/// the one without them.
pub(crate) async fn headers_change_nothing(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let stranger = patient(&admin).await;
    let me = user(&admin, &["PATIENT"], None).await;
    let token = me.token().await.expect("logged in");
    let session = text(&decoded_claims(&token), "sid");
    let session_path = format!("/api/v1/auth/sessions/{session}");
    let anonymous = hospital.anonymous();
    let truth = ask(&anonymous, ME, bearer(&token)).await;
    assert_eq!(truth.status.as_u16(), 200);

    let mut lies: Vec<HeaderMap> = LIES
        .iter()
        .map(|(name, value)| {
            HeaderMap::from_iter([(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )])
        })
        .collect();
    let all_at_once = lies
        .iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    lies.push(all_at_once);
    for lie in lies {
        let with = |token: Option<&str>| {
            let mut headers = lie.clone();
            headers.extend(token.map(bearer).unwrap_or_default());
            headers
        };
        let reply = ask(&anonymous, ME, with(Some(&token))).await;
        assert_eq!(
            (reply.status, &reply.body),
            (truth.status, &truth.body),
            "{lie:?}"
        );
        for (path, status) in [
            ("/api/v1/users".to_owned(), 403),
            ("/api/v1/ops/dead-letters".to_owned(), 403),
            (format!("/api/v1/patients/{stranger}"), 404),
        ] {
            assert_eq!(
                ask(&anonymous, &path, with(Some(&token)))
                    .await
                    .status
                    .as_u16(),
                status,
                "{path} {lie:?}"
            );
            refused(&ask(&anonymous, &path, with(None)).await, &path);
        }
        // Another method is asked for by the method alone.
        let reply = anonymous
            .send(Method::POST, &session_path, None::<&()>, with(Some(&token)))
            .await
            .expect("an answer");
        assert_eq!(reply.status.as_u16(), 405, "{lie:?}");
        let reply = ask(&anonymous, "/api/v1/auth/sessions", with(Some(&token))).await;
        let sessions = expect_status(&reply, 200);
        assert_eq!(
            sessions["items"][0]["current"], true,
            "the session was ended: {lie:?}"
        );
    }
}

/// Where a login came from is where the connection came from, and links in messages
/// lead to the configured place, whatever the request says.
pub(crate) async fn addresses_are_not_believed(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let lies = || {
        HeaderMap::from_iter([
            (
                HeaderName::from_static("host"),
                HeaderValue::from_static("evil.example"),
            ),
            (
                HeaderName::from_static("x-forwarded-host"),
                HeaderValue::from_static("evil.example"),
            ),
            (
                HeaderName::from_static("x-forwarded-for"),
                HeaderValue::from_static("203.0.113.9"),
            ),
            (
                HeaderName::from_static("forwarded"),
                HeaderValue::from_static("for=203.0.113.9;host=evil.example;proto=https"),
            ),
            (
                HeaderName::from_static("x-real-ip"),
                HeaderValue::from_static("203.0.113.9"),
            ),
        ])
    };
    let unique = Uuid::new_v4().simple().to_string();
    let (username, password, email) = (
        format!("far-{unique}"),
        "a long enough password",
        format!("{unique}@example.com"),
    );
    let body = json!({ "username": username, "password": password, "roles": ["RECEPTIONIST"], "email": email });
    let mut headers = lies();
    headers.extend(bearer(&admin.token().await.expect("logged in")));
    let anonymous = hospital.anonymous();
    let made = anonymous
        .send(Method::POST, "/api/v1/users", Some(&body), headers)
        .await
        .expect("an answer");
    expect_status(&made, 201);
    assert!(
        !made
            .header("location")
            .is_some_and(|to| to.contains("evil")),
        "{:?}",
        made.headers
    );

    let login = json!({ "username": username, "password": password });
    let reply = anonymous
        .send(Method::POST, "/api/v1/auth/login", Some(&login), lies())
        .await
        .expect("an answer");
    let tokens = expect_status(&reply, 200);
    let sessions = ask(
        &anonymous,
        "/api/v1/auth/sessions",
        bearer(&text(&tokens, "accessToken")),
    )
    .await;
    let sessions = expect_status(&sessions, 200);
    assert_eq!(sessions["items"][0]["address"], "127.0.0.1", "{sessions}");

    let forgot = json!({ "username": username });
    let reply = anonymous
        .send(
            Method::POST,
            "/api/v1/auth/password/forgot",
            Some(&forgot),
            lies(),
        )
        .await
        .expect("an answer");
    assert!(
        reply.status.is_success(),
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let spool = hospital.dir().join("notifications/mail");
    let mail = eventually("the mail with the link arrives", || async {
        std::fs::read_dir(&spool)
            .map_err(|e| e.to_string())?
            .flatten()
            .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
            .find(|mail| mail.contains(&email))
            .map(Value::String)
            .ok_or_else(|| format!("no mail to {email}"))
    })
    .await;
    let mail = mail.as_str().expect("text");
    assert!(mail.contains("#token") && !mail.contains("evil"), "{mail}");
}

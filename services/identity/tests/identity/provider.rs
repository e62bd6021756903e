//! Logging in to other applications with Galen: the way there and back, and every way
//! that is none.

use galen_contracts::identity::v1::TokenReuseDetected;
use galen_service::audit::Kind;
use http::{Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::json;

use crate::hospital::{ADMIN_PASSWORD, Hospital, PASSWORD};
use crate::portal::{BACK, Portal, SCOPE, VERIFIER, claims, page, parameter};

const ISSUER: &str = "http://127.0.0.1:8080";

async fn with_portal() -> (Hospital, Portal) {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let body = json!({ "username": "nadia", "password": PASSWORD, "email": "nadia@example.org" });
    let made = hospital.api.anonymous().post("/auth/register", body).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let portal = Portal::register(&hospital, &admin).await;
    (hospital, portal)
}

async fn another(hospital: &Hospital, confidential: bool) -> Portal {
    let wish = json!({ "name": "Other", "confidential": confidential, "redirectUris": [BACK] });
    Portal::register_as(hospital, &hospital.admin().await, wish).await
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_logs_in_to_the_portal() {
    let (hospital, portal) = with_portal().await;
    let page = portal.page(&[]).await;
    hospital.clock.advance(SignedDuration::from_mins(5));
    let sent = portal.submit(&page, "Nadia", PASSWORD).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{sent:?}");
    assert_eq!(sent.header("cache-control"), Some("no-store"));
    assert_eq!(
        parameter(&sent, "state").as_deref(),
        Some("what the portal was doing")
    );
    assert_eq!(parameter(&sent, "iss").as_deref(), Some(ISSUER));
    let code = parameter(&sent, "code").expect("a code");
    hospital.clock.advance(SignedDuration::from_secs(30));
    let exchanged = portal.exchange(&code, &[]).await;
    assert_eq!(exchanged.status, StatusCode::OK, "{exchanged:?}");
    let tokens = exchanged.body;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 900);
    assert_eq!(tokens["scope"], "openid profile email offline_access");

    let id_token = claims(&tokens["id_token"]);
    let now = hospital.clock.now().as_second();
    assert_eq!(id_token["iss"], ISSUER);
    assert_eq!(id_token["aud"], json!(portal.id));
    assert_eq!(id_token["nonce"], "a nonce");
    assert_eq!(id_token["iat"], now);
    assert_eq!(id_token["exp"], now + 900);
    assert_eq!(id_token["auth_time"], now - 30);
    assert_eq!(id_token["amr"], json!(["pwd"]));

    let person = portal.userinfo(&tokens).await;
    assert_eq!(
        person.body,
        json!({ "sub": id_token["sub"], "preferred_username": "nadia",
                "email": "nadia@example.org", "email_verified": false })
    );
    // What was done is in the log: who, for which client, and not with which code.
    let written = portal.root.audited();
    let login = written
        .iter()
        .find(|entry| entry.action == "POST /oauth2/login")
        .expect("an entry");
    assert_eq!((login.kind, login.status), (Kind::Login, 303));
    assert_eq!(login.subject.as_deref(), id_token["sub"].as_str());
    let text = serde_json::to_string(&written).expect("entries");
    assert!(!text.contains(&code) && !text.contains("nadia"), "{text}");
    // The session is shown to its owner with the browser's address, not the portal's.
    let own = hospital.log_in("nadia", PASSWORD).await;
    let sessions = hospital.holder_of(&own).get("/auth/sessions").await.body;
    let shown = sessions["items"].as_array().expect("sessions");
    let portals = shown.iter().find(|one| one["id"] == id_token["sid"]);
    assert_eq!(portals.expect("shown")["application"], "Portal");
    assert_eq!(hospital.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_needs_no_secret_but_the_verifier() {
    let hospital = Hospital::open().await;
    hospital.register("nadia").await;
    let wish = json!({ "name": "App", "confidential": false, "redirectUris": ["http://127.0.0.1/back", BACK] });
    let app = Portal::register_as(&hospital, &hospital.admin().await, wish).await;
    let code = app.code("nadia", &[]).await;
    let wrong = app
        .exchange(&code, &[("code_verifier", &"x".repeat(43))])
        .await;
    assert_eq!(wrong.body["error"], "invalid_grant");
    let tokens = app.exchange(&code, &[]).await;
    assert_eq!(tokens.status, StatusCode::OK);
    // A program on somebody's machine takes the port that it gets.
    let sent = app
        .ask(&[("redirect_uri", "http://127.0.0.1:49152/back")])
        .await;
    let policy = sent.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("form-action 'self' http://127.0.0.1:49152;"),
        "{policy}"
    );
    let reply = app.submit(&page(&sent), "nadia", PASSWORD).await;
    let address = reply.header("location").expect("an address");
    assert!(
        address.starts_with("http://127.0.0.1:49152/back?code="),
        "{address}"
    );
    // It has no secret to ask others about their tokens with.
    let token = tokens.body["access_token"].as_str().expect("a token");
    let asked = app.call("/oauth2/introspect", &[("token", token)]).await;
    assert_eq!(asked.body["error"], "invalid_client");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_to_an_address_that_is_not_the_clients() {
    let (_hospital, portal) = with_portal().await;
    for changes in [
        [("client_id", "")],
        [("client_id", "portal")],
        [("client_id", "01920000-0000-7000-8000-000000000000")],
        [("redirect_uri", "")],
        [("redirect_uri", "https://evil.example/back")],
        [("redirect_uri", "https://portal.example/back/")],
        [("redirect_uri", "https://portal.example/back?x=1")],
        [("redirect_uri", "https://portal.example:444/back")],
    ] {
        let refused = portal.ask(&changes).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{changes:?}");
        assert_eq!(refused.header("location"), None);
        let kind = refused.header("content-type").expect("a type");
        assert!(kind.starts_with("text/html"));
        let text = String::from_utf8_lossy(&refused.bytes);
        assert!(!text.contains("evil") && !text.contains("<form"));
    }
    let twice = format!("{}&redirect_uri=https://evil.example/", portal.request(&[]));
    let path = format!("/oauth2/authorize?{twice}");
    let refused = portal
        .root
        .anonymous()
        .send(Method::GET, &path, "".into())
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_told_to_its_client() {
    let (_hospital, portal) = with_portal().await;
    for (name, value, error) in [
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "too-short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("scope", "unheard-of", "invalid_scope"),
        ("scope", "openid galen", "invalid_scope"),
        ("prompt", "none", "login_required"),
        ("max_age", "soon", "invalid_request"),
        ("request", "x", "request_not_supported"),
        ("id_token_hint", "x.y.z", "invalid_request"),
    ] {
        let refused = portal.ask(&[(name, value)]).await;
        assert_eq!(refused.status, StatusCode::SEE_OTHER, "{name}={value}");
        assert_eq!(
            parameter(&refused, "error").as_deref(),
            Some(error),
            "{name}={value}"
        );
        assert_eq!(
            parameter(&refused, "state").as_deref(),
            Some("what the portal was doing")
        );
        assert_eq!(parameter(&refused, "iss").as_deref(), Some(ISSUER));
        assert_eq!(parameter(&refused, "code"), None);
    }
    // Requests may also be posted.
    let posted = portal
        .send("/oauth2/authorize", &[("client_id", &portal.id)], &[])
        .await;
    assert_eq!(posted.status, StatusCode::BAD_REQUEST, "without an address");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_shows_the_page_again_and_is_counted() {
    let (hospital, portal) = with_portal().await;
    let mut shown = portal.page(&[]).await;
    let mut texts = Vec::new();
    for (username, password) in [
        ("nadia", "not the password"),
        ("nobody", PASSWORD),
        ("", ""),
        (&"x".repeat(65), PASSWORD),
        ("nadia", &"x".repeat(129)),
    ] {
        let refused = portal.submit(&shown, username, password).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        let text = String::from_utf8_lossy(&refused.bytes).into_owned();
        assert!(text.contains("role=\"alert\""));
        let (_, notice) = text.split_once("role=\"alert\">").expect("a notice");
        texts.push(notice.split('<').next().expect("text").to_owned());
        shown = page(&refused);
    }
    texts.dedup();
    assert_eq!(texts, ["The user name or the password is wrong."]);
    for _ in 0..4 {
        portal.submit(&shown, "nadia", "not the password").await;
    }
    // Now even the right one waits, and so it does everywhere else.
    let paused = portal.submit(&shown, "nadia", PASSWORD).await;
    assert_eq!(paused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(paused.header("retry-after"), Some("2"));
    let elsewhere = hospital.try_log_in("nadia", PASSWORD).await;
    assert_eq!(elsewhere.status, StatusCode::TOO_MANY_REQUESTS);
    hospital.clock.advance(SignedDuration::from_secs(2));
    let sent = portal.submit(&shown, "nadia", PASSWORD).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let written = portal.root.audited();
    let reasons = written.iter().filter_map(|entry| entry.reason.as_deref());
    let reasons: Vec<&str> = reasons.collect();
    assert!(reasons.contains(&"INVALID_CREDENTIALS") && reasons.contains(&"TOO_MANY_ATTEMPTS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_was_not_shown_in_this_browser_logs_nobody_in() {
    let (hospital, portal) = with_portal().await;
    let (own, foreign) = (portal.page(&[]).await, portal.page(&[]).await);
    let narrower = portal.page(&[("scope", "openid")]).await;
    for (ticket, request, cookie) in [
        (&own.ticket, &own.request, &foreign.cookie),
        (&foreign.ticket, &own.request, &own.cookie),
        (&narrower.ticket, &own.request, &own.cookie),
        (&String::new(), &own.request, &own.cookie),
        (&own.ticket, &own.request, &"other=1".to_owned()),
    ] {
        let refused = portal
            .send(
                "/oauth2/login",
                &[
                    ("request", request),
                    ("ticket", ticket),
                    ("username", "nadia"),
                    ("password", PASSWORD),
                ],
                &[(header::COOKIE, cookie)],
            )
            .await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        // The page that is shown instead works.
        let again = page(&refused);
        let sent = portal.submit(&again, "nadia", PASSWORD).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER);
    }
    // The cookie is for nobody else: no script, no form of another site.
    let reply = portal.ask(&[]).await;
    let cookie = reply.header("set-cookie").expect("a cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    let attempts: i64 = sqlx::query_scalar("select count(*) from identity.login_attempt")
        .fetch_one(hospital.behind_the_curtain())
        .await
        .expect("counted");
    assert_eq!(attempts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pages_of_one_browser_both_work() {
    let (_hospital, portal) = with_portal().await;
    let first = portal.page(&[]).await;
    let path = format!(
        "/oauth2/authorize?{}",
        portal.request(&[("state", "second")])
    );
    let caller = portal.root.anonymous();
    let browser = caller.with_header(header::COOKIE, &first.cookie);
    let second = page(&browser.send(Method::GET, &path, "".into()).await);
    assert_eq!(second.cookie, first.cookie);
    for one in [first, second] {
        let sent = portal.submit(&one, "nadia", PASSWORD).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_only_for_whom_it_was_given_to() {
    let (hospital, portal) = with_portal().await;
    let (server, app) = (
        another(&hospital, true).await,
        another(&hospital, false).await,
    );
    let code = portal.code("nadia", &[]).await;
    for changes in [
        ("code_verifier", "x".repeat(43)),
        ("code_verifier", "short".to_owned()),
        ("redirect_uri", format!("{BACK}/")),
        ("code", "x".repeat(43)),
    ] {
        let refused = portal.exchange(&code, &[(changes.0, &changes.1)]).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert_eq!(refused.body["error"], "invalid_grant", "{changes:?}");
    }
    for missing in ["code", "code_verifier", "redirect_uri", "grant_type"] {
        let refused = portal.exchange(&code, &[(missing, "")]).await;
        assert_eq!(refused.body["error"], "invalid_request", "{missing}");
    }
    let twice = [("code", code.as_str()), ("code", code.as_str())];
    let refused = portal.exchange(&code, &twice).await;
    assert_eq!(refused.body["error"], "invalid_request");
    let other = portal.exchange(&code, &[("grant_type", "password")]).await;
    assert_eq!(other.body["error"], "unsupported_grant_type");
    for stranger in [&server, &app] {
        let refused = stranger.exchange(&code, &[]).await;
        assert_eq!(refused.body["error"], "invalid_grant");
    }
    // The right client with another secret, or with none.
    for secret in [server.secret.clone(), None] {
        let impostor = Portal {
            id: portal.id.clone(),
            secret,
            root: portal.root.clone(),
        };
        let refused = impostor.exchange(&code, &[]).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert_eq!(refused.body["error"], "invalid_client");
        let asked = refused.header("www-authenticate");
        assert_eq!(asked, Some("Basic realm=\"galen\""));
    }
    let json = portal
        .root
        .anonymous()
        .with_header(header::CONTENT_TYPE, "application/json")
        .send(Method::POST, "/oauth2/token", "{}".into())
        .await;
    assert_eq!(json.body["error"], "invalid_request");
    // None of that has spoiled it.
    let exchanged = portal.exchange(&code, &[]).await;
    assert_eq!(exchanged.status, StatusCode::OK);
    let reasons: Vec<String> = portal
        .root
        .audited()
        .into_iter()
        .filter(|entry| entry.action == "POST /oauth2/token")
        .filter_map(|entry| entry.reason)
        .collect();
    assert!(reasons.contains(&"INVALID_GRANT".to_owned()));
    assert!(reasons.contains(&"INVALID_CLIENT".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_may_be_in_the_body() {
    let (_hospital, portal) = with_portal().await;
    let code = portal.code("nadia", &[]).await;
    let secret = portal.secret.clone().expect("a secret");
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
        ("client_id", portal.id.as_str()),
        ("client_secret", secret.as_str()),
    ];
    let exchanged = portal.send("/oauth2/token", &pairs, &[]).await;
    assert_eq!(exchanged.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_for_a_minute() {
    let (hospital, portal) = with_portal().await;
    let (early, late) = (
        portal.code("nadia", &[]).await,
        portal.code("nadia", &[]).await,
    );
    hospital.clock.advance(SignedDuration::from_secs(59));
    assert_eq!(portal.exchange(&early, &[]).await.status, StatusCode::OK);
    hospital.clock.advance(SignedDuration::from_secs(1));
    let refused = portal.exchange(&late, &[]).await;
    assert_eq!(refused.body["error"], "invalid_grant");
    hospital.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(hospital.run_job("identity.forget").await, 1, "the late one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_used_twice_ends_the_session_that_it_gave() {
    let (hospital, portal) = with_portal().await;
    let code = portal.code("nadia", &[]).await;
    let tokens = portal.exchange(&code, &[]).await.body;
    // Whoever has the code, but not the verifier, does no harm.
    let guess = portal
        .exchange(&code, &[("code_verifier", &"x".repeat(43))])
        .await;
    assert_eq!(guess.body["error"], "invalid_grant");
    assert_eq!(portal.userinfo(&tokens).await.status, StatusCode::OK);
    // A day later still, as long as the session is there.
    hospital.clock.advance(SignedDuration::from_hours(24));
    hospital.run_job("identity.forget").await;
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    let renewed = portal.renew(refresh).await.body;
    assert_eq!(portal.userinfo(&renewed).await.status, StatusCode::OK);
    let again = portal.exchange(&code, &[]).await;
    assert_eq!(again.body["error"], "invalid_grant");
    assert_eq!(
        portal.userinfo(&renewed).await.status,
        StatusCode::UNAUTHORIZED
    );
    let refresh = renewed["refresh_token"].as_str().expect("a token");
    assert_eq!(portal.renew(refresh).await.body["error"], "invalid_grant");
    let told = hospital.published_of::<TokenReuseDetected>().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["sessionId"], claims(&tokens["id_token"])["sid"]);
}

/// Of twenty exchanges of one code one wins. The others are a second use, so the session
/// that it won has ended when all are through.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_exchanges_side_by_side_one_wins_and_its_session_ends() {
    let (hospital, portal) = with_portal().await;
    for _ in 0..3 {
        let code = portal.code("nadia", &[]).await;
        let exchanges = (0..20).map(|_| portal.exchange(&code, &[]));
        let replies = futures::future::join_all(exchanges).await;
        let won: Vec<_> = replies
            .iter()
            .filter(|reply| reply.status == StatusCode::OK)
            .collect();
        assert_eq!(won.len(), 1);
        for reply in &replies {
            assert!(reply.status == StatusCode::OK || reply.body["error"] == "invalid_grant");
        }
        let info = portal.userinfo(&won[0].body).await;
        assert_eq!(info.status, StatusCode::UNAUTHORIZED);
        let refresh = won[0].body["refresh_token"].as_str().expect("a token");
        assert_eq!(portal.renew(refresh).await.body["error"], "invalid_grant");
    }
    let told = hospital.published_of::<TokenReuseDetected>().await;
    assert_eq!(told.len(), 3, "once for each session");
    assert_eq!(hospital.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_locked_in_the_meantime_gets_nothing() {
    let (hospital, portal) = with_portal().await;
    let admin = hospital.admin().await;
    let hired = hospital.hire(&admin, "mallory", &["NURSE"]).await;
    let user = format!("/users/{}", hired["id"].as_str().expect("an id"));
    let code = portal.code("mallory", &[]).await;
    let tokens = portal.tokens("mallory", &[]).await;
    for locked in [true, false] {
        let changed = admin.patch(&user, json!({ "locked": locked })).await;
        assert_eq!(changed.status, StatusCode::OK);
        let refused = portal.exchange(&code, &[]).await;
        assert_eq!(refused.body["error"], "invalid_grant", "locked: {locked}");
    }
    let info = portal.userinfo(&tokens).await;
    assert_eq!(info.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_works_once_and_for_its_client() {
    let (hospital, portal) = with_portal().await;
    let other = another(&hospital, true).await;
    let tokens = portal.tokens("nadia", &[]).await;
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    // Neither another client nor Galen's own endpoint takes it, and nothing is spoiled.
    assert_eq!(other.renew(refresh).await.body["error"], "invalid_grant");
    let own = hospital.refresh(refresh).await;
    assert_eq!(own.code(), Some("INVALID_REFRESH_TOKEN"));
    let wider = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("scope", "openid galen"),
    ];
    let refused = portal.call("/oauth2/token", &wider).await;
    assert_eq!(refused.body["error"], "invalid_scope");

    hospital.clock.advance(SignedDuration::from_hours(1));
    let renewed = portal.renew(refresh).await;
    assert_eq!(renewed.status, StatusCode::OK, "{renewed:?}");
    let (before, after) = (
        claims(&tokens["id_token"]),
        claims(&renewed.body["id_token"]),
    );
    for same in ["sub", "sid", "iss", "aud", "auth_time", "amr"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_eq!(after.get("nonce"), None);
    let again = portal.renew(refresh).await;
    assert_eq!(again.body["error"], "invalid_grant");
    let newest = renewed.body["refresh_token"].as_str().expect("a token");
    assert_eq!(portal.renew(newest).await.body["error"], "invalid_grant");
    // And what Galen's own login gave is nothing to a client.
    let first_party = hospital.log_in("nadia", PASSWORD).await;
    let refused = portal.renew(&first_party.refresh).await;
    assert_eq!(refused.body["error"], "invalid_grant");
    let renewed = hospital.refresh(&first_party.refresh).await;
    assert_eq!(renewed.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_bound_what_is_given_and_told() {
    let (hospital, portal) = with_portal().await;
    let tokens = portal.tokens("nadia", &[("scope", "openid")]).await;
    assert_eq!(tokens.get("refresh_token"), None);
    let person = portal.userinfo(&tokens).await.body;
    assert_eq!(person, json!({ "sub": claims(&tokens["id_token"])["sub"] }));
    // The session ends with its one access token.
    hospital.clock.advance(SignedDuration::from_secs(901));
    let own = hospital.log_in("nadia", PASSWORD).await;
    let sessions = hospital.holder_of(&own).get("/auth/sessions").await.body;
    let shown = sessions["items"].as_array().expect("sessions");
    let sid = &claims(&tokens["id_token"])["sid"];
    assert!(shown.iter().all(|one| one["id"] != *sid));

    let silent = portal.tokens("nadia", &[("scope", "profile")]).await;
    assert_eq!(silent.get("id_token"), None);
    let refused = portal.userinfo(&silent).await;
    assert_eq!(refused.body["error"], "insufficient_scope");
    let own = json!({ "access_token": own.access });
    let refused = portal.userinfo(&own).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let nobody = portal.root.anonymous();
    let refused = nobody
        .send(Method::GET, "/oauth2/userinfo", "".into())
        .await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn knowing_who_somebody_is_opens_nothing_of_theirs() {
    let (hospital, portal) = with_portal().await;
    let page = portal.page(&[]).await;
    let sent = portal.submit(&page, "admin", ADMIN_PASSWORD).await;
    let code = parameter(&sent, "code").expect("a code");
    let tokens = portal.exchange(&code, &[]).await.body;
    for token in ["access_token", "id_token"] {
        let token = tokens[token].as_str().expect("a token");
        let caller = hospital.api.with_token(token);
        for path in ["/auth/me", "/auth/sessions", "/users"] {
            let refused = caller.get(path).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    assert_eq!(claims(&tokens["access_token"])["roles"], json!([]));

    // A client that may act for its users does so, but not what takes a recent login.
    let wish =
        json!({ "name": "Ward", "confidential": true, "redirectUris": [BACK], "apiAccess": true });
    let ward = Portal::register_as(&hospital, &hospital.admin().await, wish).await;
    let page = ward.page(&[("scope", "openid galen")]).await;
    let sent = ward.submit(&page, "admin", ADMIN_PASSWORD).await;
    let code = parameter(&sent, "code").expect("a code");
    let tokens = ward.exchange(&code, &[]).await.body;
    let acting = hospital
        .api
        .with_token(tokens["access_token"].as_str().expect("a token"));
    assert_eq!(acting.get("/users").await.status, StatusCode::OK);
    let refused = acting.delete(&ward.path()).await;
    assert_eq!(refused.code(), Some("STEP_UP_REQUIRED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_worth_something_until_its_session_ends() {
    let (hospital, portal) = with_portal().await;
    let other = another(&hospital, true).await;
    let tokens = portal.tokens("nadia", &[]).await;
    let (access, refresh) = (&tokens["access_token"], &tokens["refresh_token"]);
    let id_token = claims(&tokens["id_token"]);
    let worth = portal.worth(access).await;
    assert_eq!(
        worth,
        json!({ "active": true, "token_type": "Bearer", "scope": SCOPE, "client_id": portal.id,
                "username": "nadia", "sub": id_token["sub"], "sid": id_token["sid"], "iss": ISSUER,
                "aud": "galen-userinfo", "exp": id_token["exp"], "auth_time": id_token["auth_time"],
                "amr": ["pwd"] })
    );
    assert_eq!(portal.worth(refresh).await["active"], true);
    // A server that is shown an access token may ask; a refresh token is shown to us only.
    assert_eq!(other.worth(access).await["active"], true);
    let nothing = json!({ "active": false });
    assert_eq!(other.worth(refresh).await, nothing);
    for token in [&tokens["id_token"], &json!("x"), &json!("a.b.c")] {
        assert_eq!(portal.worth(token).await, nothing);
    }
    // Whoever may see accounts may ask, and nobody else.
    let pairs = [("token", access.as_str().expect("a token"))];
    let admin = hospital.log_in("admin", ADMIN_PASSWORD).await;
    let nadia = hospital.log_in("nadia", PASSWORD).await;
    for (held, status) in [(&admin, StatusCode::OK), (&nadia, StatusCode::UNAUTHORIZED)] {
        let bearer = format!("Bearer {}", held.access);
        let headers = [(header::AUTHORIZATION, bearer.as_str())];
        let asked = portal.send("/oauth2/introspect", &pairs, &headers).await;
        assert_eq!(asked.status, status);
    }
    let anonymous = portal.send("/oauth2/introspect", &pairs, &[]).await;
    assert_eq!(anonymous.body["error"], "invalid_client");

    let pairs = [("token", refresh.as_str().expect("a token"))];
    let foreign = other.call("/oauth2/revoke", &pairs).await;
    assert_eq!(foreign.body["error"], "unauthorized_client");
    assert_eq!(portal.worth(access).await["active"], true);
    let revoked = portal.call("/oauth2/revoke", &pairs).await;
    assert_eq!(revoked.status, StatusCode::OK);
    assert!(revoked.bytes.is_empty());
    for token in [access, refresh] {
        assert_eq!(portal.worth(token).await, nothing);
    }
    let info = portal.userinfo(&tokens).await;
    assert_eq!(info.status, StatusCode::UNAUTHORIZED);
    let asked = info.header("www-authenticate").expect("a challenge");
    assert!(
        asked.starts_with("Bearer error=\"invalid_token\""),
        "{asked}"
    );
    for token in ["x", refresh.as_str().expect("a token")] {
        let again = portal.call("/oauth2/revoke", &[("token", token)]).await;
        assert_eq!(again.status, StatusCode::OK, "as good as revoked");
    }

    let tokens = portal.tokens("nadia", &[]).await;
    let pairs = [("token", tokens["access_token"].as_str().expect("a token"))];
    let revoked = portal.call("/oauth2/revoke", &pairs).await;
    assert_eq!(revoked.status, StatusCode::OK);
    assert_eq!(portal.worth(&tokens["refresh_token"]).await, nothing);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_expected_is_who_must_log_in() {
    let (hospital, portal) = with_portal().await;
    hospital.register("omar").await;
    let tokens = portal.tokens("nadia", &[]).await;
    let hint = tokens["id_token"].as_str().expect("a token");
    // An old hint is a good one.
    hospital.clock.advance(SignedDuration::from_mins(30));
    let expected = [("id_token_hint", hint), ("login_hint", "nadia")];
    let reply = portal.ask(&expected).await;
    let text = String::from_utf8_lossy(&reply.bytes).into_owned();
    assert!(text.contains("name=\"username\" value=\"nadia\""));
    let shown = page(&reply);
    let other = portal.submit(&shown, "omar", PASSWORD).await;
    assert_eq!(
        parameter(&other, "error").as_deref(),
        Some("login_required")
    );
    let same = portal.submit(&shown, "nadia", PASSWORD).await;
    assert!(parameter(&same, "code").is_some());

    let (_, rest) = hint.split_once('.').expect("a token");
    let (payload, _) = rest.split_once('.').expect("a token");
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
    let strangers = another(&hospital, true).await.tokens("nadia", &[]).await;
    let access = tokens["access_token"].as_str().expect("a token");
    let foreign = strangers["id_token"].as_str().expect("a token");
    for hint in [unsigned.as_str(), foreign, access] {
        let refused = portal.ask(&[("id_token_hint", hint)]).await;
        let error = parameter(&refused, "error");
        assert_eq!(error.as_deref(), Some("invalid_request"), "{hint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_describes_itself() {
    let (_hospital, portal) = with_portal().await;
    let nobody = portal.root.anonymous();
    let get = |path: &str| {
        let (nobody, path) = (nobody.clone(), path.to_owned());
        async move { nobody.send(Method::GET, &path, "".into()).await }
    };
    let described = get("/.well-known/openid-configuration").await;
    assert_eq!(described.status, StatusCode::OK);
    let document = &described.body;
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(
        document["code_challenge_methods_supported"],
        json!(["S256"])
    );
    assert_eq!(document["response_types_supported"], json!(["code"]));
    assert_eq!(
        get("/.well-known/oauth-authorization-server").await.body,
        *document
    );
    for (name, value) in document.as_object().expect("a document") {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let url = value.as_str().expect("an address");
            let path = url.strip_prefix(ISSUER).expect("below the issuer");
            assert_ne!(get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

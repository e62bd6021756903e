//! What the edge adds to answers, and takes from requests.

use http::{Method, StatusCode};

use crate::door::Door;

const THINGS: &str = "/api/v1/things";
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

#[tokio::test]
async fn every_answer_is_secured_refusals_included() {
    let door = Door::open(&[
        ("gateway.read_per_minute", "1"),
        ("gateway.read_burst", "3"),
    ]);
    for (path, status) in [
        (THINGS, 200),
        ("/api/v1/nowhere", 404),
        ("/problems/x", 200),
        (THINGS, 429),
    ] {
        let reply = door.get(path, &[]).await;
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("x-frame-options"), Some("DENY"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert!(
            reply
                .header("content-security-policy")
                .unwrap()
                .starts_with("default-src 'none';"),
            "{path}"
        );
        for policy in ["opener", "resource"] {
            let header = format!("cross-origin-{policy}-policy");
            assert_eq!(reply.header(&header), Some("same-origin"), "{path}");
        }
        assert_eq!(reply.header("strict-transport-security"), None);
    }
}

#[tokio::test]
async fn answers_of_the_api_are_not_stored() {
    let door = Door::open(&[]);
    let reply = door.get(THINGS, &[]).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("content-security-policy"), Some(DATA_POLICY));
    assert_eq!(
        door.get("/problems/x", &[]).await.header("cache-control"),
        None
    );
}

#[tokio::test]
async fn an_answers_own_words_are_kept() {
    let door = Door::open(&[]);
    let reply = door.get("/api/v1/own-words", &[]).await;
    assert_eq!(reply.header("cache-control"), Some("max-age=60"));
    assert_eq!(
        reply.header("content-security-policy"),
        Some("default-src 'self'")
    );
}

#[tokio::test]
async fn pages_may_have_styles_and_nothing_else() {
    let policy = Door::open(&[]).get("/problems/x", &[]).await;
    let policy = policy.header("content-security-policy").unwrap();
    assert!(
        policy.contains("style-src 'unsafe-inline'") && !policy.contains("script-src"),
        "{policy}"
    );
}

#[tokio::test]
async fn browsers_insist_on_tls_when_told() {
    let door = Door::open(&[("gateway.hsts", "on")]);
    let reply = door.get(THINGS, &[]).await;
    assert_eq!(
        reply.header("strict-transport-security"),
        Some("max-age=31536000; includeSubDomains")
    );
}

#[tokio::test]
async fn headers_that_only_we_set_do_not_come_in() {
    let lies = [
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=1.1.1.1"),
        ("x-real-ip", "1.1.1.1"),
        ("x-auth-user", "root"),
        ("x-user-id", "1"),
        ("x-galen-role", "ADMIN"),
    ];
    for settings in [&[][..], &[("gateway.trusted_proxies", "203.0.113.1")]] {
        let door = Door::open(settings);
        let reply = door
            .get(
                "/api/v1/echo",
                &[&lies[..], &[("x-request-id", "r"), ("if-match", "\"1\"")]].concat(),
            )
            .await;
        let seen: Vec<&String> = reply.body["headers"].as_object().unwrap().keys().collect();
        assert_eq!(seen, ["if-match", "x-request-id"]);
    }
}

#[tokio::test]
async fn the_hospital_sees_the_client_and_not_the_proxy() {
    let door = Door::open(&[("gateway.trusted_proxies", "203.0.113.1")]);
    let forwarded = [("x-forwarded-for", "198.51.100.4")];
    let through_proxy = door.get("/api/v1/echo", &forwarded).await;
    assert_eq!(through_proxy.body["client"], "198.51.100.4");
    let direct = door
        .knock("203.0.113.2", Method::GET, "/api/v1/echo", &forwarded)
        .await;
    assert_eq!(direct.body["client"], "203.0.113.2");
}

#[tokio::test]
async fn shapeless_requests_are_refused() {
    let door = Door::open(&[]);
    let long = door
        .get(&format!("{THINGS}?{}", "a".repeat(9_000)), &[])
        .await;
    assert_eq!(
        (long.status, long.code()),
        (StatusCode::URI_TOO_LONG, Some("URI_TOO_LONG"))
    );
    let many = door.get(THINGS, &[("x", "y"); 70]).await;
    assert_eq!(
        (many.status, many.code()),
        (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Some("HEADERS_TOO_LARGE")
        )
    );
    let large = "y".repeat(20_000);
    let large = door.get(THINGS, &[("x", large.as_str())]).await;
    assert_eq!(large.code(), Some("HEADERS_TOO_LARGE"));
}

#[tokio::test]
async fn other_sites_may_call_only_when_allowed() {
    let preflight = [
        ("origin", "https://console.example"),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,idempotency-key",
        ),
    ];
    let closed = Door::open(&[]);
    let reply = closed
        .knock("203.0.113.1", Method::OPTIONS, THINGS, &preflight)
        .await;
    assert_eq!(reply.header("access-control-allow-origin"), None);

    let open = Door::open(&[
        ("gateway.allowed_origins", "https://console.example"),
        ("gateway.read_per_minute", "1"),
        ("gateway.read_burst", "1"),
    ]);
    let reply = open
        .knock("203.0.113.1", Method::OPTIONS, THINGS, &preflight)
        .await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some("https://console.example")
    );
    let allowed = reply.header("access-control-allow-headers").unwrap();
    assert!(
        allowed.contains("authorization") && allowed.contains("idempotency-key"),
        "{allowed}"
    );
    assert_eq!(reply.header("access-control-allow-credentials"), None);

    let ours = [("origin", "https://console.example")];
    assert_eq!(
        open.get(THINGS, &ours).await.status,
        StatusCode::OK,
        "preflights are not counted"
    );
    let refused = open.get(THINGS, &ours).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let readable = refused.header("access-control-allow-origin");
    assert_eq!(
        readable,
        Some("https://console.example"),
        "a page can read why it is refused"
    );
    let foreign = open
        .get(THINGS, &[("origin", "https://evil.example")])
        .await;
    assert_eq!(foreign.header("access-control-allow-origin"), None);
}

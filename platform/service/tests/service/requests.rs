//! What is accepted, what is refused, and in which words.

use bytes::Bytes;
use galen_access::{Grants, Principal, Role};
use galen_kernel::TraceContext;
use http::{HeaderName, Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::desk::alone;

#[tokio::test]
async fn a_note_is_made_and_shown() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor);
    let made = doctor.post("/notes", json!({ "text": "hello" })).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert_eq!(made.header("content-type"), Some("application/json"));
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(
        made.header("location"),
        Some(format!("/api/v1/notes/{id}").as_str())
    );

    let shown = doctor.get(&format!("/notes/{id}?upper=true")).await;
    assert_eq!(
        (shown.status, &shown.body["text"]),
        (StatusCode::OK, &json!("HELLO"))
    );
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let alone = alone().await;
    let body = json!({ "text": "hello" });
    let nobody = alone.api.anonymous().post("/notes", body.clone()).await;
    assert_eq!(
        (nobody.status, nobody.code()),
        (StatusCode::UNAUTHORIZED, Some("UNAUTHENTICATED"))
    );
    assert_eq!(nobody.header("www-authenticate"), Some("Bearer"));
    let nurse = alone
        .api
        .as_role(Role::Nurse)
        .post("/notes", body.clone())
        .await;
    assert_eq!(
        (nurse.status, nurse.code()),
        (StatusCode::FORBIDDEN, Some("FORBIDDEN"))
    );

    let doctor = alone.api.as_role(Role::Doctor);
    alone.clock.advance(SignedDuration::from_mins(20));
    assert_eq!(
        doctor.post("/notes", body).await.status,
        StatusCode::UNAUTHORIZED,
        "an old token"
    );
    assert_eq!(
        alone
            .api
            .with_token("nonsense")
            .get("/notes/x")
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(alone.notes().await, 0);
}

#[tokio::test]
async fn what_is_dangerous_needs_a_recent_login() {
    let alone = alone().await;
    let doctor = Principal {
        user_id: alone.clock.id(),
        session_id: alone.clock.id(),
        roles: vec![Role::Doctor],
        grants: Grants::default(),
        patient_id: None,
        practitioner_id: None,
    };
    let now = alone.clock.now();
    let since = |seconds| {
        let then = now - SignedDuration::from_secs(seconds);
        alone.api.as_principal_since(doctor.clone(), then)
    };
    let made = since(901).post("/notes", json!({ "text": "hello" })).await;
    assert_eq!(made.status, StatusCode::CREATED, "what is harmless");
    let path = format!("/notes/{}", made.body["id"].as_str().unwrap());
    let body = json!({ "text": "bye" });

    let late = since(901).patch(&path, body.clone()).await;
    assert_eq!(
        (late.status, late.code()),
        (StatusCode::FORBIDDEN, Some("STEP_UP_REQUIRED"))
    );
    assert_eq!(
        since(900).patch(&path, body.clone()).await.status,
        StatusCode::OK
    );

    // Who may not at all is not asked for a password.
    let nurse = Principal {
        roles: vec![Role::Nurse],
        ..doctor.clone()
    };
    let then = now - SignedDuration::from_secs(901);
    let nurse = alone.api.as_principal_since(nurse, then);
    assert_eq!(nurse.patch(&path, body).await.code(), Some("FORBIDDEN"));
}

#[tokio::test]
async fn a_route_for_everybody_takes_a_bad_token_for_none() {
    let alone = alone().await;
    let text = |body: Value| body["text"].clone();
    assert_eq!(
        text(alone.api.anonymous().post("/knock", Value::Null).await.body),
        "unknown"
    );
    assert_eq!(
        text(
            alone
                .api
                .with_token("nonsense")
                .post("/knock", Value::Null)
                .await
                .body
        ),
        "unknown"
    );
    assert_eq!(
        text(
            alone
                .api
                .as_role(Role::Patient)
                .post("/knock", Value::Null)
                .await
                .body
        ),
        "known"
    );
}

#[tokio::test]
async fn a_wrong_body_is_pointed_at() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor);
    for (body, pointer) in [
        (json!({}), "/text"),
        (json!({ "text": 1 }), "/text"),
        (json!({ "text": "a\0b" }), "/text"),
        (json!({ "text": "a", "texts": "b" }), "/texts"),
        (json!(["a"]), ""),
    ] {
        let reply = doctor.post("/notes", body.clone()).await;
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::BAD_REQUEST, Some("VALIDATION_FAILED")),
            "{body}"
        );
        assert_eq!(reply.pointers(), [pointer], "{body}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(reply.body["type"], "/problems/validation-failed");
    }
    let send = async |content_type: &str, body: &'static [u8]| {
        let caller = doctor.with_header(header::CONTENT_TYPE, content_type);
        let reply = caller
            .send(Method::POST, "/api/v1/notes", Bytes::from_static(body))
            .await;
        (
            reply.status.as_u16(),
            reply.code().unwrap_or_default().to_owned(),
        )
    };
    let code = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(
        send("application/json", b"{").await,
        code(400, "MALFORMED_JSON")
    );
    assert_eq!(
        send("application/json", b"").await,
        code(400, "BODY_REQUIRED")
    );
    assert_eq!(
        send("application/json", b"{\"text\":\"\xff\"}").await,
        code(400, "MALFORMED_JSON")
    );
    assert_eq!(
        send("text/plain", b"{}").await,
        code(415, "UNSUPPORTED_MEDIA_TYPE")
    );
    assert_eq!(
        doctor.post("/notes", Value::Null).await.status.as_u16(),
        415
    );
    assert_eq!(alone.notes().await, 0);
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let alone = alone().await;
    let doctor = alone
        .api
        .as_role(Role::Doctor)
        .with_header(header::CONTENT_TYPE, "application/json");
    let large = Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(1024 * 1024)));
    for caller in [
        doctor.clone(),
        doctor.key("k"),
        doctor.with_header(header::CONTENT_LENGTH, "9999999"),
    ] {
        let reply = caller
            .send(Method::POST, "/api/v1/notes", large.clone())
            .await;
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (413, Some("PAYLOAD_TOO_LARGE"))
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor);
    for path in [
        "/nowhere",
        "/notes/x",
        "/notes/0192f0c477aa7d1e9c3a2f1f4b6e8a01",
        "/notes/%ff",
        "/notes/a%00",
        "/notes/0192f0c4-77aa-7d1e-9c3a-2f1f4b6e8a01",
    ] {
        let reply = doctor.get(path).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (404, Some("NOT_FOUND")),
            "{path}"
        );
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json"),
            "{path}"
        );
    }
    let reply = doctor.delete("/notes").await;
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (405, Some("METHOD_NOT_ALLOWED"))
    );
    assert_eq!(reply.header("allow"), Some("POST"));
    assert_eq!(
        doctor
            .get("/notes/0192f0c4-77aa-7d1e-9c3a-2f1f4b6e8a01?uper=true")
            .await
            .pointers(),
        ["?uper"]
    );
}

#[tokio::test]
async fn a_change_of_an_older_version_is_refused() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor);
    let made = doctor.post("/notes", json!({ "text": "a" })).await;
    let path = format!("/notes/{}", made.body["id"].as_str().unwrap());
    let change = json!({ "text": "b" });
    assert_eq!(
        doctor
            .if_match(1)
            .patch(&path, change.clone())
            .await
            .header("etag"),
        Some("\"2\"")
    );
    let stale = doctor.if_match(1).patch(&path, change.clone()).await;
    assert_eq!(
        (stale.status.as_u16(), stale.code()),
        (412, Some("STALE_VERSION"))
    );
    let with = |tag: &str| doctor.with_header(header::IF_MATCH, tag);
    assert_eq!(
        with("W/\"2\"")
            .patch(&path, change.clone())
            .await
            .status
            .as_u16(),
        412
    );
    assert_eq!(
        with("2").patch(&path, change.clone()).await.code(),
        Some("INVALID_IF_MATCH")
    );
    assert_eq!(
        with("*").patch(&path, change.clone()).await.header("etag"),
        Some("\"3\"")
    );
    assert_eq!(
        doctor.patch(&path, change).await.header("etag"),
        Some("\"4\"")
    );
}

#[tokio::test]
async fn a_panic_is_a_problem_and_not_the_end() {
    let alone = alone().await;
    let reply = alone.api.anonymous().post("/panic", Value::Null).await;
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (500, Some("INTERNAL"))
    );
    assert!(!reply.body.to_string().contains("fell over"));
    assert_eq!(
        alone
            .api
            .anonymous()
            .post("/knock", Value::Null)
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_answer_names_its_request_and_its_trace() {
    let alone = alone().await;
    let caller = TraceContext::root();
    let traced = alone
        .api
        .anonymous()
        .with_header(HeaderName::from_static("traceparent"), &caller.to_string())
        .with_header(HeaderName::from_static("x-request-id"), "mine-1");
    let reply = traced.post("/panic", Value::Null).await;
    assert_eq!(reply.header("x-request-id"), Some("mine-1"));
    let answered = TraceContext::parse(reply.header("traceresponse").unwrap()).unwrap();
    assert_eq!(answered.trace_id, caller.trace_id);
    assert_ne!(answered.span_id, caller.span_id);
    assert_eq!(reply.body["traceId"], caller.trace_id_hex());

    let alone_again = alone
        .api
        .anonymous()
        .with_header(HeaderName::from_static("x-request-id"), "bad id\"")
        .get("/nowhere")
        .await;
    let id = alone_again.header("x-request-id").unwrap();
    assert_eq!(
        alone_again.body["traceId"], id,
        "a new request is named by its trace"
    );
}

#[tokio::test]
async fn a_peer_is_asked_in_the_same_trace_and_its_failures_are_told_apart() {
    let alone = alone().await;
    let trace = TraceContext::root();
    let caller = alone
        .api
        .anonymous()
        .with_header(HeaderName::from_static("traceparent"), &trace.to_string());
    let reply = caller.post("/ask/x", Value::Null).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.body),
        (200, &json!(trace.trace_id_hex()))
    );
    let panicked = caller.post("/ask/panic", Value::Null).await;
    assert_eq!(
        (panicked.status.as_u16(), panicked.code()),
        (503, Some("DEPENDENCY_UNAVAILABLE"))
    );
    let late = caller.post("/ask/late", Value::Null).await;
    assert_eq!(
        (late.status.as_u16(), late.code()),
        (504, Some("DEPENDENCY_TIMEOUT"))
    );
    assert_eq!(
        caller.post("/ask/x", Value::Null).await.status.as_u16(),
        200,
        "the connection lives on"
    );
}

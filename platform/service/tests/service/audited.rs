//! What a running host writes down.

use galen_access::Role;
use galen_service::audit::{Actor, Entry, Kind};
use serde_json::{Value, json};

use crate::hosting::Hospital;

fn told(entry: &Entry) -> (Kind, &str, u16, Option<&str>) {
    (
        entry.kind,
        &entry.action,
        entry.status,
        entry.reason.as_deref(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_reads_and_denials_are_written_down_once() {
    let hospital = Hospital::open().await;
    let nurse = hospital.token(Role::Nurse);
    let desk = hospital.token(Role::Receptionist);
    let note = json!({ "text": "hello" });
    let (status, made, _) = hospital
        .call("POST", "/api/v1/notes", Some(&desk), &note)
        .await;
    assert_eq!(status, 201);
    let id = made["id"].as_str().expect("an id").to_owned();
    let shown = format!("/api/v1/notes/{id}");
    for (method, path, token, body) in [
        ("GET", shown.as_str(), Some(&nurse), &Value::Null),
        ("POST", "/api/v1/notes", Some(&nurse), &note),
        ("GET", "/api/v1/ops/overview", Some(&nurse), &Value::Null),
        // Nothing happens in these: nobody tried, or what was tried was wrong.
        ("GET", &shown, None, &Value::Null),
        ("POST", "/api/v1/notes", Some(&desk), &json!({ "text": 7 })),
        (
            "POST",
            "/api/v1/notes",
            Some(&desk),
            &json!({ "text": "no" }),
        ),
        ("GET", "/api/v1/nowhere", Some(&desk), &Value::Null),
    ] {
        hospital
            .call(method, path, token.map(String::as_str), body)
            .await;
    }
    let entries = hospital.audit.kept();
    let summary: Vec<_> = entries.iter().map(told).collect();
    assert_eq!(
        summary,
        [
            (Kind::Write, "POST /notes", 201, Some("ANY")),
            (Kind::Read, "GET /notes/{id}", 200, None),
            (Kind::Deny, "POST /notes", 403, Some("FORBIDDEN")),
            (Kind::Deny, "GET /ops/overview", 403, Some("FORBIDDEN")),
        ]
    );
    for entry in &entries[..2] {
        assert_eq!(entry.subject_kind.as_deref(), Some("notes"));
        assert_eq!(entry.subject.as_deref(), Some(&*id));
        assert_eq!(entry.address.as_deref(), Some("127.0.0.1"));
        assert!(entry.session.is_some() && entry.trace_id.is_some());
        assert!(matches!(entry.actor, Actor::User(_)));
    }
    assert_eq!(entries[1].roles, ["NURSE"]);
    assert_eq!(entries[2].permission, Some("APPOINTMENT_BOOK"));
    hospital.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_told_about_somebody_is_known_by_its_connection() {
    let hospital = Hospital::open().await;
    let (status, _, _) = hospital
        .call("POST", "/api/v1/ask/x", None, &Value::Null)
        .await;
    assert_eq!(status, 200);
    let entries = hospital.audit.kept();
    let told = entries
        .iter()
        .find(|entry| entry.action == "/galen.identity.v1.Accounts/MintCredentialLink")
        .expect("it is written down");
    assert_eq!(told.actor, Actor::Service("identity".to_owned()));
    assert_eq!(told.kind, Kind::Read);
    assert_eq!(told.subject_kind.as_deref(), Some("credential-links"));
    assert_eq!(told.subject.as_deref(), Some("7"));
    // In the trace of the request that made it ask.
    let asked = entries
        .iter()
        .find(|entry| entry.action == "POST /ask/{id}");
    assert_eq!(asked.expect("the request is, too").trace_id, told.trace_id);
    hospital.running.shutdown().await;
}

//! Repeated requests.

use galen_access::Role;
use galen_service::command::{KEY_LIFETIME, erase_days, forget_keys};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::desk::alone;

#[tokio::test]
async fn the_same_request_is_answered_byte_for_byte() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor).key("k-1");
    let first = doctor.post("/notes", json!({ "text": "a" })).await;
    alone.clock.advance(SignedDuration::from_mins(1));
    let again = doctor.post("/notes", json!({ "text": "a" })).await;
    assert_eq!((again.status, &again.bytes), (first.status, &first.bytes));
    for header in ["etag", "location", "content-type"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    assert_eq!(
        (
            first.header("idempotency-replayed"),
            again.header("idempotency-replayed")
        ),
        (None, Some("true"))
    );
    assert_ne!(
        again.header("traceresponse"),
        first.header("traceresponse"),
        "what belongs to the exchange is new"
    );
    assert_eq!(alone.notes().await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_caller() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor).key("k");
    let first = doctor.post("/notes", json!({ "text": "a" })).await;
    assert_eq!(first.status.as_u16(), 201);
    let reused = doctor.post("/notes", json!({ "text": "b" })).await;
    assert_eq!(
        (reused.status.as_u16(), reused.code()),
        (422, Some("IDEMPOTENCY_KEY_REUSED"))
    );
    let elsewhere = doctor
        .patch(
            &format!("/notes/{}", first.body["id"].as_str().unwrap()),
            json!({ "text": "a" }),
        )
        .await;
    assert_eq!(elsewhere.status.as_u16(), 422);

    let other = alone
        .api
        .as_role(Role::Doctor)
        .key("k")
        .post("/notes", json!({ "text": "a" }))
        .await;
    assert_eq!(
        (other.status.as_u16(), other.header("idempotency-replayed")),
        (201, None)
    );
    assert_eq!(alone.notes().await, 2);
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor).key("k");
    assert_eq!(
        doctor
            .post("/notes", json!({ "text": "no" }))
            .await
            .status
            .as_u16(),
        409
    );
    assert_eq!(
        doctor
            .post("/notes", json!({ "text": "yes" }))
            .await
            .status
            .as_u16(),
        201
    );
    assert_eq!(alone.notes().await, 1);
}

#[tokio::test]
async fn a_caller_without_a_name_has_keys_too() {
    let alone = alone().await;
    let anonymous = alone.api.anonymous().key("k");
    let first = anonymous.post("/knock", Value::Null).await;
    let again = anonymous.post("/knock", Value::Null).await;
    assert_eq!(
        (
            again.bytes,
            again.headers.get("idempotency-replayed").is_some()
        ),
        (first.bytes, true)
    );
}

#[tokio::test]
async fn a_key_has_a_form() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor);
    for key in ["", " ", "a b", "ä", &"x".repeat(256)] {
        let reply = doctor.key(key).post("/notes", json!({ "text": "a" })).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (400, Some("INVALID_IDEMPOTENCY_KEY")),
            "{key:?}"
        );
    }
    assert_eq!(
        doctor
            .key(&"x".repeat(255))
            .post("/notes", json!({ "text": "a" }))
            .await
            .status
            .as_u16(),
        201
    );
    assert_eq!(alone.notes().await, 1);
}

/// Twenty clients send the same request at once: one does it, and all get its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_request_at_the_same_time_is_done_once() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor).key("k");
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let doctor = doctor.clone();
            tokio::spawn(async move { doctor.post("/notes", json!({ "text": "a" })).await })
        })
        .collect();
    let mut bodies = Vec::new();
    for task in tasks {
        let reply = task.await.unwrap();
        match reply.status.as_u16() {
            201 => bodies.push(reply.bytes),
            // Somebody asked before the transaction whether the first still runs.
            409 => assert_eq!(
                (reply.code(), reply.header("retry-after")),
                (Some("REQUEST_IN_PROGRESS"), Some("1"))
            ),
            other => panic!("{other}: {}", reply.body),
        }
    }
    assert!(!bodies.is_empty() && bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(alone.notes().await, 1);
}

#[tokio::test]
async fn while_the_first_runs_the_second_is_told_to_wait() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor).key("k");
    let waiting = json!({ "text": "wait" });
    let first = tokio::spawn({
        let (doctor, waiting) = (doctor.clone(), waiting.clone());
        async move { doctor.post("/notes", waiting).await }
    });
    // Looking a key up takes a shared lock; who claims it has the exclusive one.
    let claimed = "select exists (select from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock'
                   and database = (select oid from pg_database where datname = current_database()))";
    while !sqlx::query_scalar::<_, bool>(claimed)
        .fetch_one(alone.desk.db().pool())
        .await
        .unwrap()
    {
        tokio::task::yield_now().await;
    }
    let second = doctor.post("/notes", waiting.clone()).await;
    assert_eq!(
        (second.status.as_u16(), second.code()),
        (409, Some("REQUEST_IN_PROGRESS"))
    );
    assert_eq!(second.header("retry-after"), Some("1"));
    alone.desk.gate.add_permits(1);
    assert_eq!(first.await.unwrap().status.as_u16(), 201);
    let third = doctor.post("/notes", waiting).await;
    assert_eq!(
        (third.status.as_u16(), third.header("idempotency-replayed")),
        (201, Some("true"))
    );
}

#[tokio::test]
async fn old_keys_are_forgotten() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor);
    doctor
        .key("old")
        .post("/notes", json!({ "text": "a" }))
        .await;
    alone.clock.advance(SignedDuration::from_mins(10));
    doctor
        .key("new")
        .post("/notes", json!({ "text": "b" }))
        .await;
    alone
        .clock
        .advance(KEY_LIFETIME - SignedDuration::from_mins(5));

    let db = alone.desk.db();
    assert_eq!(
        forget_keys(db, alone.clock.now() - KEY_LIFETIME)
            .await
            .unwrap(),
        1
    );
    let left: Vec<String> = sqlx::query_scalar("select key from idempotency")
        .fetch_all(db.pool())
        .await
        .unwrap();
    assert_eq!(left, ["new"]);
    assert_eq!(
        forget_keys(db, alone.clock.now() - KEY_LIFETIME)
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn a_stored_answer_says_nothing_without_its_key() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor).key("k");
    let first = doctor.post("/notes", json!({ "text": "a canary" })).await;
    assert_eq!(first.body["text"], "a canary");
    let pool = alone.desk.db().pool();
    let row: String = sqlx::query_scalar(
        "select row_to_json(i)::text || encode(i.answer, 'escape') from idempotency i",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    for word in [
        "canary",
        "/api/v1/notes/",
        first.body["id"].as_str().unwrap(),
    ] {
        assert!(!row.contains(word), "{row}");
    }
    assert!(row.contains("\"fingerprint\":null"), "{row}");

    // Put under another key, it is no answer to anything.
    sqlx::query("update idempotency set key = 'other'")
        .execute(pool)
        .await
        .unwrap();
    let moved = doctor
        .key("other")
        .post("/notes", json!({ "text": "a canary" }))
        .await;
    assert_eq!(moved.status.as_u16(), 500);
}

#[tokio::test]
async fn an_answer_from_before_answers_were_sealed_is_repeated_for_its_day() {
    let alone = alone().await;
    let doctor = alone.api.as_role(Role::Doctor).key("k");
    let first = doctor.post("/notes", json!({ "text": "a" })).await;
    let pool = alone.desk.db().pool();
    let body = json!({ "text": "a" }).to_string();
    let mut fingerprint = Sha256::new();
    for part in ["POST", "/api/v1/notes", "application/json", &body] {
        fingerprint.update(part.len().to_be_bytes());
        fingerprint.update(part);
    }
    sqlx::query(
        r#"update idempotency set id = null, subject = null, answer = null, fingerprint = $1,
               headers = '[["etag", "\"1\""]]', body = $2"#,
    )
    .bind(fingerprint.finalize().to_vec())
    .bind(&first.bytes[..])
    .execute(pool)
    .await
    .unwrap();
    let again = doctor.post("/notes", json!({ "text": "a" })).await;
    assert_eq!((again.status, &again.bytes), (first.status, &first.bytes));
    assert_eq!(again.header("etag"), Some("\"1\""));
    let other = doctor.post("/notes", json!({ "text": "b" })).await;
    assert_eq!(
        (other.status.as_u16(), other.code()),
        (422, Some("IDEMPOTENCY_KEY_REUSED"))
    );
    assert_eq!(alone.notes().await, 1);
}

#[tokio::test]
async fn a_day_whose_answers_are_forgotten_is_erased() {
    let alone = alone().await;
    let (db, vault) = (alone.desk.db(), alone.desk.vault());
    for key in ["today", "tomorrow"] {
        let doctor = alone.api.as_role(Role::Doctor).key(key);
        let noted = doctor.post("/notes", json!({ "text": key })).await;
        assert_eq!(noted.status.as_u16(), 201);
        alone.clock.advance(SignedDuration::from_hours(24));
    }
    let before = alone.clock.now() - KEY_LIFETIME;
    assert_eq!(erase_days(vault, before).await.unwrap(), 1);
    assert_eq!(erase_days(vault, before).await.unwrap(), 0);
    let left: Vec<String> = sqlx::query_scalar(
        "select right(subject::text, 8) from data_key where wrapped is not null",
    )
    .fetch_all(db.pool())
    .await
    .unwrap();
    assert_eq!(left, ["20261103"]);
}

//! What operators see and do, in a running host.

use galen_access::Role;
use galen_contracts::identity::v1::UserChanged;
use galen_eventing::Publish as _;
use serde_json::{Value, json};

use crate::hosting::Hospital;

/// Publishes a change of this user; the listener cannot apply what is not an id.
async fn publish(hospital: &Hospital, user_id: &str) {
    let mut tx = hospital
        .database
        .open("identity")
        .await
        .begin()
        .await
        .expect("the event is published");
    tx.publish(&UserChanged {
        user_id: user_id.to_owned(),
    });
    tx.commit().await.expect("the event is published");
    hospital
        .running
        .backbone
        .settle()
        .await
        .expect("the event is published");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_seen_tried_again_and_given_up() {
    let hospital = Hospital::open().await;
    let operator = hospital.token(Role::Operator);
    let call = async |method: &str, path: &str, body: Value| {
        let (status, body, _) = hospital
            .call(
                method,
                &format!("/api/v1/ops{path}"),
                Some(&operator),
                &body,
            )
            .await;
        (status, body)
    };
    publish(&hospital, "poison").await;
    publish(&hospital, &hospital.clock.uuid().to_string()).await;

    let (status, overview) = call("GET", "/overview", Value::Null).await;
    assert_eq!(
        (status, &overview["deadLetters"], &overview["parkedKeys"]),
        (200, &json!(1), &json!(1)),
        "{overview}"
    );
    let (_, subscriptions) = call("GET", "/subscriptions", Value::Null).await;
    assert_eq!(subscriptions["items"][0]["group"], "notifications.heard");

    let (_, letters) = call("GET", "/dead-letters?errorClass=NOT_AN_ID", Value::Null).await;
    let letter = &letters["items"][0];
    assert_eq!(
        (
            letters["items"].as_array().map(Vec::len),
            &letters["nextCursor"]
        ),
        (Some(1), &Value::Null)
    );
    assert_eq!(
        (&letter["key"], &letter["state"]),
        (&json!("poison"), &json!("dead"))
    );
    assert_eq!(
        call("GET", "/dead-letters?errorClass=OTHER", Value::Null)
            .await
            .1["items"],
        json!([])
    );
    let path = format!("/dead-letters/{}", letter["id"]);
    let (_, letter) = call("GET", &path, Value::Null).await;
    assert_eq!(letter["payload"]["userId"], "poison");

    let (status, redriven) = call("POST", &format!("{path}/redrive"), Value::Null).await;
    assert_eq!((status, redriven), (200, json!({ "redriven": 1 })));
    hospital.running.backbone.settle().await.unwrap();
    let (status, redriven) = call(
        "POST",
        "/dead-letters/redrive",
        json!({ "group": "notifications.heard" }),
    )
    .await;
    assert_eq!(
        (status, redriven),
        (200, json!({ "redriven": 1 })),
        "it failed again"
    );
    hospital.running.backbone.settle().await.unwrap();

    let (status, problem) =
        call("POST", &format!("{path}/discard"), json!({ "reason": " " })).await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (400, &json!("/reason"))
    );
    assert_eq!(
        call(
            "POST",
            &format!("{path}/discard"),
            json!({ "reason": "not a user" })
        )
        .await
        .0,
        204
    );
    assert_eq!(
        call(
            "POST",
            &format!("{path}/discard"),
            json!({ "reason": "not a user" })
        )
        .await
        .0,
        404
    );
    assert_eq!(
        call("GET", "/dead-letters", Value::Null).await.1["items"],
        json!([])
    );
    assert_eq!(
        call("POST", &format!("{path}/redrive"), Value::Null)
            .await
            .0,
        404
    );
    assert_eq!(
        call("GET", "/overview", Value::Null).await.1["deadLetters"],
        0
    );
    hospital.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_operators_look_and_only_some_of_them_act() {
    let hospital = Hospital::open().await;
    let auditor = hospital.token(Role::Auditor);
    let doctor = hospital.token(Role::Doctor);
    for path in [
        "overview",
        "outbox",
        "subscriptions",
        "sagas",
        "jobs",
        "timers",
        "dead-letters",
    ] {
        let path = format!("/api/v1/ops/{path}");
        assert_eq!(
            hospital
                .call("GET", &path, Some(&auditor), &Value::Null)
                .await
                .0,
            200,
            "{path}"
        );
        assert_eq!(
            hospital
                .call("GET", &path, Some(&doctor), &Value::Null)
                .await
                .0,
            403,
            "{path}"
        );
    }
    let redrive = hospital
        .call(
            "POST",
            "/api/v1/ops/dead-letters/redrive",
            Some(&auditor),
            &json!({}),
        )
        .await;
    assert_eq!(redrive.0, 403);
    hospital.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_not_found() {
    let hospital = Hospital::open().await;
    let operator = hospital.token(Role::Operator);
    let reason = json!({ "reason": "no longer needed" });
    let id = hospital.clock.uuid();
    for (method, path, body) in [
        ("GET", "dead-letters/1".to_owned(), Value::Null),
        ("GET", "dead-letters/x".to_owned(), Value::Null),
        ("GET", format!("sagas/{id}/steps"), Value::Null),
        ("POST", format!("sagas/{id}/retry"), reason.clone()),
        (
            "POST",
            format!("sagas/{id}/end"),
            json!({ "status": "COMPLETED", "reason": "done by hand" }),
        ),
        (
            "POST",
            "projections/nothing/rebuild".to_owned(),
            Value::Null,
        ),
    ] {
        let (status, body, _) = hospital
            .call(
                method,
                &format!("/api/v1/ops/{path}"),
                Some(&operator),
                &body,
            )
            .await;
        assert_eq!(
            (status, &body["code"]),
            (404, &json!("NOT_FOUND")),
            "{path}"
        );
    }
    hospital.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_tell_how_they_went() {
    let hospital = Hospital::open().await;
    let operator = hospital.token(Role::Operator);
    let report = loop {
        let (_, jobs, _) = hospital
            .call("GET", "/api/v1/ops/jobs", Some(&operator), &Value::Null)
            .await;
        let jobs = jobs["items"].as_array().unwrap().clone();
        assert_eq!(
            jobs.len(),
            4,
            "two of the desk, and one for the keys of each service"
        );
        if jobs.iter().all(|job| job["lastRun"].is_object()) {
            break jobs;
        }
        tokio::task::yield_now().await;
    };
    let find = |name: &str| report.iter().find(|job| job["name"] == name).unwrap();
    assert_eq!(find("identity.count")["lastRun"]["items"], 0);
    assert_eq!(find("identity.count")["runsHere"], true);
    assert_eq!(
        find("identity.fail")["lastRun"]["failure"],
        "DEPENDENCY_UNAVAILABLE"
    );
    assert!(
        report
            .iter()
            .any(|job| job["name"] == "notifications.forget-idempotency-keys")
    );
    let (_, overview, _) = hospital
        .call("GET", "/api/v1/ops/overview", Some(&operator), &Value::Null)
        .await;
    assert_eq!(overview["failingJobs"], json!(["identity.fail"]));
    hospital.running.shutdown().await;
}

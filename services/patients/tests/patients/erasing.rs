//! Erasing people: two administrators, and then nobody can read anything.

use galen_access::{Principal, Role};
use galen_service::testing::{Reply, TestCaller};
use http::StatusCode;
use serde_json::{Value, json};

use crate::hospital::{Hospital, column, full_record, id, person};

async fn ask(admin: &TestCaller, patient: &str) -> Reply {
    admin
        .post(
            &format!("/patients/{patient}/erase"),
            json!({ "reason": "zq-asked for it" }),
        )
        .await
}

async fn asked(admin: &TestCaller, patient: &str) -> String {
    let reply = ask(admin, patient).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    assert_eq!(reply.body["status"], "OPEN");
    id(&reply.body)
}

async fn decide(admin: &TestCaller, erasure: &str, how: &str) -> Reply {
    admin
        .post(&format!("/erasures/{erasure}/{how}"), Value::Null)
        .await
}

async fn erase(hospital: &Hospital, patient: &str) {
    let erasure = asked(&hospital.api.as_role(Role::Admin), patient).await;
    let done = decide(&hospital.api.as_role(Role::Admin), &erasure, "approve").await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    hospital.hear().await;
}

#[tokio::test]
async fn nothing_of_an_erased_person_can_be_read_and_others_are_as_before() {
    let hospital = Hospital::open().await;
    let gone = full_record(&hospital, "Zqanna", "1985-03-12").await;
    let other = full_record(&hospital, "Berta", "1985-03-12").await;
    let before = hospital.read(&other).await;
    hospital
        .doctor()
        .breaks_the_glass(&gone, "zq-emergency", 60)
        .await;
    erase(&hospital, &gone).await;

    let nurse = hospital.nurse();
    for part in [
        "",
        "/allergies",
        "/conditions",
        "/notes",
        "/vitals",
        "/timeline",
        "/coverages",
    ] {
        let reply = nurse.get(&format!("/patients/{gone}{part}")).await;
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::NOT_FOUND, Some("PATIENT_ERASED")),
            "{part}"
        );
        let reply = nurse.get(&format!("/patients/{other}{part}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{part}");
    }
    assert_eq!(hospital.read(&other).await, before);
    let found = hospital.desk().get("/patients?query=zqanna").await;
    assert_eq!(column(&found.body, "id"), Vec::<String>::new());
    let all = hospital.desk().get("/patients").await;
    assert_eq!(column(&all.body, "id"), [other]);
    let queue = hospital.auditor().get("/break-glass").await;
    assert_eq!(column(&queue.body, "id"), Vec::<String>::new());

    // Every key is gone, and what they sealed stays as it was.
    let keys: i64 = sqlx::query_scalar("select count(*) from data_key where wrapped is not null")
        .fetch_one(hospital.db.pool())
        .await
        .expect("a number");
    assert_eq!(keys, 1, "that of the other patient");
    let admin = hospital.api.as_role(Role::Admin);
    let done = admin.get("/erasures?status=DONE").await.body;
    let [done] = &done["items"].as_array().expect("a list")[..] else {
        panic!("{done}");
    };
    assert_eq!(
        (&done["reason"], &done["patientId"]),
        (&json!(null), &json!(gone))
    );
    assert!(done["completedAt"].is_string(), "{done}");
    hospital.is_sound().await;
}

#[tokio::test]
async fn nothing_is_written_about_an_erased_person() {
    let hospital = Hospital::open().await;
    let gone = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let mrn = hospital.read(&gone).await["mrn"]
        .as_str()
        .expect("a number")
        .to_owned();
    erase(&hospital, &gone).await;
    let note = hospital
        .nurse()
        .post(&format!("/patients/{gone}/notes"), json!({ "text": "x" }))
        .await;
    assert_eq!(note.code(), Some("PATIENT_ERASED"));
    let again = ask(&hospital.api.as_role(Role::Admin), &gone).await;
    assert_eq!(again.code(), Some("PATIENT_ERASED"));
    let glass = hospital
        .doctor()
        .caller
        .post(
            "/break-glass",
            json!({ "mrn": mrn, "reason": "x", "minutes": 5 }),
        )
        .await;
    assert_eq!(glass.status, StatusCode::NOT_FOUND);
    // The same person may come again, as somebody new.
    hospital
        .register(person("Anna", "Schmidt", "1985-03-12"))
        .await;
    let undone = sqlx::query("update patient set erased_at = null")
        .execute(hospital.db.pool())
        .await
        .expect_err("for good");
    assert!(undone.to_string().contains("stays erased"), "{undone}");
}

#[tokio::test]
async fn it_takes_two_and_a_recent_login() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let (one, two) = (
        hospital.api.as_role(Role::Admin),
        hospital.api.as_role(Role::Admin),
    );
    let erasure = asked(&one, &patient).await;
    let twice = ask(&two, &patient).await;
    assert_eq!(twice.code(), Some("ERASURE_REQUESTED"));
    let alone = decide(&one, &erasure, "approve").await;
    assert_eq!(
        (alone.status, alone.code()),
        (StatusCode::CONFLICT, Some("OWN_ERASURE_REQUEST"))
    );
    for role in [
        Role::Receptionist,
        Role::Doctor,
        Role::Auditor,
        Role::Patient,
    ] {
        let other = hospital.api.as_role(role);
        assert_eq!(ask(&other, &patient).await.status, StatusCode::FORBIDDEN);
        let reply = decide(&other, &erasure, "approve").await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{role}");
    }
    let waiting = two.get("/erasures").await.body;
    assert_eq!(column(&waiting, "reason"), ["zq-asked for it"]);
    let rejected = decide(&one, &erasure, "reject").await;
    assert_eq!(rejected.body["status"], "REJECTED");
    let late = decide(&two, &erasure, "approve").await;
    assert_eq!(late.code(), Some("ALREADY_DECIDED"));
    hospital.read(&patient).await;
    // Asked for anew, it is erased.
    erase(&hospital, &patient).await;
    hospital.is_sound().await;
}

#[tokio::test]
async fn merged_records_go_with_the_person_and_those_that_were_parted_do_not() {
    let hospital = Hospital::open().await;
    let survivor = full_record(&hospital, "Anna", "1985-03-12").await;
    let retired = full_record(&hospital, "Anne", "1985-03-12").await;
    let parted = full_record(&hospital, "Hanna", "1985-03-12").await;
    for record in [&retired, &parted] {
        assert_eq!(
            hospital.merge(record, &survivor).await.status,
            StatusCode::OK
        );
    }
    assert_eq!(hospital.unmerge(&parted).await.status, StatusCode::OK);
    let refused = ask(&hospital.api.as_role(Role::Admin), &retired).await;
    assert_eq!(refused.code(), Some("PATIENT_MERGED"));
    erase(&hospital, &survivor).await;
    assert_eq!(hospital.published("patient-erased").await.len(), 2);
    for record in [&survivor, &retired] {
        let reply = hospital.desk().get(&format!("/patients/{record}")).await;
        assert_eq!(reply.code(), Some("PATIENT_ERASED"));
    }
    hospital.read(&parted).await;
    let reasons: i64 = sqlx::query_scalar(
        "select (select count(*) from merge_event where reason <> '[erased]')
              + (select count(*) from duplicate where decision_reason <> '[erased]')",
    )
    .fetch_one(hospital.db.pool())
    .await
    .expect("a number");
    assert_eq!(reasons, 0, "why they were merged goes with them");
    hospital.is_sound().await;
}

#[tokio::test]
async fn an_account_of_an_erased_person_has_no_record() {
    let hospital = Hospital::open().await;
    let newcomer = hospital.newcomer();
    let reply = newcomer
        .post("/patients", person("Anna", "Schmidt", "1985-03-12"))
        .await;
    let patient = id(&reply.body);
    let knowing = hospital.knowing(&newcomer, &patient);
    assert_eq!(knowing.get("/patients/me").await.status, StatusCode::OK);
    erase(&hospital, &patient).await;
    let own: &Principal = knowing.principal();
    assert!(own.patient_id.is_some());
    assert_eq!(
        knowing.get("/patients/me").await.status,
        StatusCode::NOT_FOUND
    );
}

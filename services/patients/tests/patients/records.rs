//! The clinical record.

use futures::future::join_all;
use galen_access::Role;
use http::StatusCode;
use serde_json::{Value, json};

use crate::hospital::{Hospital, column, id, with};

fn penicillin() -> Value {
    json!({ "system": "http://snomed.info/sct", "code": "91936005", "display": "Allergy to penicillin" })
}

#[tokio::test]
async fn every_kind_of_entry_is_kept_and_listed() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let nurse = hospital.nurse();
    let source = json!({ "system": "urn:source", "value": "1" });
    for (part, body, shown) in [
        (
            "allergies",
            json!({ "code": penicillin(), "clinicalStatus": "ACTIVE", "category": "MEDICATION", "criticality": "HIGH", "reaction": "hives\nand worse", "onset": "1999-05-01", "identifier": source }),
            json!({}),
        ),
        (
            "conditions",
            json!({ "code": penicillin(), "clinicalStatus": "RESOLVED", "onset": "2001-02-03", "abatement": "2001-03-03", "identifier": source }),
            json!({}),
        ),
        (
            "notes",
            json!({ "title": "Visit", "text": "Feels well.\n\tNo pain.", "effectiveAt": "2026-05-31T10:00:00+02:00", "identifier": source }),
            json!({ "effectiveAt": "2026-05-31T08:00:00Z" }),
        ),
        (
            "vitals",
            json!({ "kind": "BODY_TEMPERATURE", "value": 36.6, "unit": "Cel", "effectiveAt": "2026-05-31T08:00:00Z" }),
            json!({ "code": { "system": "http://loinc.org", "code": "8310-5", "display": "Body temperature" } }),
        ),
    ] {
        let path = format!("/patients/{patient}/{part}");
        let reply = nurse.post(&path, body.clone()).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{part}: {}", reply.body);
        for (field, value) in with(body.clone(), shown).as_object().expect("an object") {
            assert_eq!(&reply.body[field], value, "{part} {field}");
        }
        assert_eq!(reply.body["recordedBy"], json!(nurse.principal().user_id));
        assert_eq!(reply.body["recordedAt"], "2026-06-01T12:00:00Z");
        assert_eq!(
            nurse.get(&path).await.body["items"],
            json!([reply.body]),
            "{part}"
        );
        if part != "vitals" {
            let again = nurse.post(&path, body).await;
            assert_eq!(
                (again.status, again.code()),
                (StatusCode::CONFLICT, Some("IDENTIFIER_EXISTS")),
                "{part}"
            );
        }
    }
    let kinds: Vec<Value> = hospital
        .published("record-entry-added")
        .await
        .iter()
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(kinds, ["ALLERGY", "CONDITION", "NOTE", "VITAL"]);
    hospital.is_sound().await;
}

#[tokio::test]
async fn wrong_entries_are_refused_by_field() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let vital = |kind: &str, value: Value, unit: &str| json!({ "kind": kind, "value": value, "unit": unit });
    for (part, body, pointer) in [
        (
            "allergies",
            json!({ "code": { "system": "", "code": "1", "display": "x" }, "clinicalStatus": "ACTIVE" }),
            "/code/system",
        ),
        (
            "allergies",
            json!({ "code": penicillin(), "clinicalStatus": "GONE" }),
            "/clinicalStatus",
        ),
        (
            "allergies",
            json!({ "code": penicillin(), "clinicalStatus": "ACTIVE", "onset": "2026-06-02" }),
            "/onset",
        ),
        (
            "conditions",
            json!({ "code": penicillin(), "clinicalStatus": "ACTIVE", "onset": "2001-02-03", "abatement": "2001-02-02" }),
            "/abatement",
        ),
        (
            "conditions",
            json!({ "code": penicillin(), "clinicalStatus": "ACTIVE", "identifier": { "system": "a|b", "value": "1" } }),
            "/identifier/system",
        ),
        ("notes", json!({ "text": "" }), "/text"),
        ("notes", json!({ "text": "x".repeat(20_001) }), "/text"),
        ("notes", json!({ "text": "x\u{0}" }), "/text"),
        (
            "notes",
            json!({ "text": "x", "effectiveAt": "2026-06-01T12:06:00Z" }),
            "/effectiveAt",
        ),
        ("vitals", vital("HEART_RATE", json!(4000), "/min"), "/value"),
        (
            "vitals",
            vital("HEART_RATE", json!(1e300), "/min"),
            "/value",
        ),
        (
            "vitals",
            vital("HEART_RATE", json!(-1e-300), "bpm"),
            "/unit",
        ),
        ("vitals", vital("BODY_WEIGHT", json!(80), "lb"), "/unit"),
        ("vitals", vital("MOOD", json!(1), "/min"), "/kind"),
        ("vitals", vital("HEART_RATE", json!("72"), "/min"), "/value"),
    ] {
        let reply = hospital
            .nurse()
            .post(&format!("/patients/{patient}/{part}"), body.clone())
            .await;
        assert_eq!(
            (reply.status, reply.pointers()),
            (StatusCode::BAD_REQUEST, vec![pointer]),
            "{part} {}",
            reply.body
        );
    }
    let longest = hospital
        .nurse()
        .post(
            &format!("/patients/{patient}/notes"),
            json!({ "text": "ü".repeat(20_000) }),
        )
        .await;
    assert_eq!(longest.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_note_is_amended_and_its_history_kept() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let nurse = hospital.nurse();
    let path = format!("/patients/{patient}/notes");
    let first = nurse.post(&path, json!({ "text": "left knee" })).await.body;
    hospital.clock.advance(jiff::SignedDuration::from_secs(60));
    let second = nurse
        .post(
            &path,
            json!({ "text": "right knee", "amends": first["id"] }),
        )
        .await
        .body;
    assert_eq!(second["amends"], first["id"]);
    assert_eq!(column(&nurse.get(&path).await.body, "text"), ["right knee"]);
    let history = nurse.get(&format!("{path}?history=true")).await.body;
    assert_eq!(column(&history, "text"), ["right knee", "left knee"]);
    assert_eq!(history["items"][1]["amendedBy"], second["id"]);
    let fork = nurse
        .post(
            &path,
            json!({ "text": "both knees", "amends": first["id"] }),
        )
        .await;
    assert_eq!(
        (fork.status, fork.code()),
        (StatusCode::CONFLICT, Some("ALREADY_AMENDED"))
    );

    let wrong = nurse
        .post(
            &format!("{path}/{}/entered-in-error", id(&second)),
            json!({ "reason": "it was the left one" }),
        )
        .await;
    assert_eq!(
        (
            wrong.status,
            &wrong.body["enteredInError"]["reason"],
            wrong.header("etag")
        ),
        (StatusCode::OK, &json!("it was the left one"), Some("\"2\""))
    );
    assert_eq!(
        column(&nurse.get(&path).await.body, "text"),
        ["left knee"],
        "what it amended stands again"
    );
    let again = nurse
        .post(
            &format!("{path}/{}/entered-in-error", id(&second)),
            json!({ "reason": "x" }),
        )
        .await;
    assert_eq!(
        (again.status, again.code()),
        (StatusCode::CONFLICT, Some("ENTRY_IN_ERROR"))
    );
    let on_error = nurse
        .post(&path, json!({ "text": "x", "amends": second["id"] }))
        .await;
    assert_eq!(
        (on_error.status, on_error.code()),
        (StatusCode::CONFLICT, Some("ENTRY_IN_ERROR"))
    );
    assert_eq!(
        nurse
            .post(
                &path,
                json!({ "text": "left knee, lateral", "amends": first["id"] })
            )
            .await
            .status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn of_many_amendments_at_once_one_is_made() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let nurse = hospital.nurse();
    let path = format!("/patients/{patient}/notes");
    for _ in 0..10 {
        let note = nurse.post(&path, json!({ "text": "x" })).await.body;
        let replies = join_all(
            (0..4).map(|_| nurse.post(&path, json!({ "text": "y", "amends": note["id"] }))),
        )
        .await;
        assert_eq!(
            replies
                .iter()
                .filter(|reply| reply.status == StatusCode::CREATED)
                .count(),
            1
        );
        assert_eq!(
            replies
                .iter()
                .filter(|reply| reply.code() == Some("ALREADY_AMENDED"))
                .count(),
            3
        );
    }
}

#[tokio::test]
async fn an_entry_is_of_its_kind_and_of_its_patient() {
    let hospital = Hospital::open().await;
    let (patient, other) = (
        hospital.somebody("Anna", "Schmidt", "1985-03-12").await,
        hospital.somebody("Karl", "Kowalski", "1970-01-01").await,
    );
    let nurse = hospital.nurse();
    let note = nurse
        .post(
            &format!("/patients/{patient}/notes"),
            json!({ "text": "x" }),
        )
        .await
        .body;
    for path in [
        format!("/patients/{patient}/vitals"),
        format!("/patients/{other}/notes"),
        format!("/patients/{patient}/allergies"),
    ] {
        let reply = nurse
            .post(
                &format!("{path}/{}/entered-in-error", id(&note)),
                json!({ "reason": "x" }),
            )
            .await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    let reply = nurse
        .post(
            &format!("/patients/{other}/notes"),
            json!({ "text": "x", "amends": note["id"] }),
        )
        .await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_timeline_tells_everything_in_order() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let nurse = hospital.nurse();
    let coverage = json!({ "planId": "90001", "policyNumber": "1", "payerName": "Aetna", "validFrom": "2020-01-01", "priority": 1 });
    hospital
        .desk()
        .post(&format!("/patients/{patient}/coverages"), coverage)
        .await;
    let allergy =
        json!({ "code": penicillin(), "clinicalStatus": "ACTIVE", "onset": "1999-05-01" });
    nurse
        .post(&format!("/patients/{patient}/allergies"), allergy)
        .await;
    for hour in 1..=6 {
        let vital = json!({ "kind": "HEART_RATE", "value": 70 + hour, "unit": "/min", "effectiveAt": format!("2026-05-31T0{hour}:00:00Z") });
        nurse
            .post(&format!("/patients/{patient}/vitals"), vital)
            .await;
    }
    let mistake = nurse
        .post(
            &format!("/patients/{patient}/notes"),
            json!({ "text": "wrong patient" }),
        )
        .await
        .body;
    nurse
        .post(
            &format!(
                "/patients/{patient}/notes/{}/entered-in-error",
                id(&mistake)
            ),
            json!({ "reason": "wrong patient" }),
        )
        .await;

    let mut titles = Vec::new();
    let mut next = String::new();
    loop {
        let page = nurse
            .get(&format!("/patients/{patient}/timeline?limit=2{next}"))
            .await
            .body;
        titles.extend(column(&page, "title"));
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    let rates = (1..=6)
        .rev()
        .map(|hour| format!("Heart rate {} /min", 70 + hour));
    let mut expected = vec!["G-0000001-36".to_owned()];
    expected.extend(rates);
    expected.extend(["Aetna 90001".to_owned(), "Allergy to penicillin".to_owned()]);
    assert_eq!(titles, expected);
}

#[tokio::test]
async fn the_record_is_for_those_who_treat() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    for role in [
        Role::Receptionist,
        Role::Admin,
        Role::Billing,
        Role::Auditor,
    ] {
        let caller = hospital.api.as_role(role);
        for part in ["allergies", "conditions", "notes", "vitals", "timeline"] {
            assert_eq!(
                caller
                    .get(&format!("/patients/{patient}/{part}"))
                    .await
                    .status,
                StatusCode::FORBIDDEN,
                "{role} {part}"
            );
        }
        assert_eq!(
            caller
                .post(
                    &format!("/patients/{patient}/notes"),
                    json!({ "text": "x" })
                )
                .await
                .status,
            StatusCode::FORBIDDEN
        );
    }
    let nurse = hospital.api.as_role(Role::Nurse);
    assert_eq!(
        nurse
            .post(
                &format!("/patients/{patient}/notes"),
                json!({ "text": "x" })
            )
            .await
            .status,
        StatusCode::CREATED
    );
}

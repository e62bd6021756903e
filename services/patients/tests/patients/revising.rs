//! Changing and closing records.

use http::StatusCode;
use serde_json::json;

use crate::hospital::{Hospital, id, person, with};

#[tokio::test]
async fn what_is_left_out_stays_and_null_clears() {
    let hospital = Hospital::open().await;
    let before = hospital
        .register(with(person("Anna", "Schmidt", "1985-03-12"), json!({ "email": "a@b.de", "phone": "030 1234567", "address": { "line": "Hauptstr. 1", "city": "Berlin", "country": "DE" } })))
        .await;
    let path = format!("/patients/{}", id(&before));
    let reply = hospital.desk().patch(&path, json!({ "familyName": "Huber", "email": null, "address": { "line": "Ring 2", "city": "Wien" } })).await;
    assert_eq!(
        (reply.status, reply.header("etag")),
        (StatusCode::OK, Some("\"2\"")),
        "{}",
        reply.body
    );
    let expected = json!({ "familyName": "Huber", "email": null, "version": 2, "address": { "line": "Ring 2", "city": "Wien", "state": null, "postalCode": null, "country": null } });
    assert_eq!(reply.body, with(before.clone(), expected));
    assert_eq!(hospital.read(&id(&before)).await, reply.body);
    let said = hospital.published("patient-demographics-changed").await;
    assert_eq!(
        said,
        [json!({ "patientId": id(&before), "fields": ["familyName", "email", "address"] })]
    );

    let found = hospital.desk().get("/patients?query=huber").await;
    assert_eq!(
        found.body["items"][0]["id"], before["id"],
        "the new name is found"
    );
    assert_eq!(
        hospital.desk().get("/patients?query=schmidt").await.body["items"],
        json!([])
    );
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_none() {
    let hospital = Hospital::open().await;
    let anna = hospital
        .register(person("Anna", "Schmidt", "1985-03-12"))
        .await;
    for same in [json!({}), json!({ "givenName": " Anna ", "email": null })] {
        let reply = hospital
            .desk()
            .patch(&format!("/patients/{}", id(&anna)), same)
            .await;
        assert_eq!(reply.body, anna);
    }
    assert!(
        hospital
            .published("patient-demographics-changed")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn wrong_changes_are_refused_whole() {
    let hospital = Hospital::open().await;
    let anna = hospital
        .register(person("Anna", "Schmidt", "1985-03-12"))
        .await;
    hospital
        .register(with(
            person("Karl", "Kowalski", "1970-01-01"),
            json!({ "nationalId": "K-1" }),
        ))
        .await;
    let path = format!("/patients/{}", id(&anna));
    for (change, pointers) in [
        (
            json!({ "givenName": null, "sex": null }),
            vec!["/givenName", "/sex"],
        ),
        (
            json!({ "familyName": "", "birthDate": "tomorrow" }),
            vec!["/familyName", "/birthDate"],
        ),
        (
            json!({ "deceasedAt": "1985-03-11T12:00:00Z" }),
            vec!["/deceasedAt"],
        ),
        (
            json!({ "email": "x", "phone": "x", "nationalId": "\u{0}" }),
            vec!["/nationalId"],
        ),
        (json!({ "mrn": "G-0000009-99" }), vec!["/mrn"]),
    ] {
        let reply = hospital.desk().patch(&path, change.clone()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{change}");
        for pointer in pointers {
            assert!(
                reply.pointers().contains(&pointer),
                "{pointer} in {}",
                reply.body
            );
        }
    }
    let reply = hospital
        .desk()
        .patch(&path, json!({ "nationalId": "k1" }))
        .await;
    assert_eq!(
        (reply.status, reply.code()),
        (StatusCode::CONFLICT, Some("IDENTIFIER_EXISTS"))
    );
    assert_eq!(hospital.read(&id(&anna)).await, anna);
}

#[tokio::test]
async fn a_stale_version_changes_nothing() {
    let hospital = Hospital::open().await;
    let anna = hospital
        .register(person("Anna", "Schmidt", "1985-03-12"))
        .await;
    let path = format!("/patients/{}", id(&anna));
    assert_eq!(
        hospital
            .desk()
            .if_match(1)
            .patch(&path, json!({ "language": "de" }))
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        hospital
            .desk()
            .if_match(1)
            .patch(&path, json!({ "language": "en" }))
            .await
            .status,
        StatusCode::PRECONDITION_FAILED
    );
    let closing = json!({ "reason": "moved" });
    assert_eq!(
        hospital
            .desk()
            .if_match(1)
            .post(&format!("{path}/deactivate"), closing)
            .await
            .status,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(hospital.read(&id(&anna)).await["language"], "de");
}

#[tokio::test]
async fn death_and_its_correction_change_the_status() {
    let hospital = Hospital::open().await;
    let path = format!(
        "/patients/{}",
        hospital.somebody("Anna", "Schmidt", "1985-03-12").await
    );
    let reply = hospital
        .desk()
        .patch(&path, json!({ "deceasedAt": "2026-05-31T23:00:00+02:00" }))
        .await;
    assert_eq!(
        (
            reply.body["status"].as_str(),
            reply.body["deceasedAt"].as_str()
        ),
        (Some("DECEASED"), Some("2026-05-31T21:00:00Z"))
    );
    let reply = hospital
        .desk()
        .patch(&path, json!({ "deceasedAt": null }))
        .await;
    assert_eq!(reply.body["status"], "ACTIVE");
}

#[tokio::test]
async fn a_record_is_closed_once() {
    let hospital = Hospital::open().await;
    let anna = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let path = format!("/patients/{anna}/deactivate");
    assert_eq!(
        hospital
            .desk()
            .post(&path, json!({ "reason": "\u{7}" }))
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        hospital.desk().post(&path, json!({})).await.status,
        StatusCode::BAD_REQUEST
    );
    let reply = hospital
        .desk()
        .post(&path, json!({ "reason": "moved to Vienna" }))
        .await;
    assert_eq!(
        (
            reply.body["status"].as_str(),
            reply.body["deactivationReason"].as_str()
        ),
        (Some("INACTIVE"), Some("moved to Vienna"))
    );
    let again = hospital
        .desk()
        .post(&path, json!({ "reason": "moved" }))
        .await;
    assert_eq!(
        (again.status, again.code()),
        (StatusCode::CONFLICT, Some("PATIENT_INACTIVE"))
    );
    assert_eq!(
        hospital.published("patient-deactivated").await,
        [json!({ "patientId": anna, "reasonCode": "CLOSED_BY_STAFF" })]
    );
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let hospital = Hospital::open().await;
    let desk = hospital.desk();
    for id in [
        hospital.clock.uuid().to_string(),
        "not-an-id".to_owned(),
        "0".to_owned(),
    ] {
        assert_eq!(
            desk.get(&format!("/patients/{id}")).await.status,
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            desk.patch(&format!("/patients/{id}"), json!({}))
                .await
                .status,
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            desk.post(
                &format!("/patients/{id}/deactivate"),
                json!({ "reason": "x" })
            )
            .await
            .status,
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            desk.get(&format!("/patients/{id}/coverages")).await.status,
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            hospital
                .nurse()
                .get(&format!("/patients/{id}/timeline"))
                .await
                .status,
            StatusCode::NOT_FOUND
        );
    }
}

//! Registering people.

use std::collections::{BTreeSet, HashSet};

use futures::future::join_all;
use galen_access::Role;
use http::StatusCode;
use serde_json::{Value, json};

use crate::hospital::{Hospital, id, person, with};

fn agustin() -> Value {
    json!({
        "givenName": "Agustín", "familyName": "Vallejo", "birthDate": "1956-11-05", "sex": "MALE",
        "email": "agustín.vallejo407@example.com", "phone": "555-837-6832", "nationalId": "999-97-4496", "language": "es",
        "deceasedAt": "2017-02-06T15:45:03.663836+00:00",
        "address": { "line": "4110 Ochoa Parade", "city": "Boston", "state": "Massachusetts", "postalCode": "00000", "country": "US" },
        "identifiers": [
            { "system": "https://github.com/synthea", "value": "f0d89953b6d0429d" },
            { "system": "http://hospital.smarthealthit.org", "value": "9971058" },
            { "system": "http://hospital.smarthealthit.org", "value": "9971058" },
        ],
        "coverages": [{ "planId": "90001", "policyNumber": "A-1", "payerName": "Aetna", "validFrom": "1980-01-01", "priority": 1 }],
    })
}

#[tokio::test]
async fn everything_that_is_given_is_kept() {
    let hospital = Hospital::open().await;
    let reply = hospital.desk().post("/patients", agustin()).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    let patient = &reply.body;
    assert_eq!(patient["mrn"], "G-0000001-36");
    assert_eq!(patient["status"], "DECEASED");
    assert_eq!(patient["version"], 1);
    assert_eq!(reply.header("etag"), Some("\"1\""));
    assert_eq!(
        reply.header("location"),
        Some(format!("/api/v1/patients/{}", id(patient)).as_str())
    );
    for field in [
        "givenName",
        "familyName",
        "birthDate",
        "sex",
        "email",
        "phone",
        "nationalId",
        "language",
        "address",
    ] {
        assert_eq!(patient[field], agustin()[field], "{field}");
    }
    assert_eq!(patient["deceasedAt"], "2017-02-06T15:45:03.663836Z");
    assert_eq!(
        patient["identifiers"].as_array().map(Vec::len),
        Some(2),
        "the same twice is once"
    );
    assert_eq!(hospital.read(&id(patient)).await, *patient);
    let coverages = hospital
        .desk()
        .get(&format!("/patients/{}/coverages", id(patient)))
        .await;
    assert_eq!(coverages.body["items"][0]["planId"], "90001");

    let said = hospital.published("patient-registered").await;
    assert_eq!(
        said,
        [json!({ "patientId": id(patient), "mrn": "G-0000001-36", "hasEmail": true })]
    );
    assert_eq!(hospital.published("coverage-changed").await.len(), 1);
    hospital.is_sound().await;
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let hospital = Hospital::open().await;
    let wrong = json!({
        "givenName": " ", "familyName": "x".repeat(101), "birthDate": "2026-06-02", "sex": "MALE", "email": "nobody",
        "phone": "call me", "nationalId": "---", "language": "klingon", "deceasedAt": "2030-01-01T00:00:00Z",
        "address": { "line": "", "city": "Boston", "country": "usa" },
        "identifiers": [{ "system": "a|b", "value": "1" }],
        "coverages": [{ "planId": "x", "policyNumber": "1", "validFrom": "2026-01-01", "validTo": "2025-01-01", "priority": 0 }],
    });
    let reply = hospital.desk().post("/patients", wrong).await;
    assert_eq!(
        (reply.status, reply.code()),
        (StatusCode::BAD_REQUEST, Some("VALIDATION_FAILED"))
    );
    let mut pointers = reply.pointers();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/address/country",
            "/address/line",
            "/birthDate",
            "/coverages/0/priority",
            "/coverages/0/validTo",
            "/deceasedAt",
            "/email",
            "/familyName",
            "/givenName",
            "/identifiers/0/system",
            "/language",
            "/nationalId",
            "/phone",
        ]
    );
}

#[tokio::test]
async fn no_text_or_date_makes_the_server_fail() {
    let hospital = Hospital::open().await;
    let desk = hospital.desk();
    for (field, value) in [
        ("givenName", json!("a\u{0}b")),
        ("familyName", json!("")),
        ("familyName", json!(7)),
        ("birthDate", json!("-009999-01-01")),
        ("birthDate", json!("1849-12-31")),
        ("birthDate", json!("99999999999999-01-01")),
        ("birthDate", json!("2000-02-30")),
        ("sex", json!("male")),
        ("deceasedAt", json!("9999-12-31T23:59:59Z")),
        ("deceasedAt", json!("0000-01-01T00:00:00Z")),
        ("nationalId", json!("１２３")),
        ("phone", json!("1".repeat(500))),
        ("identifiers", json!([{ "system": "s", "value": "\u{0}" }])),
        (
            "coverages",
            json!([{ "planId": "x", "policyNumber": "1", "validFrom": "294276-12-31", "priority": 1 }]),
        ),
        (
            "coverages",
            json!([{ "planId": "x", "policyNumber": "1", "validFrom": "2026-01-01", "priority": 99999 }]),
        ),
        ("unknown", json!(1)),
    ] {
        let reply = desk
            .post(
                "/patients",
                with(person("A", "B", "2000-01-01"), json!({ field: value })),
            )
            .await;
        assert_eq!(
            reply.status,
            StatusCode::BAD_REQUEST,
            "{field} {value}: {}",
            reply.body
        );
    }
    // Names that fold to much longer ones, or to nothing.
    for name in [
        "\u{fdfa}".repeat(100),
        "😀".repeat(100),
        "-".to_owned(),
        "Ǆ".repeat(100),
        "\u{1d160}".repeat(100),
    ] {
        let reply = desk
            .post(
                "/patients?acknowledgeDuplicates=true",
                person(&name, &name, "2000-01-01"),
            )
            .await;
        assert_eq!(reply.status, StatusCode::CREATED, "{name}: {}", reply.body);
    }
}

#[tokio::test]
async fn an_identifier_belongs_to_one_person() {
    let hospital = Hospital::open().await;
    let first = hospital.register(agustin()).await;
    for same in [
        json!({ "nationalId": "999 974496" }),
        json!({ "identifiers": [{ "system": "http://hospital.smarthealthit.org", "value": "9971058" }] }),
    ] {
        let reply = hospital
            .desk()
            .post(
                "/patients?acknowledgeDuplicates=true",
                with(person("Quite", "Different", "2001-01-01"), same),
            )
            .await;
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::CONFLICT, Some("IDENTIFIER_EXISTS")),
            "{}",
            reply.body
        );
        assert_eq!(reply.body["candidates"][0]["id"], first["id"]);
        assert_eq!(reply.body["candidates"][0]["mrn"], first["mrn"]);
    }
    let found = hospital
        .desk()
        .get("/patients?identifier=http%3A%2F%2Fhospital.smarthealthit.org%7C9971058")
        .await;
    assert_eq!(found.body["items"][0]["id"], first["id"]);
}

#[tokio::test]
async fn a_likely_duplicate_is_shown_and_can_be_acknowledged() {
    let hospital = Hospital::open().await;
    let anna = hospital
        .register(person("Anna", "Schmidt", "1985-03-12"))
        .await;
    hospital
        .register(person("Joseph", "Kowalski", "1985-03-12"))
        .await;

    let again = person("Ana", "Schmitt", "1985-03-12");
    let reply = hospital.desk().post("/patients", again.clone()).await;
    assert_eq!(
        (reply.status, reply.code()),
        (StatusCode::CONFLICT, Some("LIKELY_DUPLICATE")),
        "{}",
        reply.body
    );
    let candidates = reply.body["candidates"].as_array().expect("candidates");
    assert_eq!(candidates.len(), 1);
    assert_eq!(candidates[0]["id"], anna["id"]);
    assert_eq!(
        candidates[0]["reasons"],
        json!(["SIMILAR_NAME", "SAME_BIRTH_DATE"])
    );
    assert!(
        candidates[0]["score"]
            .as_f64()
            .is_some_and(|score| 0.8 < score && score < 1.0)
    );
    let shown: BTreeSet<&str> = candidates[0]
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        shown,
        BTreeSet::from(["id", "mrn", "reasons", "score"]),
        "and nothing personal"
    );

    let reply = hospital
        .desk()
        .post("/patients?acknowledgeDuplicates=true", again)
        .await;
    assert_eq!(reply.status, StatusCode::CREATED);
}

#[tokio::test]
async fn the_same_key_answers_the_same() {
    let hospital = Hospital::open().await;
    let desk = hospital.desk().key("front-desk-1");
    let first = desk
        .post("/patients", person("Anna", "Schmidt", "1985-03-12"))
        .await;
    let again = desk
        .post("/patients", person("Anna", "Schmidt", "1985-03-12"))
        .await;
    assert_eq!(
        (again.status, &again.bytes),
        (StatusCode::CREATED, &first.bytes)
    );
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(hospital.published("patient-registered").await.len(), 1);
}

#[tokio::test]
async fn who_may_not_register_is_refused() {
    let hospital = Hospital::open().await;
    for role in [Role::Doctor, Role::Auditor, Role::Operator] {
        let reply = hospital
            .api
            .as_role(role)
            .post("/patients", person("Anna", "Schmidt", "1985-03-12"))
            .await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{role}");
    }
    let reply = hospital
        .api
        .anonymous()
        .post("/patients", person("Anna", "Schmidt", "1985-03-12"))
        .await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

/// Twenty times, five clerks register the same new person at once, each a little
/// differently: one of them does, the others are shown that record.
#[tokio::test]
async fn clerks_who_register_one_person_at_once_make_one_record() {
    let hospital = Hospital::open().await;
    let desk = hospital.desk();
    for day in 1..=20 {
        let born = format!("1980-05-{day:02}");
        let spellings = [
            ("Marie", "Müller"),
            ("Marie", "Mueller"),
            ("MARIE", "MULLER"),
            ("Müller", "Marie"),
            ("Mari", "Müller"),
        ];
        let replies = join_all(
            spellings.map(|(given, family)| desk.post("/patients", person(given, family, &born))),
        )
        .await;
        let created: Vec<_> = replies
            .iter()
            .filter(|reply| reply.status == StatusCode::CREATED)
            .collect();
        assert_eq!(created.len(), 1, "{born}");
        for reply in replies
            .iter()
            .filter(|reply| reply.status != StatusCode::CREATED)
        {
            assert_eq!(reply.code(), Some("LIKELY_DUPLICATE"));
            assert_eq!(reply.body["candidates"][0]["id"], created[0].body["id"]);
        }
    }
}

#[tokio::test]
async fn a_national_id_is_given_to_one_of_many_at_once() {
    let hospital = Hospital::open().await;
    let desk = hospital.desk();
    for round in 0..10 {
        let replies = join_all((0..5).map(|n| {
            let somebody = with(
                person("P", &format!("N{n}"), &format!("19{n}0-01-01")),
                json!({ "nationalId": format!("ID {round}") }),
            );
            desk.post("/patients?acknowledgeDuplicates=true", somebody)
        }))
        .await;
        let codes: Vec<_> = replies
            .iter()
            .filter(|reply| reply.status != StatusCode::CREATED)
            .map(|reply| reply.code())
            .collect();
        assert_eq!(codes, [Some("IDENTIFIER_EXISTS"); 4]);
    }
}

#[tokio::test]
async fn no_record_number_is_used_twice() {
    let hospital = Hospital::open_with(&[("patients.mrn_prefix", "NORD")]).await;
    let desk = hospital.desk();
    let replies = join_all((0..120).map(|n| {
        desk.post(
            "/patients?acknowledgeDuplicates=true",
            person("P", &format!("N{n}"), &format!("{}-01-01", 1880 + n)),
        )
    }))
    .await;
    let numbers: HashSet<String> = replies
        .iter()
        .map(|reply| reply.body["mrn"].as_str().expect("a number").to_owned())
        .collect();
    assert_eq!(numbers.len(), 120);
    assert!(numbers.iter().all(|number| number.starts_with("NORD-0000")));
    hospital.is_sound().await;
}

#[tokio::test]
async fn telephone_numbers_of_the_country_are_completed() {
    let hospital = Hospital::open_with(&[("patients.calling_code", "49")]).await;
    let patient = hospital
        .register(with(
            person("Anna", "Schmidt", "1985-03-12"),
            json!({ "phone": "030 / 1234567" }),
        ))
        .await;
    assert_eq!(patient["phone"], "+49301234567");
}

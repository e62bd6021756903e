//! The checks of `galen verify`, what the database itself refuses, and the document of
//! the API.

use std::collections::HashSet;

use galen_patients::Patients;
use galen_service::Service as _;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor as _};

use crate::hospital::{Hospital, id, person, with};

/// Two records with something in them, one merged into a third, who has an appointment
/// and to whom the glass was broken.
async fn working() -> Hospital {
    let hospital = Hospital::open().await;
    let coverage = json!({ "coverages": [{ "planId": "x", "policyNumber": "1", "validFrom": "2026-01-01", "priority": 1 }] });
    hospital
        .register(with(person("Anna", "Schmidt", "1985-03-12"), coverage))
        .await;
    let retired = hospital.somebody("Karl", "Kowalski", "1970-01-01").await;
    let survivor = hospital.somebody("Carl", "Kowalski", "1970-01-01").await;
    hospital.merge(&retired, &survivor).await;
    let note = hospital
        .nurse()
        .post(
            &format!("/patients/{survivor}/notes"),
            json!({ "text": "x" }),
        )
        .await;
    assert_eq!(note.status, 201);
    hospital.book(&survivor, &hospital.doctor()).await;
    hospital.hear().await;
    let glass = hospital
        .doctor()
        .breaks_the_glass(&survivor, "Unconscious", 60)
        .await;
    let review = hospital
        .auditor()
        .post(
            &format!("/break-glass/{}/review", id(&glass)),
            json!({ "outcome": "JUSTIFIED", "comment": "was on duty" }),
        )
        .await;
    assert_eq!(review.status, 200);
    hospital
}

/// What no command can do is done behind the constraints' back.
#[tokio::test]
async fn checks_find_what_is_wrong() {
    for (check, damage, found) in [
        (
            "leads to exactly one",
            "update patient set merged_into = (select merged_into from patient where merged_into is not null limit 1) where merged_into is null and mrn like 'G-0000001-%';
             update patient set merged_into = (select id from patient where mrn like 'G-0000002-%') where mrn like 'G-0000003-%'",
            3,
        ),
        ("where its history", "update patient set merged_into = null", 1),
        (
            "without a gap",
            "alter table merge_event disable trigger merge_event_only_erased; alter table merge_event drop constraint merge_event_alternates; update merge_event set seq = 3",
            1,
        ),
        (
            "in the clear",
            "create table patient_in_clear (id uuid, person jsonb);
             alter table patient drop constraint patient_is_sealed; update patient set demographics = null where mrn like 'G-0000001-%'",
            2,
        ),
        ("check digits", "alter table patient drop constraint patient_mrn_valid; update patient set mrn = 'G-0000001-37' where mrn like 'G-0000001-%'", 1),
        ("handed out again", "update mrn_series set next = 3", 1),
        (
            "same priority",
            "alter table coverage drop constraint coverage_overlap;
             insert into coverage (id, patient_id, plan_id, card, valid_from, priority, recorded_at)
             select gen_random_uuid(), patient_id, plan_id, card, valid_from, priority, recorded_at from coverage",
            1,
        ),
        ("says what its kind", "delete from note", 1),
        (
            "ground of care is for somebody",
            "update patient set merged_into = (select merged_into from patient where merged_into is not null limit 1) where mrn like 'G-0000001-%';
             update patient set merged_into = (select id from patient where mrn like 'G-0000002-%') where mrn like 'G-0000003-%'",
            1,
        ),
        (
            "does not end",
            "alter table care_ground drop constraint care_ground_took_place_holds; update care_ground set took_place = true, until = since",
            1,
        ),
        (
            "a broken glass is in clear",
            "update note set body = 'x', content = null; update coverage set policy_number = 'x', card = null",
            2,
        ),
        (
            "is found by nothing",
            "alter table patient drop constraint patient_is_sealed, drop constraint patient_erased_is_not_found; update patient set erased_at = now()",
            3,
        ),
        (
            "by two people's decision",
            "alter table patient drop constraint patient_is_sealed, drop constraint patient_erased_is_not_found; update patient set erased_at = now()",
            3,
        ),
        (
            "no key of who was erased",
            "alter table patient drop constraint patient_is_sealed, drop constraint patient_erased_is_not_found; update patient set erased_at = now(), keys_erased_at = now()",
            3,
        ),
        (
            "within eight hours",
            "alter table break_glass disable trigger break_glass_only_sealed; alter table break_glass drop constraint break_glass_ends; update break_glass set until = 'infinity'",
            1,
        ),
        (
            "their own access",
            "alter table break_glass_review disable trigger break_glass_review_only_sealed;
             alter table break_glass_review drop constraint break_glass_reviewed_by_another; update break_glass_review set reviewed_by = opened_by",
            1,
        ),
    ] {
        let hospital = working().await;
        hospital.is_sound().await;
        hospital.db.pool().execute(AssertSqlSafe(damage)).await.expect("the owner may do anything");
        assert_eq!(hospital.wrong(check).await.len(), found, "{check}");
    }
    assert_eq!(Patients::checks().len(), 16, "each is tried above");
}

#[tokio::test]
async fn the_database_refuses_what_no_command_does() {
    let hospital = working().await;
    for (statement, refusal) in [
        ("update merge_event set reason = 'other'", "append-only"),
        ("delete from merge_event", "append-only"),
        ("truncate merge_event", "append-only"),
        (
            "insert into merge_event select gen_random_uuid(), gen_random_uuid(), retired_id, survivor_id, 2, 'MERGED', 'x', decided_by, decided_at from merge_event",
            "merge_event_alternates",
        ),
        (
            "update patient set mrn = 'G-0000001-37' where mrn like 'G-0000001-%'",
            "patient_mrn_valid",
        ),
        (
            "update patient set mrn = 'g-0000001-36' where mrn like 'G-0000001-%'",
            "patient_mrn_valid",
        ),
        (
            "update patient set merged_into = id",
            "patient_not_merged_into_itself",
        ),
        (
            "update coverage set valid_to = '2025-01-01'",
            "coverage_ends_after_start",
        ),
        ("update note set kind = 'VITAL'", "note_kind_check"),
        ("update entry set amends = id", "entry_amends_another"),
        (
            "update break_glass set reason = 'other', sealed_reason = null",
            "append-only",
        ),
        (
            "update break_glass set until = until - interval '1 second'",
            "append-only",
        ),
        (
            "update break_glass_review set outcome = 'UNJUSTIFIED'",
            "append-only",
        ),
        ("update note set body = 'in clear'", "note_one_form"),
        (
            "update coverage set payer_name = 'in clear'",
            "coverage_one_form",
        ),
        ("update note set content = 'a text'", "note_content_sealed"),
        ("delete from break_glass_review", "append-only"),
        ("truncate break_glass cascade", "append-only"),
        (
            "insert into break_glass select gen_random_uuid(), patient_id, user_id, practitioner_id, null, opened_at, opened_at + interval '481 minutes' from break_glass",
            "break_glass_ends",
        ),
        (
            "update care_ground set until = since - interval '1 second'",
            "care_ground_ends_after_start",
        ),
        (
            "update care_ground set took_place = true, until = since",
            "care_ground_took_place_holds",
        ),
        (
            "update patient set demographics = null",
            "patient_is_sealed",
        ),
        (
            "update patient set demographics = 'Anna Schmidt'",
            "patient_demographics_check",
        ),
        (
            "update patient set phone_index = '030'",
            "patient_phone_index_check",
        ),
    ] {
        let refused = hospital
            .db
            .pool()
            .execute(statement)
            .await
            .expect_err(statement);
        assert!(
            refused.to_string().contains(refusal),
            "{statement}: {refused}"
        );
    }
}

/// Recording a likely duplicate refers to both records; giving one of them its account
/// at that moment used to be able to deadlock with it.
#[tokio::test]
async fn an_account_is_linked_while_others_refer_to_the_record() {
    let hospital = Hospital::open().await;
    hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let mut referring = hospital.db.pool().begin().await.expect("a transaction");
    referring
        .execute("select from patient for key share")
        .await
        .expect("what a foreign key does");
    let mut linking = hospital.db.pool().begin().await.expect("a transaction");
    for statement in [
        "set local lock_timeout = '1s'",
        "update patient set user_id = gen_random_uuid(), national_id_index = '0123456789abcdef'",
    ] {
        linking.execute(statement).await.expect("nobody waits");
    }
}

#[tokio::test]
async fn the_database_and_the_model_agree_on_check_digits() {
    let hospital = Hospital::open().await;
    for prefix in ["A", "G", "ZZ", "NORD"] {
        let prefix = prefix.parse().expect("a prefix");
        for number in [
            1,
            7,
            96,
            97,
            98,
            123_456,
            9_999_999,
            10_000_000,
            9_999_999_999,
        ] {
            let mrn = galen_patients::mrn::Mrn::issue(&prefix, number).to_string();
            let valid: bool = sqlx::query_scalar("select mrn_is_valid($1)")
                .bind(&mrn)
                .fetch_one(hospital.db.pool())
                .await
                .expect("an answer");
            assert!(valid, "{mrn}");
        }
    }
}

#[tokio::test]
async fn the_document_is_whole() {
    let hospital = Hospital::open().await;
    let (_, document) = hospital.patients.rest().split_for_parts();
    let document = serde_json::to_value(document).expect("a document is data");
    let mut names = HashSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let name = operation["operationId"]
                .as_str()
                .expect("every operation has a name");
            assert!(names.insert(name), "{name} twice, at {method} {path}");
            assert_eq!(operation["tags"], json!(["patients"]), "{name}");
            assert!(operation["summary"].is_string(), "{name}");
        }
    }
    assert_eq!(names.len(), 35);
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        assert!(
            document
                .pointer(reference.trim_start_matches('#'))
                .is_some(),
            "{reference} leads nowhere"
        );
    }
}

fn collect_references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members
                .values()
                .for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_references(item, found)),
        _ => {}
    }
}

//! What is written about a patient is not in the tables, and what an earlier version
//! wrote there is sealed when the service starts.

use galen_patients::Patients;
use galen_service::testing::{self, TestApi};
use galen_service::{Peers, Service as _};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor as _};

use crate::hospital::{Hospital, column, id, person, with};

/// The tables of the record, coverages and broken glasses.
const TABLES: &[&str] = &[
    "entry",
    "allergy",
    "condition",
    "note",
    "vital",
    "coverage",
    "break_glass",
    "break_glass_review",
];

/// Everything that the tables hold, in one text.
async fn dump(hospital: &Hospital) -> String {
    let mut dump = String::new();
    for table in TABLES {
        let sql = format!("select coalesce(string_agg(t::text, e'\\n'), '') from {table} t");
        dump += &sqlx::query_scalar::<_, String>(AssertSqlSafe(sql))
            .fetch_one(hospital.db.pool())
            .await
            .expect("the table is read");
    }
    dump
}

async fn post(caller: &testing::TestCaller, path: &str, body: Value) -> Value {
    let reply = caller.post(path, body).await;
    assert!(reply.status.is_success(), "{path}: {}", reply.body);
    reply.body
}

/// Words about somebody, in everything that is written about them.
async fn written(hospital: &Hospital) -> String {
    let coverage = json!({ "coverages": [{
        "planId": "90001", "policyNumber": "zq-policy", "payerName": "zq-payer", "validFrom": "2020-01-01", "priority": 1
    }] });
    let patient = id(&hospital
        .register(with(person("Anna", "Schmidt", "1985-03-12"), coverage))
        .await);
    let nurse = hospital.nurse();
    let of = |part: &str| format!("/patients/{patient}/{part}");
    let code = |word: &str| json!({ "system": "zq-system", "code": "zq-code", "display": word });
    post(
        &nurse,
        &of("allergies"),
        json!({ "code": code("zq-allergy"), "clinicalStatus": "ACTIVE", "category": "FOOD", "criticality": "HIGH", "reaction": "zq-reaction", "onset": "2003-07-09" }),
    )
    .await;
    post(
        &nurse,
        &of("conditions"),
        json!({ "code": code("zq-condition"), "clinicalStatus": "REMISSION", "onset": "2003-07-09", "abatement": "2004-11-19",
                "identifier": { "system": "urn:zq", "value": "zq-number" } }),
    )
    .await;
    let note = post(
        &nurse,
        &of("notes"),
        json!({ "title": "zq-title", "text": "zq-text" }),
    )
    .await;
    let mark = format!("{}/{}/entered-in-error", of("notes"), id(&note));
    post(&nurse, &mark, json!({ "reason": "zq-error" })).await;
    post(
        &nurse,
        &of("vitals"),
        json!({ "kind": "BODY_TEMPERATURE", "value": 36.617, "unit": "Cel", "effectiveAt": "2026-01-01T08:00:00Z" }),
    )
    .await;
    let glass = hospital
        .doctor()
        .breaks_the_glass(&patient, "zq-emergency", 60)
        .await;
    post(
        &hospital.auditor(),
        &format!("/break-glass/{}/review", id(&glass)),
        json!({ "outcome": "JUSTIFIED", "comment": "zq-comment" }),
    )
    .await;
    patient
}

/// All that can be read about them.
async fn everything(api: &TestApi, patient: &str) -> String {
    let (nurse, admin) = (
        api.as_role(galen_access::Role::Nurse),
        api.as_role(galen_access::Role::Admin),
    );
    let mut read = String::new();
    for part in [
        "allergies",
        "conditions",
        "notes?history=true",
        "vitals",
        "timeline",
        "coverages",
    ] {
        let reply = nurse.get(&format!("/patients/{patient}/{part}")).await;
        assert_eq!(reply.status, 200, "{part}: {}", reply.body);
        read += &reply.body.to_string();
    }
    for path in [
        format!("/patients/{patient}/access-log"),
        "/break-glass?status=REVIEWED".to_owned(),
    ] {
        let reply = admin.get(&path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        read += &reply.body.to_string();
    }
    read
}

const WORDS: &[&str] = &[
    "zq-policy",
    "zq-payer",
    "zq-system",
    "zq-code",
    "zq-allergy",
    "zq-reaction",
    "zq-condition",
    "zq-number",
    "zq-title",
    "zq-text",
    "zq-error",
    "zq-emergency",
    "zq-comment",
    "36.617",
    "2003-07-09",
    "2004-11-19",
    "REMISSION",
];

#[tokio::test]
async fn what_is_written_about_a_patient_is_read_by_the_api_and_not_in_the_tables() {
    let hospital = Hospital::open().await;
    let patient = written(&hospital).await;
    let (read, stored) = (
        everything(&hospital.api, &patient).await,
        dump(&hospital).await,
    );
    for word in WORDS {
        assert!(read.contains(word), "{word} is not read: {read}");
        // Days are also when an entry was true, which orders the record.
        if !word.starts_with("200") {
            assert!(!stored.contains(word), "{word} is in clear: {stored}");
        }
    }
    hospital.is_sound().await;
}

#[tokio::test]
async fn titles_of_the_timeline_come_from_what_is_sealed() {
    let hospital = Hospital::open().await;
    let patient = written(&hospital).await;
    let page = hospital
        .nurse()
        .get(&format!("/patients/{patient}/timeline"))
        .await
        .body;
    let titles = column(&page, "title");
    for title in [
        "Body temperature 36.617 Cel",
        "zq-allergy",
        "zq-condition",
        "zq-payer 90001",
    ] {
        assert!(titles.contains(&title.to_owned()), "{titles:?}");
    }
}

#[tokio::test]
async fn a_number_of_another_system_is_known_without_being_readable() {
    let hospital = Hospital::open().await;
    let patient = written(&hospital).await;
    let nurse = hospital.nurse();
    let again = |system: &str| {
        json!({ "code": { "system": "s", "code": "c", "display": "d" }, "clinicalStatus": "ACTIVE",
                "identifier": { "system": system, "value": "zq-number" } })
    };
    let path = format!("/patients/{patient}/conditions");
    let taken = nurse.post(&path, again("urn:zq")).await;
    assert_eq!(taken.code(), Some("IDENTIFIER_EXISTS"), "{}", taken.body);
    post(&nurse, &path, again("urn:other")).await;
    let indexes: i64 = sqlx::query_scalar(
        "select count(distinct source_value_index) from entry where source_value_index is not null",
    )
    .fetch_one(hospital.db.pool())
    .await
    .expect("a number");
    assert_eq!(indexes, 2, "two systems do not compare");
}

/// As an earlier version would have left the same.
const IN_CLEAR: &str = "
    update allergy set content = null, code_system = 'zq-system', code = 'zq-code', code_display = 'zq-allergy', clinical_status = 'ACTIVE',
                       category = 'FOOD', criticality = 'HIGH', reaction = 'zq-reaction', onset = '2003-07-09';
    update condition set content = null, code_system = 'zq-system', code = 'zq-code', code_display = 'zq-condition', clinical_status = 'REMISSION',
                         onset = '2003-07-09', abatement = '2004-11-19';
    update note set content = null, title = 'zq-title', body = 'zq-text';
    update vital set content = null, loinc = '8310-5', value = 36.617, unit = 'Cel';
    update entry set source_value_index = null, sealed_source_value = null, source_value = 'zq-number' where source_system is not null;
    update entry set sealed_error_reason = null, error_reason = 'zq-error' where error_marked_at is not null;
    update coverage set card = null, policy_number = 'zq-policy', payer_name = 'zq-payer';
    alter table break_glass disable trigger user;
    update break_glass set sealed_reason = null, reason = 'zq-emergency';
    alter table break_glass enable trigger user;
    alter table break_glass_review disable trigger user;
    update break_glass_review set sealed_comment = null, comment = 'zq-comment';
    alter table break_glass_review enable trigger user;";

#[tokio::test]
async fn what_an_earlier_version_left_in_clear_is_sealed_at_the_start() {
    let hospital = Hospital::open().await;
    let patient = written(&hospital).await;
    let before = everything(&hospital.api, &patient).await;
    hospital
        .db
        .pool()
        .execute(IN_CLEAR)
        .await
        .expect("the owner may do anything");
    assert!(dump(&hospital).await.contains("zq-allergy"));
    assert_eq!(
        hospital.wrong("a broken glass is in clear").await.len(),
        9,
        "every table was in clear"
    );

    // Twice: nothing is left for the second time.
    for _ in 0..2 {
        let platform = testing::platform(
            hospital.db.clone(),
            hospital.clock.clone(),
            Peers::default(),
        );
        Patients::start(platform).await.expect("it starts");
        hospital.is_sound().await;
    }
    let stored = dump(&hospital).await;
    for word in WORDS.iter().filter(|word| !word.starts_with("200")) {
        assert!(!stored.contains(word), "{word} is in clear: {stored}");
    }
    assert_eq!(everything(&hospital.api, &patient).await, before);
}

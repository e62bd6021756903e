//! What is said about an appointment is read by the API and not in the tables; what an
//! earlier version wrote there is sealed when the service starts.

use galen_contracts::ids::{PatientId, PractitionerId};
use galen_contracts::patients::v1::{PatientErased, PatientStatus, PatientsMerged};
use galen_scheduling::Scheduling;
use galen_service::Service as _;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor as _};

use crate::hospital::{Hospital, at, order};

/// Everything that the schema holds, in one text.
async fn dump(hospital: &Hospital) -> String {
    let pool = hospital.service.db.pool();
    let tables: Vec<String> = sqlx::query_scalar(
        "select tablename::text from pg_tables where schemaname = current_schema() order by 1",
    )
    .fetch_all(pool)
    .await
    .expect("the catalogue is read");
    assert!(tables.contains(&"appointment".to_owned()), "{tables:?}");
    let mut dump = String::new();
    for table in tables {
        let sql = format!("select coalesce(string_agg(t::text, e'\\n'), '') from {table} t");
        dump += &sqlx::query_scalar::<_, String>(AssertSqlSafe(sql))
            .fetch_one(pool)
            .await
            .expect("the table is read");
    }
    dump
}

/// How many data keys there are that open something.
async fn keys(hospital: &Hospital) -> i64 {
    sqlx::query_scalar("select count(*) from data_key where wrapped is not null")
        .fetch_one(hospital.service.db.pool())
        .await
        .expect("a number")
}

/// What the owner of the schema may do.
async fn execute(hospital: &Hospital, sql: &'static str) {
    hospital
        .service
        .db
        .pool()
        .execute(sql)
        .await
        .expect("the owner may do anything");
}

/// The desk books half an hour, and writes down why: the appointment's id.
async fn booked(
    hospital: &Hospital,
    patient: PatientId,
    practitioner: PractitionerId,
    hour: i8,
    reason: &str,
) -> String {
    let mut wish = order(patient, practitioner, at(2, hour, 0), 30);
    wish["reason"] = reason.into();
    let reply = hospital.desk().post("/appointments", wish).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.body["reason"], reason);
    reply.body["id"].as_str().expect("an id").to_owned()
}

async fn cancelled(hospital: &Hospital, id: &str, why: &str) {
    let path = format!("/appointments/{id}/cancel");
    let reply = hospital.desk().post(&path, json!({ "reason": why })).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["cancellation"]["reason"], why);
}

/// All that can be read, of everybody.
async fn everything(hospital: &Hospital) -> Value {
    let reply = hospital.desk().get("/appointments").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["items"].clone()
}

const WORDS: &[&str] = &["zq-kept", "zq-given-up", "zq-cold", "zq-knee", "zq-well"];

/// Words in every way that they come in.
async fn said(hospital: &Hospital) {
    let practitioner = hospital.practitioner().await;
    let (one, other) = (hospital.patient(), hospital.patient());
    booked(hospital, one, practitioner, 8, "zq-kept").await;
    let given_up = booked(hospital, other, practitioner, 9, "zq-given-up").await;
    cancelled(hospital, &given_up, "zq-cold").await;
    let series = json!({
        "patientId": one, "practitionerId": practitioner, "firstStart": at(2, 11, 0), "durationMinutes": 30,
        "serviceType": "PROCEDURE", "frequency": "DAILY", "interval": 1, "count": 2, "onConflict": "FAIL", "reason": "zq-knee",
    });
    let made = hospital.desk().post("/appointment-series", series).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!(
        "/appointment-series/{}/cancel",
        made.body["seriesId"].as_str().expect("an id")
    );
    let ended = hospital
        .desk()
        .post(&path, json!({ "reason": "zq-well" }))
        .await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    for appointment in ended.body["booked"].as_array().expect("booked") {
        assert_eq!(appointment["reason"], "zq-knee");
        assert_eq!(appointment["cancellation"]["reason"], "zq-well");
    }
}

#[tokio::test]
async fn what_is_said_about_an_appointment_is_read_by_the_api_and_not_in_the_tables() {
    let hospital = Hospital::open().await;
    said(&hospital).await;
    hospital.settle().await;
    let (read, stored) = (
        everything(&hospital).await.to_string(),
        dump(&hospital).await,
    );
    for word in WORDS {
        assert!(read.contains(word), "{word} is not read: {read}");
        assert!(!stored.contains(word), "{word} is in clear: {stored}");
    }
    assert_eq!(keys(&hospital).await, 2, "one for each of them");
    hospital.verify().await;
}

#[tokio::test]
async fn who_says_nothing_gets_no_key() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let id = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    let path = format!("/appointments/{id}/cancel");
    let reply = hospital.desk().post(&path, json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(keys(&hospital).await, 0);
}

#[tokio::test]
async fn a_reason_moves_with_its_appointment_and_to_the_record_that_survived() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let (survivor, retired) = (hospital.patient(), hospital.patient());
    let old = booked(&hospital, retired, practitioner, 9, "zq-moves").await;
    hospital.record_is(retired, PatientStatus::Merged, Some(survivor));
    hospital
        .patients_tell(&PatientsMerged {
            survivor_id: survivor.to_string(),
            retired_id: retired.to_string(),
            merge_id: hospital.clock.uuid().to_string(),
        })
        .await;
    hospital.settle().await;
    let path = format!("/appointments/{old}/reschedule");
    let wish = json!({ "start": at(2, 10, 0), "end": at(2, 10, 30) });
    let new = hospital.desk().post(&path, wish).await;
    assert_eq!(new.status, 201, "{}", new.body);
    assert_eq!(new.body["patientId"], json!(survivor));
    assert_eq!(new.body["reason"], "zq-moves");
    assert_eq!(hospital.appointment(&old).await["reason"], "zq-moves");
    assert!(!dump(&hospital).await.contains("zq-moves"));
    assert_eq!(keys(&hospital).await, 2, "each record has its own");
}

/// As an earlier version would have left the same.
const IN_CLEAR: &str = "
    update appointment set reason = case when series_id is not null then 'zq-knee'
                                         when status = 'CANCELLED' then 'zq-given-up' else 'zq-kept' end,
                           cancellation_note = case when status = 'CANCELLED'
                                                    then case when series_id is null then 'zq-cold' else 'zq-well' end end,
                           sealed_reason = null, sealed_cancellation_note = null;";

#[tokio::test]
async fn what_an_earlier_version_left_in_clear_is_sealed_at_the_start() {
    let hospital = Hospital::open().await;
    said(&hospital).await;
    hospital.settle().await;
    let before = everything(&hospital).await;
    execute(&hospital, IN_CLEAR).await;
    assert!(dump(&hospital).await.contains("zq-knee"));
    let check = Scheduling::checks()
        .iter()
        .find(|check| check.name.contains("in clear"))
        .expect("it is checked");
    let wrong: Vec<String> = sqlx::query_scalar(check.sql)
        .fetch_all(hospital.service.db.pool())
        .await
        .expect("the check runs");
    assert_eq!(wrong.len(), 4, "{wrong:?}");

    // Twice: nothing is left for the second time.
    for _ in 0..2 {
        Scheduling::start(hospital.platform.clone())
            .await
            .expect("it starts");
        hospital.verify().await;
    }
    let stored = dump(&hospital).await;
    for word in WORDS {
        assert!(!stored.contains(word), "{word} is in clear: {stored}");
    }
    assert_eq!(everything(&hospital).await, before);
}

#[tokio::test]
async fn more_than_one_batch_in_clear_is_sealed() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    execute(
        &hospital,
        "insert into appointment (id, patient_id, practitioner_id, start_at, end_at, service_type, payment_mode, status, reason, booked_at)
         select gen_random_uuid(), case when n % 2 = 0 then a.patient_id else gen_random_uuid() end, a.practitioner_id,
                a.start_at, a.end_at, a.service_type, a.payment_mode, 'FULFILLED', 'zq-' || n, a.booked_at
         from appointment a, generate_series(1, 450) n",
    )
    .await;
    Scheduling::start(hospital.platform.clone())
        .await
        .expect("it starts");
    assert!(!dump(&hospital).await.contains("zq-"));
    assert_eq!(keys(&hospital).await, 226);
    let page = hospital.desk().get("/appointments?limit=200").await;
    assert_eq!(page.status, 200, "{}", page.body);
    let items = page.body["items"].as_array().expect("items");
    assert!(
        items
            .iter()
            .filter(|item| item["reason"].is_string())
            .count()
            >= 199
    );
    hospital.verify().await;
}

#[tokio::test]
async fn what_was_sealed_for_another_appointment_or_column_does_not_open() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let patient = hospital.patient();
    let one = booked(&hospital, patient, practitioner, 8, "zq-one").await;
    let other = booked(&hospital, patient, practitioner, 9, "zq-other").await;
    cancelled(&hospital, &other, "zq-note").await;
    let opens = async |id: &str| {
        hospital
            .desk()
            .get(&format!("/appointments/{id}"))
            .await
            .status
    };
    assert_eq!(opens(&one).await, 200);
    assert_eq!(opens(&other).await, 200);

    execute(
        &hospital,
        "update appointment a set sealed_reason = b.sealed_reason from appointment b where a.status = 'BOOKED' and b.status = 'CANCELLED'",
    )
    .await;
    assert_eq!(opens(&one).await, 500, "from another appointment");
    assert_eq!(opens(&other).await, 200);
    execute(
        &hospital,
        "update appointment set sealed_reason = sealed_cancellation_note where status = 'CANCELLED'",
    )
    .await;
    assert_eq!(opens(&other).await, 500, "from another column");
}

#[tokio::test]
async fn what_who_was_erased_said_opens_no_more_even_from_a_copy() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let (patient, other) = (hospital.patient(), hospital.patient());
    let gone = booked(&hospital, patient, practitioner, 8, "zq-gone").await;
    cancelled(&hospital, &gone, "zq-gone-too").await;
    let others = booked(&hospital, other, practitioner, 9, "zq-stays").await;
    execute(
        &hospital,
        "create table copy as select id, sealed_reason, sealed_cancellation_note from appointment",
    )
    .await;
    for _ in 0..2 {
        hospital
            .patients_tell(&PatientErased {
                patient_id: patient.to_string(),
            })
            .await;
        hospital.settle().await;
    }
    assert_eq!(keys(&hospital).await, 1);
    let left: i64 = sqlx::query_scalar(
        "select count(*) from appointment where num_nonnulls(sealed_reason, sealed_cancellation_note) > 0",
    )
    .fetch_one(hospital.service.db.pool())
    .await
    .expect("a number");
    assert_eq!(left, 1, "the other's");

    execute(
        &hospital,
        "update appointment a
         set sealed_reason = c.sealed_reason, sealed_cancellation_note = c.sealed_cancellation_note
         from copy c where c.id = a.id",
    )
    .await;
    let read = hospital.appointment(&gone).await;
    assert_eq!(
        (
            &read["status"],
            &read["reason"],
            &read["cancellation"]["reason"]
        ),
        (&json!("CANCELLED"), &json!(null), &json!(null))
    );
    assert_eq!(hospital.appointment(&others).await["reason"], "zq-stays");
    assert_eq!(
        everything(&hospital).await.as_array().map(Vec::len),
        Some(2)
    );

    // Whoever asks while the news is on its way: nothing is sealed any more.
    let mut wish = order(patient, practitioner, at(2, 11, 0), 30);
    wish["reason"] = "zq-late".into();
    let late = hospital.desk().post("/appointments", wish).await;
    assert_eq!(late.code(), Some("SUBJECT_ERASED"), "{}", late.body);
}

//! The same appointment again and again.

use galen_contracts::ids::{PatientId, PractitionerId};
use galen_contracts::staff::v1::ShiftKind;
use galen_kernel::Timestamp;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::hospital::{Hospital, at};

fn weekly(
    patient: PatientId,
    practitioner: PractitionerId,
    start: Timestamp,
    count: i16,
    on_conflict: &str,
) -> Value {
    json!({
        "patientId": patient, "practitionerId": practitioner, "firstStart": start, "durationMinutes": 30,
        "serviceType": "PROCEDURE", "frequency": "WEEKLY", "interval": 1, "count": count, "onConflict": on_conflict,
    })
}

/// Works every Monday of four weeks.
async fn mondays(hospital: &Hospital) -> PractitionerId {
    let practitioner = hospital.register("Physiotherapy").await;
    for day in [2, 9, 16, 23] {
        hospital
            .plan(
                practitioner,
                at(day, 6, 0),
                at(day, 16, 0),
                ShiftKind::Clinic,
            )
            .await;
    }
    hospital.settle().await;
    practitioner
}

#[tokio::test]
async fn what_can_be_booked_is_booked_and_the_rest_is_told() {
    let hospital = Hospital::open().await;
    let practitioner = mondays(&hospital).await;
    let (patient, other) = (hospital.patient(), hospital.patient());
    hospital.booked(other, practitioner, at(9, 9, 15)).await;
    let elsewhere = hospital.register("Cardiology").await;
    hospital
        .plan(elsewhere, at(16, 8, 0), at(16, 16, 0), ShiftKind::Clinic)
        .await;
    hospital.settle().await;
    hospital.booked(patient, elsewhere, at(16, 8, 45)).await;
    let made = hospital
        .desk()
        .post(
            "/appointment-series",
            weekly(patient, practitioner, at(2, 9, 0), 5, "SKIP"),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let starts: Vec<&Value> = made.body["booked"]
        .as_array()
        .expect("booked")
        .iter()
        .map(|a| &a["start"])
        .collect();
    assert_eq!(starts, [&json!(at(2, 9, 0)), &json!(at(23, 9, 0))]);
    let conflicts = json!([
        { "start": at(9, 9, 0), "reason": "SLOT_TAKEN" },
        { "start": at(16, 9, 0), "reason": "PATIENT_BUSY" },
        { "start": at(30, 9, 0), "reason": "PRACTITIONER_UNAVAILABLE" },
    ]);
    assert_eq!(made.body["conflicts"], conflicts);
    let id = made.body["seriesId"].as_str().expect("an id");
    let read = hospital
        .desk()
        .get(&format!("/appointment-series/{id}"))
        .await;
    assert_eq!(read.body, made.body);
    assert_eq!(made.body["booked"][0]["seriesId"], json!(id));
    hospital.settle().await;
    hospital.verify().await;
}

#[tokio::test]
async fn all_or_nothing_when_so_wished() {
    let hospital = Hospital::open().await;
    let practitioner = mondays(&hospital).await;
    let patient = hospital.patient();
    let refused = hospital
        .desk()
        .post(
            "/appointment-series",
            weekly(patient, practitioner, at(2, 9, 0), 5, "FAIL"),
        )
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, Some("SERIES_CONFLICT"))
    );
    assert_eq!(
        refused.body["conflicts"],
        json!([{ "start": at(30, 9, 0), "reason": "PRACTITIONER_UNAVAILABLE" }])
    );
    assert_eq!(
        hospital.desk().get("/appointments").await.body["items"],
        json!([])
    );
    let made = hospital
        .desk()
        .post(
            "/appointment-series",
            weekly(patient, practitioner, at(2, 9, 0), 4, "FAIL"),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["booked"].as_array().map(Vec::len), Some(4));
    hospital.verify().await;
}

#[tokio::test]
async fn the_time_of_day_is_that_of_the_hospital() {
    let hospital = Hospital::open_in("Europe/Berlin").await;
    let practitioner = hospital.register("Physiotherapy").await;
    for day in [23, 30] {
        hospital
            .plan(
                practitioner,
                at(day, 6, 0),
                at(day, 16, 0),
                ShiftKind::Clinic,
            )
            .await;
    }
    hospital.settle().await;
    let made = hospital
        .desk()
        .post(
            "/appointment-series",
            weekly(hospital.patient(), practitioner, at(23, 8, 0), 2, "SKIP"),
        )
        .await;
    let starts: Vec<&Value> = made.body["booked"]
        .as_array()
        .expect("booked")
        .iter()
        .map(|a| &a["start"])
        .collect();
    assert_eq!(
        starts,
        [&json!(at(23, 8, 0)), &json!(at(30, 7, 0))],
        "nine o'clock before and after the clocks go forward"
    );
}

#[tokio::test]
async fn the_rest_of_a_series_can_be_cancelled() {
    let hospital = Hospital::open().await;
    let practitioner = mondays(&hospital).await;
    let patient = hospital.patient();
    let made = hospital
        .desk()
        .post(
            "/appointment-series",
            weekly(patient, practitioner, at(2, 9, 0), 4, "FAIL"),
        )
        .await;
    let id = made.body["seriesId"].as_str().expect("an id");
    let cancel = format!("/appointment-series/{id}/cancel");
    hospital.settle().await;
    hospital.clock.advance(SignedDuration::from_hours(7 * 24));
    assert_eq!(
        hospital
            .api
            .as_patient(hospital.patient())
            .post(&cancel, json!({}))
            .await
            .status,
        404
    );
    assert_eq!(
        hospital
            .desk()
            .if_match(2)
            .post(&cancel, json!({}))
            .await
            .status,
        412
    );
    let cancelled = hospital
        .api
        .as_patient(patient)
        .post(&cancel, json!({ "reason": "Well again" }))
        .await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    let statuses: Vec<&Value> = cancelled.body["booked"]
        .as_array()
        .expect("booked")
        .iter()
        .map(|a| &a["status"])
        .collect();
    assert_eq!(
        statuses,
        ["BOOKED", "CANCELLED", "CANCELLED", "CANCELLED"],
        "what has begun is not cancelled"
    );
    assert_eq!(cancelled.body["version"], 2);
    let again = hospital.desk().post(&cancel, json!({})).await;
    assert_eq!(
        (again.status.as_u16(), again.code()),
        (409, Some("INVALID_TRANSITION"))
    );
    hospital.settle().await;
    hospital.verify().await;
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let hospital = Hospital::open().await;
    let practitioner = mondays(&hospital).await;
    let good = weekly(hospital.patient(), practitioner, at(2, 9, 0), 2, "SKIP");
    for (field, value, pointer) in [
        ("interval", json!(0), "/interval"),
        ("interval", json!(13), "/interval"),
        ("count", json!(0), "/count"),
        ("count", json!(53), "/count"),
        ("count", json!(99999999), "/count"),
        ("durationMinutes", json!(4), "/durationMinutes"),
        ("durationMinutes", json!(721), "/durationMinutes"),
        ("firstStart", json!("2020-01-01T00:00:00Z"), "/firstStart"),
        ("firstStart", json!("9999-12-30T21:59:00Z"), "/firstStart"),
        ("reason", json!(" "), "/reason"),
        ("onConflict", json!("IGNORE"), "/onConflict"),
    ] {
        let mut wish = good.clone();
        wish[field] = value;
        let refused = hospital
            .desk()
            .post("/appointment-series", wish.clone())
            .await;
        assert_eq!(
            (refused.status.as_u16(), refused.pointers()),
            (400, vec![pointer]),
            "{wish} {}",
            refused.body
        );
    }
    let mut far = good;
    far["frequency"] = json!("MONTHLY");
    far["count"] = json!(52);
    assert_eq!(
        hospital
            .desk()
            .post("/appointment-series", far)
            .await
            .pointers(),
        ["/count"]
    );
}

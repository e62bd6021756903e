//! Booking one appointment.

use galen_contracts::patients::v1::PatientStatus;
use galen_contracts::staff::v1::ShiftKind;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

use crate::hospital::{Hospital, at, minutes, order};

#[tokio::test]
async fn what_is_booked_is_answered_and_can_be_read() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    let mut wish = order(patient, practitioner, at(2, 9, 0), 30);
    wish["reason"] = json!("  Chest pain\nwhen climbing stairs ");
    let booked = hospital.desk().post("/appointments", wish).await;
    assert_eq!(booked.status, 201, "{}", booked.body);
    assert_eq!(booked.header("etag"), Some("\"1\""));
    let id = booked.body["id"].as_str().expect("an id");
    assert_eq!(
        booked.header("location"),
        Some(format!("/api/v1/appointments/{id}").as_str())
    );
    let expected = json!({
        "id": id, "status": "BOOKED", "version": 1,
        "patientId": patient, "practitionerId": practitioner,
        "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T09:30:00Z",
        "serviceType": "CONSULTATION", "paymentMode": "SELF_PAY",
        "reason": "Chest pain\nwhen climbing stairs",
        "needsReschedule": false, "priceStatus": "UNPRICED", "price": null, "estimate": null,
        "bookedAt": "2026-03-02T06:00:00Z",
    });
    assert_eq!(booked.body, expected);
    assert_eq!(hospital.appointment(id).await, expected);
    assert_eq!(hospital.told(id).await[0], "appointment-booked");
    hospital.verify().await;
}

#[tokio::test]
async fn a_taken_time_is_refused_and_an_adjacent_one_is_not() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    for start in [at(2, 8, 31), at(2, 9, 0), at(2, 9, 29)] {
        let refused = hospital.book(hospital.patient(), practitioner, start).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (409, Some("SLOT_TAKEN")),
            "{start}"
        );
    }
    hospital
        .booked(hospital.patient(), practitioner, at(2, 8, 30))
        .await;
    hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 30))
        .await;
    hospital.verify().await;
}

#[tokio::test]
async fn a_patient_is_in_one_place_at_a_time() {
    let hospital = Hospital::open().await;
    let (one, other) = (hospital.practitioner().await, hospital.practitioner().await);
    let patient = hospital.patient();
    hospital.booked(patient, one, at(2, 9, 0)).await;
    let refused = hospital.book(patient, other, at(2, 9, 15)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, Some("PATIENT_BUSY"))
    );
    hospital.booked(patient, other, at(2, 9, 30)).await;
    hospital.verify().await;
}

#[tokio::test]
async fn a_practitioner_who_is_not_there_is_not_booked() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    hospital
        .approve_leave(practitioner, at(3, 8, 0), at(3, 12, 0))
        .await;
    let operating = hospital.register("Surgery").await;
    hospital
        .plan(operating, at(2, 8, 0), at(2, 16, 0), ShiftKind::Surgery)
        .await;
    let gone = hospital.practitioner().await;
    hospital.deactivate(gone).await;
    let nobody = hospital.clock.id();
    for (who, start, reason) in [
        (practitioner, at(2, 7, 45), "OUTSIDE_SHIFT"),
        (practitioner, at(2, 15, 45), "OUTSIDE_SHIFT"),
        (practitioner, at(3, 9, 0), "ON_LEAVE"),
        (operating, at(2, 9, 0), "OUTSIDE_SHIFT"),
        (gone, at(2, 9, 0), "INACTIVE"),
        (nobody, at(2, 9, 0), "UNKNOWN"),
    ] {
        let refused = hospital.book(hospital.patient(), who, start).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (409, Some("PRACTITIONER_UNAVAILABLE")),
            "{start}"
        );
        assert_eq!(refused.body["reason"], reason);
    }
}

#[tokio::test]
async fn only_active_records_are_booked_and_merged_ones_under_their_survivor() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let (closed, dead, survivor, retired, older) = (
        hospital.patient(),
        hospital.patient(),
        hospital.patient(),
        hospital.patient(),
        hospital.patient(),
    );
    hospital.record_is(closed, PatientStatus::Inactive, None);
    hospital.record_is(dead, PatientStatus::Deceased, None);
    hospital.record_is(retired, PatientStatus::Merged, Some(survivor));
    hospital.record_is(older, PatientStatus::Merged, Some(retired));
    for patient in [closed, dead] {
        let refused = hospital.book(patient, practitioner, at(2, 9, 0)).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (409, Some("PATIENT_INACTIVE"))
        );
    }
    let unknown = hospital
        .book(hospital.clock.id(), practitioner, at(2, 9, 0))
        .await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.pointers()),
        (400, vec!["/patientId"])
    );
    assert_eq!(unknown.body["errors"][0]["code"], "UNKNOWN_PATIENT");
    let booked = hospital.book(older, practitioner, at(2, 9, 0)).await;
    assert_eq!(booked.body["patientId"], json!(survivor));
}

#[tokio::test]
async fn a_neighbour_that_does_not_answer_is_neither_yes_nor_no() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    hospital
        .world
        .patients_are_away
        .store(true, Ordering::SeqCst);
    let refused = hospital.book(patient, practitioner, at(2, 9, 0)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (503, Some("DEPENDENCY_UNAVAILABLE"))
    );
    hospital
        .world
        .patients_are_away
        .store(false, Ordering::SeqCst);
    hospital.world.staff_are_away.store(true, Ordering::SeqCst);
    let refused = hospital.book(patient, practitioner, at(2, 9, 0)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (503, Some("DEPENDENCY_UNAVAILABLE"))
    );
    let options = "/appointments/doctor-options?start=2026-03-02T09:00:00Z&end=2026-03-02T09:30:00Z&serviceType=CONSULTATION";
    let options = hospital.desk().get(options).await;
    assert_eq!(
        options.status, 503,
        "names could not be asked, and an empty list would be a lie: {}",
        options.body
    );
    hospital.world.staff_are_away.store(false, Ordering::SeqCst);
    let listed = hospital.desk().get("/appointments").await;
    assert_eq!(listed.body["items"], json!([]), "nothing was written");
    hospital.booked(patient, practitioner, at(2, 9, 0)).await;
}

#[tokio::test]
async fn a_repeated_request_is_answered_alike_and_books_once() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    let desk = hospital.desk().key("k1");
    let wish = order(patient, practitioner, at(2, 9, 0), 30);
    let first = desk.post("/appointments", wish.clone()).await;
    let again = desk.post("/appointments", wish.clone()).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.bytes, again.bytes);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = desk
        .post(
            "/appointments",
            order(patient, practitioner, at(2, 10, 0), 30),
        )
        .await;
    assert_eq!(other.status, 422);
    hospital.world.staff_are_away.store(true, Ordering::SeqCst);
    let answered_without_asking = desk.post("/appointments", wish).await;
    assert_eq!(answered_without_asking.bytes, first.bytes);
}

#[tokio::test]
async fn wrong_fields_are_named_all_at_once() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    let good = order(patient, practitioner, at(2, 9, 0), 30);
    let with = |field: &str, value: Value| {
        let mut wish = good.clone();
        wish[field] = value;
        wish
    };
    for (wish, pointer) in [
        (with("start", json!(at(1, 9, 0))), "/end"),
        (with("start", json!("2026-03-02T05:00:00Z")), "/start"),
        (with("end", json!(at(2, 9, 0))), "/end"),
        (with("end", json!(at(2, 9, 4))), "/end"),
        (with("end", json!(at(2, 21, 1))), "/end"),
        (with("end", json!("9999-12-30T22:00:00Z")), "/end"),
        (with("start", json!("-009999-01-02T00:00:00Z")), "/start"),
        (with("start", json!("yesterday")), "/start"),
        (with("reason", json!(" \n ")), "/reason"),
        (with("reason", json!("x".repeat(501))), "/reason"),
        (with("reason", json!("a\u{0}b")), "/reason"),
        (with("serviceType", json!("HAIRCUT")), "/serviceType"),
        (with("paymentMode", json!("CREDIT")), "/paymentMode"),
        (with("patientId", json!("me")), "/patientId"),
        (with("price", json!("1.00")), "/price"),
    ] {
        let refused = hospital.desk().post("/appointments", wish.clone()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.pointers()),
            (400, vec![pointer]),
            "{wish}: {}",
            refused.body
        );
    }
    let mut twice = with("start", json!("2020-01-01T00:00:00Z"));
    twice["end"] = json!("2020-01-01T00:30:00Z");
    twice["reason"] = json!("");
    let refused = hospital.desk().post("/appointments", twice).await;
    assert_eq!(refused.pointers(), ["/start", "/reason"]);
    let longest = json!(at(2, 9, 0) + minutes(3));
    assert_eq!(
        hospital
            .desk()
            .post("/appointments", with("end", longest))
            .await
            .status,
        400
    );
}

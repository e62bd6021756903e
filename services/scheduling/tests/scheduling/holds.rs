//! Holds on slots.

use serde_json::{Value, json};

use crate::hospital::{Hospital, at, minutes, order};
use galen_contracts::ids::PractitionerId;
use galen_kernel::Timestamp;

fn hold(practitioner: PractitionerId, start: Timestamp) -> Value {
    json!({ "practitionerId": practitioner, "start": start, "end": start + minutes(30), "serviceType": "CONSULTATION" })
}

#[tokio::test]
async fn a_hold_keeps_the_slot_for_its_holder_until_it_is_booked() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    let desk = hospital.desk();
    let held = desk
        .post("/slots/hold", hold(practitioner, at(2, 9, 0)))
        .await;
    assert_eq!(held.status, 201, "{}", held.body);
    assert_eq!(held.body["expiresAt"], "2026-03-02T06:05:00Z");
    for (path, body) in [
        (
            "/appointments",
            order(hospital.patient(), practitioner, at(2, 9, 15), 30),
        ),
        ("/slots/hold", hold(practitioner, at(2, 8, 45))),
    ] {
        let refused = hospital.desk().post(path, body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (409, Some("SLOT_TAKEN")),
            "{path}"
        );
    }
    let mut wish = order(patient, practitioner, at(2, 9, 0), 30);
    wish["holdId"] = held.body["holdId"].clone();
    let booked = desk.post("/appointments", wish.clone()).await;
    assert_eq!(booked.status, 201, "{}", booked.body);
    let again = desk.post("/appointments", wish).await;
    assert_eq!(again.code(), Some("HOLD_EXPIRED"), "a hold is used up");
    hospital.verify().await;
    hospital.pass(minutes(10)).await;
    hospital.verify().await;
    assert_eq!(
        hospital
            .appointment(booked.body["id"].as_str().expect("an id"))
            .await["status"],
        "BOOKED"
    );
}

#[tokio::test]
async fn a_hold_that_has_expired_is_in_nobodys_way_even_before_anybody_cleans_up() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    let held = hospital
        .desk()
        .post("/slots/hold", hold(practitioner, at(2, 9, 0)))
        .await;
    // Nobody has run the timer: the clock is moved and the booking comes at once.
    hospital.clock.advance(minutes(5));
    let mut wish = order(patient, practitioner, at(2, 9, 0), 30);
    wish["holdId"] = held.body["holdId"].clone();
    let expired = hospital.desk().post("/appointments", wish).await;
    assert_eq!(
        (expired.status.as_u16(), expired.code()),
        (409, Some("HOLD_EXPIRED"))
    );
    hospital.booked(patient, practitioner, at(2, 9, 15)).await;
    hospital.settle().await;
    hospital.verify().await;
}

#[tokio::test]
async fn a_timer_drops_a_hold_that_nobody_used() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    assert_eq!(
        hospital
            .desk()
            .post("/slots/hold", hold(practitioner, at(2, 9, 0)))
            .await
            .status,
        201
    );
    hospital.pass(minutes(5)).await;
    let left: i64 = sqlx::query_scalar("select count(*) from claim")
        .fetch_one(hospital.platform.db.pool())
        .await
        .expect("counted");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_hold_serves_only_what_and_whom_it_was_made_for() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let (patient, other) = (hospital.patient(), hospital.patient());
    let desk = hospital.desk();
    let mut wish = hold(practitioner, at(2, 9, 0));
    wish["patientId"] = json!(patient);
    let held = desk.post("/slots/hold", wish).await.body["holdId"].clone();
    let with_hold = |mut wish: Value| {
        wish["holdId"] = held.clone();
        wish
    };
    let mut vaccination = order(patient, practitioner, at(2, 9, 0), 30);
    vaccination["serviceType"] = json!("VACCINATION");
    for wish in [
        order(other, practitioner, at(2, 9, 0), 30),
        order(patient, practitioner, at(2, 9, 0), 15),
        vaccination,
    ] {
        let refused = desk.post("/appointments", with_hold(wish)).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (409, Some("HOLD_MISMATCH"))
        );
    }
    let thief = hospital
        .api
        .as_patient(patient)
        .post(
            "/appointments",
            with_hold(order(patient, practitioner, at(2, 9, 0), 30)),
        )
        .await;
    assert_eq!(
        thief.code(),
        Some("HOLD_EXPIRED"),
        "patients use their own holds"
    );
    assert_eq!(
        desk.post(
            "/appointments",
            with_hold(order(patient, practitioner, at(2, 9, 0), 30))
        )
        .await
        .status,
        201
    );
}

#[tokio::test]
async fn holds_are_made_where_bookings_could_be_and_can_be_given_up() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let patient = hospital.api.as_patient(hospital.patient());
    let refused = patient
        .post("/slots/hold", hold(practitioner, at(2, 7, 0)))
        .await;
    assert_eq!(refused.code(), Some("PRACTITIONER_UNAVAILABLE"));
    let mut for_another = hold(practitioner, at(2, 9, 0));
    for_another["patientId"] = json!(hospital.patient());
    assert_eq!(patient.post("/slots/hold", for_another).await.status, 404);
    let mut ids = Vec::new();
    for n in 0..3 {
        let held = patient
            .post(
                "/slots/hold",
                hold(practitioner, at(2, 9, 0) + minutes(30 * n)),
            )
            .await;
        ids.push(held.body["holdId"].as_str().expect("an id").to_owned());
    }
    let many = patient
        .post("/slots/hold", hold(practitioner, at(2, 12, 0)))
        .await;
    assert_eq!(
        (many.status.as_u16(), many.code()),
        (409, Some("TOO_MANY_HOLDS"))
    );
    let path = format!("/slots/hold/{}", ids[0]);
    assert_eq!(
        hospital
            .api
            .as_patient(hospital.patient())
            .delete(&path)
            .await
            .status,
        404
    );
    assert_eq!(patient.delete(&path).await.status, 204);
    assert_eq!(patient.delete(&path).await.status, 404);
    assert_eq!(
        patient
            .post("/slots/hold", hold(practitioner, at(2, 9, 0)))
            .await
            .status,
        201
    );
}

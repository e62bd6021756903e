//! What appointments cost.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::hospital::{Hospital, at, lock, minutes, order};

fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

fn costs(hospital: &Hospital, service_type: &str, patient: i64, insurer: i64) {
    lock(&hospital.world.prices).insert(service_type.to_owned(), (patient, insurer));
}

#[tokio::test]
async fn an_appointment_shows_what_it_cost_when_it_was_booked() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    costs(&hospital, "CONSULTATION", 3_000, 12_000);
    let mut wish = order(hospital.patient(), practitioner, at(2, 9, 0), 30);
    wish["paymentMode"] = json!("INSURANCE");
    let booked = hospital.desk().post("/appointments", wish).await;
    assert_eq!(booked.status, 201, "{}", booked.body);
    let estimate =
        json!({ "patient": eur("30.00"), "insurer": eur("120.00"), "prepayment": eur("30.00") });
    assert_eq!(
        (&booked.body["price"], &booked.body["estimate"]),
        (&eur("150.00"), &estimate)
    );
    let alone = hospital
        .book(hospital.patient(), practitioner, at(2, 10, 0))
        .await;
    let estimate =
        json!({ "patient": eur("150.00"), "insurer": eur("0.00"), "prepayment": eur("150.00") });
    assert_eq!(alone.body["estimate"], estimate);

    // What it was told is kept, whatever it costs later.
    costs(&hospital, "CONSULTATION", 1, 0);
    let id = booked.body["id"].as_str().expect("an id");
    assert_eq!(hospital.appointment(id).await["price"], eur("150.00"));
    let listed = hospital.desk().get("/appointments?limit=1").await.body;
    assert_eq!(listed["items"][0]["price"], eur("150.00"));

    // Another time has the price of then.
    let start = at(2, 12, 0);
    let moved = hospital
        .desk()
        .post(
            &format!("/appointments/{id}/reschedule"),
            json!({ "start": start, "end": start + minutes(30) }),
        )
        .await;
    assert_eq!(moved.body["price"], eur("0.01"), "{}", moved.body);
    hospital.verify().await;
}

#[tokio::test]
async fn without_a_price_or_an_answer_it_is_booked_all_the_same() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    costs(&hospital, "SURGERY", 1, 1);
    let unpriced = hospital
        .book(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    assert_eq!(
        (unpriced.status.as_u16(), &unpriced.body["price"]),
        (201, &Value::Null)
    );
    costs(&hospital, "CONSULTATION", 1, 1);
    hospital
        .world
        .billing_is_away
        .store(true, Ordering::Relaxed);
    let unanswered = hospital
        .book(hospital.patient(), practitioner, at(2, 10, 0))
        .await;
    assert_eq!(unanswered.status, 201, "{}", unanswered.body);
    assert_eq!(
        (&unanswered.body["price"], &unanswered.body["estimate"]),
        (&Value::Null, &Value::Null)
    );
    hospital.verify().await;
}

#[tokio::test]
async fn every_appointment_of_a_series_has_its_price() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    costs(&hospital, "CONSULTATION", 2_000, 0);
    let wish = json!({
        "patientId": hospital.patient(), "practitionerId": practitioner, "firstStart": at(2, 9, 0), "durationMinutes": 30,
        "serviceType": "CONSULTATION", "frequency": "DAILY", "interval": 1, "count": 10, "onConflict": "SKIP",
    });
    let made = hospital.desk().post("/appointment-series", wish).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let booked = made.body["booked"].as_array().expect("appointments");
    assert!(!booked.is_empty());
    for appointment in booked {
        assert_eq!(appointment["price"], eur("20.00"));
    }
}

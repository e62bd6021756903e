//! Appointments that are paid before.

use std::sync::atomic::Ordering;

use futures::future::join_all;
use galen_contracts::billing::v1::{PrepaymentEnded, PrepaymentHeld};
use galen_contracts::securepay::v1::Money;
use galen_eventing::Status;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::hospital::{Hospital, at, lock, minutes};

fn asks(hospital: &Hospital, minor: i64) {
    lock(&hospital.world.prices).insert("CONSULTATION".to_owned(), (minor, 0));
}

fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

async fn stands(hospital: &Hospital, id: &str) -> Option<Status> {
    let mut tx = hospital.platform.db.begin().await.expect("a transaction");
    let status = hospital.service.bookings.status(&mut tx, id).await;
    status.expect("a status")
}

#[tokio::test]
async fn the_desk_is_told_at_once_that_there_is_too_little_and_nothing_is_booked() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    asks(&hospital, 3_000);
    *lock(&hospital.world.available) = Some(2_999);
    let refused = hospital.book(patient, practitioner, at(2, 9, 0)).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert_eq!(refused.code(), Some("PREPAYMENT_REQUIRED"));
    assert_eq!(refused.body["prepayment"], eur("30.00"));
    assert_eq!(refused.body["detail"], "a prepayment of 30.00 EUR is asked");
    let listed = hospital.desk().get("/appointments").await.body;
    assert_eq!(listed["items"], json!([]));
    *lock(&hospital.world.available) = Some(3_000);
    hospital.booked(patient, practitioner, at(2, 9, 0)).await;
}

#[tokio::test]
async fn a_booking_is_paid_before_the_patient_is_told_that_it_stands() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    asks(&hospital, 3_000);
    let booked = hospital.book(patient, practitioner, at(2, 9, 0)).await;
    let asked = json!({ "amount": eur("30.00"), "status": "REQUESTED" });
    assert_eq!(booked.body["prepayment"], asked, "{}", booked.body);
    let id = booked.body["id"].as_str().expect("an id").to_owned();
    hospital.settle().await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Completed));
    let held = hospital.appointment(&id).await;
    assert_eq!(held["prepayment"]["status"], "HELD");
    assert_eq!(
        (&held["status"], &held["version"]),
        (&json!("BOOKED"), &json!(1))
    );
    let told = hospital.told(&id).await;
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(
        told[..3],
        [
            "appointment-booked",
            "prepayment-requested",
            "galen.billing.prepayment-held"
        ]
    );
    assert_eq!(told[3], "confirmation-requested");
    let ended = PrepaymentEnded {
        appointment_id: id.clone(),
        patient_id: patient.to_string(),
        outcome: "APPLIED".to_owned(),
        ..PrepaymentEnded::default()
    };
    hospital.billing_tells(&ended).await;
    let applied = hospital.appointment(&id).await;
    assert_eq!(applied["prepayment"]["status"], "APPLIED");
    hospital.verify().await;
}

#[tokio::test]
async fn a_booking_that_nobody_pays_for_is_undone_and_its_time_is_free() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    asks(&hospital, 3_000);
    *lock(&hospital.world.purse) = Some(0);
    let id = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.settle().await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Compensated));
    let undone = hospital.appointment(&id).await;
    assert_eq!(
        undone["cancellation"],
        json!({ "reasonCode": "PREPAYMENT_MISSING", "by": "SYSTEM" })
    );
    assert_eq!(undone["prepayment"]["status"], "REFUSED");
    let told = hospital.told(&id).await;
    assert!(
        told.contains(&"appointment-cancelled".to_owned()),
        "{told:?}"
    );
    assert!(lock(&hospital.world.confirmations).is_empty());
    *lock(&hospital.world.purse) = None;
    hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.verify().await;
}

#[tokio::test]
async fn of_a_hundred_bookings_as_many_stand_as_there_is_money_for() {
    let hospital = Hospital::open().await;
    asks(&hospital, 3_000);
    *lock(&hospital.world.purse) = Some(37 * 3_000 + 2_999);
    let mut wishes = Vec::new();
    for _ in 0..7 {
        let practitioner = hospital.practitioner().await;
        for slot in 0..15 {
            let start = at(2, 8, 0) + minutes(30 * slot);
            wishes.push((hospital.patient(), practitioner, start));
        }
    }
    wishes.truncate(100);
    let bookings = wishes
        .into_iter()
        .map(|(patient, practitioner, start)| hospital.booked(patient, practitioner, start));
    let ids = join_all(bookings).await;
    hospital.settle().await;
    let mut standing = 0;
    for id in &ids {
        let appointment = hospital.appointment(id).await;
        let paid = appointment["prepayment"]["status"] == "HELD";
        assert_eq!(appointment["status"] == "BOOKED", paid, "{appointment}");
        standing += i32::from(paid);
    }
    assert_eq!((ids.len(), standing), (100, 37));
    assert_eq!(lock(&hospital.world.confirmations).len(), 37);
    hospital.verify().await;
}

#[tokio::test]
async fn a_question_to_billing_is_repeated_as_the_same_command_until_the_deadline() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    asks(&hospital, 3_000);
    hospital
        .world
        .billing_is_silent
        .store(true, Ordering::SeqCst);
    let id = hospital
        .booked(hospital.patient(), practitioner, at(3, 15, 0))
        .await;
    hospital.settle().await;
    for pause in [30, 60, 120] {
        hospital.pass(SignedDuration::from_secs(pause)).await;
    }
    let asked = lock(&hospital.world.prepayments).clone();
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|again| *again == asked[0]));
    assert_eq!(stands(&hospital, &id).await, Some(Status::Running));
    hospital.pass(SignedDuration::from_hours(24)).await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Compensated));
    let undone = hospital.appointment(&id).await;
    assert_eq!(undone["cancellation"]["reasonCode"], "PREPAYMENT_MISSING");
    hospital.verify().await;
}

#[tokio::test]
async fn what_is_called_off_while_it_is_being_paid_stays_called_off() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    asks(&hospital, 3_000);
    hospital
        .world
        .billing_is_silent
        .store(true, Ordering::SeqCst);
    let id = hospital
        .booked(hospital.patient(), practitioner, at(3, 9, 0))
        .await;
    hospital.settle().await;
    let path = format!("/appointments/{id}/cancel");
    assert_eq!(hospital.desk().post(&path, json!({})).await.status, 200);
    let asked = lock(&hospital.world.prepayments)[0].clone();
    let late = PrepaymentHeld {
        appointment_id: id.clone(),
        process_id: asked.process_id,
        command_id: asked.command_id,
        patient_id: asked.patient_id,
        held: asked.amount,
    };
    hospital.billing_tells(&late).await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Compensated));
    assert_eq!(hospital.appointment(&id).await["status"], "CANCELLED");
    assert!(lock(&hospital.world.confirmations).is_empty());
    hospital.verify().await;
}

#[tokio::test]
async fn what_was_never_asked_for_is_not_shown_with_what_was_called_off() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    asks(&hospital, 3_000);
    hospital
        .world
        .staff_are_silent
        .store(true, Ordering::SeqCst);
    let id = hospital
        .booked(hospital.patient(), practitioner, at(3, 9, 0))
        .await;
    hospital.settle().await;
    let path = format!("/appointments/{id}/cancel");
    let cancelled = hospital.desk().post(&path, json!({})).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    assert_eq!(cancelled.body["prepayment"], Value::Null);
    assert!(lock(&hospital.world.prepayments).is_empty());
}

#[tokio::test]
async fn another_time_asks_with_what_was_paid_for_the_first() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    asks(&hospital, 3_000);
    let id = hospital.booked(patient, practitioner, at(2, 9, 0)).await;
    hospital.settle().await;
    let wish = json!({ "start": at(2, 11, 0), "end": at(2, 11, 30) });
    let path = format!("/appointments/{id}/reschedule");
    let moved = hospital.desk().post(&path, wish).await;
    assert_eq!(moved.status, 201, "{}", moved.body);
    hospital.settle().await;
    let asked = lock(&hospital.world.prepayments).clone();
    assert_eq!((asked.len(), &asked[1].replaces_id), (2, &id));
    assert_eq!(asked[0].replaces_id, "");
    // What follows without having been asked for is shown as well.
    let unasked = hospital.patient();
    lock(&hospital.world.prices).clear();
    let other = hospital.booked(unasked, practitioner, at(2, 13, 0)).await;
    assert_eq!(
        hospital.appointment(&other).await["prepayment"],
        Value::Null
    );
    let followed = PrepaymentHeld {
        appointment_id: other.clone(),
        patient_id: unasked.to_string(),
        held: Some(Money {
            minor: 2_500,
            currency: "EUR".to_owned(),
        }),
        ..PrepaymentHeld::default()
    };
    hospital.billing_tells(&followed).await;
    let shown = hospital.appointment(&other).await;
    let held = json!({ "amount": eur("25.00"), "status": "HELD" });
    assert_eq!(shown["prepayment"], held);
    hospital.verify().await;
}

#[tokio::test]
async fn an_offer_of_the_waitlist_is_paid_before_as_well() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let (first, waiting) = (hospital.patient(), hospital.patient());
    let id = hospital.booked(first, practitioner, at(3, 9, 0)).await;
    let wish = json!({ "patientId": waiting, "practitionerId": practitioner, "serviceType": "CONSULTATION", "earliest": at(3, 0, 0), "latest": at(4, 0, 0) });
    let entry = hospital.desk().post("/waitlist", wish).await.body;
    let entry = entry["id"].as_str().expect("an id").to_owned();
    let path = format!("/appointments/{id}/cancel");
    assert_eq!(hospital.desk().post(&path, json!({})).await.status, 200);
    hospital.settle().await;
    asks(&hospital, 3_000);
    *lock(&hospital.world.available) = Some(0);
    let path = format!("/waitlist/{entry}/accept");
    let refused = hospital.desk().post(&path, Value::Null).await;
    assert_eq!(
        refused.code(),
        Some("PREPAYMENT_REQUIRED"),
        "{}",
        refused.body
    );
    *lock(&hospital.world.available) = Some(3_000);
    let accepted = hospital.desk().post(&path, Value::Null).await;
    assert_eq!(accepted.status, 201, "{}", accepted.body);
}

#[tokio::test]
async fn a_series_needs_as_much_as_is_asked_for_all_that_can_be_booked() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    asks(&hospital, 3_000);
    let wish = json!({
        "patientId": patient, "practitionerId": practitioner, "firstStart": at(2, 9, 0), "durationMinutes": 30,
        "serviceType": "CONSULTATION", "frequency": "DAILY", "interval": 1, "count": 3, "onConflict": "SKIP",
    });
    // On the third day nobody works: it is not booked, and nothing is asked for it.
    *lock(&hospital.world.available) = Some(5_999);
    let series = "/appointment-series";
    let refused = hospital.desk().post(series, wish.clone()).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert_eq!(refused.code(), Some("PREPAYMENT_REQUIRED"));
    assert_eq!(refused.body["prepayment"], eur("60.00"));
    let listed = hospital.desk().get("/appointments").await.body;
    assert_eq!(listed["items"], json!([]));
    hospital.settle().await;
    assert!(lock(&hospital.world.prepayments).is_empty());

    *lock(&hospital.world.available) = Some(6_000);
    let booked = hospital.desk().post(series, wish).await;
    assert_eq!(booked.status, 201, "{}", booked.body);
    hospital.settle().await;
    assert_eq!(lock(&hospital.world.prepayments).len(), 2);
    hospital.verify().await;
}

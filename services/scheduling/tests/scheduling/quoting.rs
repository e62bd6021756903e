//! Appointments that are booked while billing does not answer.

use std::sync::atomic::Ordering;

use galen_contracts::billing::v1::{AppointmentQuoted, EstimateAppointmentResponse};
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_eventing::Status;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::hospital::{Hospital, at, lock, order};

fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

/// A hospital that asks for 30 euros before, and whose billing is down.
async fn without_billing() -> (Hospital, PatientId, PractitionerId) {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    lock(&hospital.world.prices).insert("CONSULTATION".to_owned(), (3_000, 12_000));
    let world = &hospital.world;
    world.billing_is_away.store(true, Ordering::SeqCst);
    world.billing_is_silent.store(true, Ordering::SeqCst);
    (hospital, patient, practitioner)
}

fn billing_is_back(hospital: &Hospital) {
    let world = &hospital.world;
    world.billing_is_away.store(false, Ordering::SeqCst);
    world.billing_is_silent.store(false, Ordering::SeqCst);
}

async fn booked(
    hospital: &Hospital,
    patient: PatientId,
    practitioner: PractitionerId,
    start: galen_kernel::Timestamp,
) -> String {
    let mut wish = order(patient, practitioner, start, 30);
    wish["paymentMode"] = json!("INSURANCE");
    let booked = hospital.desk().post("/appointments", wish).await;
    assert_eq!(booked.status, 201, "{}", booked.body);
    let price = (&booked.body["priceStatus"], &booked.body["price"]);
    assert_eq!(price, (&json!("PENDING"), &Value::Null));
    hospital.settle().await;
    booked.body["id"].as_str().expect("an id").to_owned()
}

async fn stands(hospital: &Hospital, id: &str) -> Option<Status> {
    let mut tx = hospital.platform.db.begin().await.expect("a transaction");
    let status = hospital.service.bookings.status(&mut tx, id).await;
    status.expect("a status")
}

#[tokio::test]
async fn a_price_that_comes_late_is_kept_and_what_is_asked_is_paid_before_the_patient_is_told() {
    let (hospital, patient, practitioner) = without_billing().await;
    let id = booked(&hospital, patient, practitioner, at(3, 9, 0)).await;
    for pause in [30, 60] {
        hospital.pass(SignedDuration::from_secs(pause)).await;
    }
    let asked = lock(&hospital.world.quotes).clone();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|again| *again == asked[0]));
    assert_eq!(stands(&hospital, &id).await, Some(Status::Running));
    assert!(lock(&hospital.world.confirmations).is_empty());

    billing_is_back(&hospital);
    hospital.pass(SignedDuration::from_mins(2)).await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Completed));
    let priced = hospital.appointment(&id).await;
    assert_eq!(
        (&priced["priceStatus"], &priced["price"], &priced["version"]),
        (&json!("PRICED"), &eur("150.00"), &json!(1))
    );
    let estimate =
        json!({ "patient": eur("30.00"), "insurer": eur("120.00"), "prepayment": eur("30.00") });
    assert_eq!(priced["estimate"], estimate);
    let held = json!({ "amount": eur("30.00"), "status": "HELD" });
    assert_eq!(priced["prepayment"], held);
    let told = hospital.told(&id).await;
    assert_eq!(
        told[told.len() - 5..],
        [
            "galen.billing.appointment-quoted",
            "prepayment-requested",
            "galen.billing.prepayment-held",
            "confirmation-requested",
            "galen.notifications.confirmation-queued",
        ]
    );
    hospital.verify().await;
}

#[tokio::test]
async fn a_booking_whose_late_price_nobody_pays_before_is_undone() {
    let (hospital, patient, practitioner) = without_billing().await;
    let id = booked(&hospital, patient, practitioner, at(3, 9, 0)).await;
    billing_is_back(&hospital);
    *lock(&hospital.world.purse) = Some(2_999);
    hospital.pass(SignedDuration::from_secs(30)).await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Compensated));
    let undone = hospital.appointment(&id).await;
    assert_eq!(undone["cancellation"]["reasonCode"], "PREPAYMENT_MISSING");
    assert_eq!(undone["prepayment"]["status"], "REFUSED");
    assert!(lock(&hospital.world.confirmations).is_empty());
    hospital.verify().await;
}

#[tokio::test]
async fn care_is_not_refused_because_billing_is_down() {
    let (hospital, patient, practitioner) = without_billing().await;
    let id = booked(&hospital, patient, practitioner, at(3, 9, 0)).await;
    let soon = booked(&hospital, hospital.patient(), practitioner, at(2, 8, 0)).await;
    hospital.pass(SignedDuration::from_mins(59)).await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Running));
    hospital.pass(SignedDuration::from_mins(1)).await;
    let asked = lock(&hospital.world.quotes).clone();
    for id in [&id, &soon] {
        assert_eq!(stands(&hospital, id).await, Some(Status::Completed));
        let standing = hospital.appointment(id).await;
        assert_eq!(
            (&standing["status"], &standing["priceStatus"]),
            (&json!("BOOKED"), &json!("UNANSWERED"))
        );
        assert_eq!(standing["price"], Value::Null);
        assert_eq!(standing["prepayment"], Value::Null);
    }
    assert_eq!(lock(&hospital.world.confirmations).len(), 2);

    // What is said afterwards is too late: the patient was told.
    let late = AppointmentQuoted {
        appointment_id: id.clone(),
        process_id: asked[0].process_id.clone(),
        command_id: asked[0].command_id.clone(),
        patient_id: patient.to_string(),
        estimate: Some(EstimateAppointmentResponse {
            currency: "EUR".to_owned(),
            price: 1,
            patient: 1,
            ..EstimateAppointmentResponse::default()
        }),
    };
    hospital.billing_tells(&late).await;
    let standing = hospital.appointment(&id).await;
    assert_eq!(standing["priceStatus"], "UNANSWERED");
    hospital.verify().await;
}

#[tokio::test]
async fn what_has_no_price_is_confirmed_as_soon_as_billing_says_so() {
    let (hospital, patient, practitioner) = without_billing().await;
    lock(&hospital.world.prices).clear();
    let id = booked(&hospital, patient, practitioner, at(3, 9, 0)).await;
    billing_is_back(&hospital);
    hospital.pass(SignedDuration::from_secs(30)).await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Completed));
    assert_eq!(hospital.appointment(&id).await["priceStatus"], "UNPRICED");
}

#[tokio::test]
async fn who_calls_off_or_moves_what_has_no_price_yet_waits_for_none() {
    let (hospital, patient, practitioner) = without_billing().await;
    let off = booked(&hospital, patient, practitioner, at(3, 9, 0)).await;
    let moved = booked(&hospital, patient, practitioner, at(3, 10, 0)).await;
    let path = format!("/appointments/{off}/cancel");
    let cancelled = hospital.desk().post(&path, json!({})).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    assert_eq!(cancelled.body["priceStatus"], "UNANSWERED");
    billing_is_back(&hospital);
    let wish = json!({ "start": at(3, 11, 0), "end": at(3, 11, 30) });
    let path = format!("/appointments/{moved}/reschedule");
    let next = hospital.desk().post(&path, wish).await;
    assert_eq!(next.body["priceStatus"], "PRICED", "{}", next.body);
    let old = hospital.appointment(&moved).await;
    assert_eq!(old["priceStatus"], "UNANSWERED");
    hospital.settle().await;
    hospital.verify().await;
}

#[tokio::test]
async fn who_has_come_is_not_asked_for_anything_before() {
    let (hospital, patient, practitioner) = without_billing().await;
    let came = booked(&hospital, patient, practitioner, at(2, 8, 30)).await;
    let ahead = booked(&hospital, hospital.patient(), practitioner, at(2, 8, 0)).await;
    let path = format!("/appointments/{came}/check-in");
    let arrived = hospital.desk().post(&path, Value::Null).await;
    assert_eq!(arrived.status, 200, "{}", arrived.body);
    let known = async |id: &str| {
        let known = hospital.appointment(id).await;
        (known["priceStatus"].clone(), known["prepayment"].clone())
    };
    billing_is_back(&hospital);
    hospital.pass(SignedDuration::from_secs(30)).await;
    assert_eq!(known(&came).await, (json!("PRICED"), Value::Null));
    assert_eq!(known(&ahead).await.1["status"], "HELD");
    let asked = lock(&hospital.world.prepayments).clone();
    let asked: Vec<_> = asked
        .into_iter()
        .map(|asked| asked.appointment_id)
        .collect();
    assert_eq!(asked, [ahead]);
    hospital.pass(SignedDuration::from_hours(24)).await;
    assert_eq!(hospital.appointment(&came).await["status"], "CHECKED_IN");
    hospital.verify().await;
}

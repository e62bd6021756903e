//! The booking process from end to end.

use std::sync::atomic::Ordering;

use galen_eventing::Status;
use jiff::SignedDuration;
use serde_json::json;

use crate::hospital::{Hospital, at, lock, minutes};

async fn stands(hospital: &Hospital, id: &str) -> Option<Status> {
    let mut tx = hospital.platform.db.begin().await.expect("a transaction");
    hospital
        .service
        .bookings
        .status(&mut tx, id)
        .await
        .expect("a status")
}

#[tokio::test]
async fn a_booking_is_verified_and_confirmed() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    let id = hospital.booked(patient, practitioner, at(2, 9, 0)).await;
    hospital.settle().await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Completed));
    let confirmations = lock(&hospital.world.confirmations).clone();
    assert_eq!(confirmations.len(), 1);
    assert_eq!(
        (
            &confirmations[0].appointment_id,
            &confirmations[0].patient_id
        ),
        (&id, &patient.to_string())
    );
    assert_eq!(hospital.appointment(&id).await["status"], "BOOKED");
}

#[tokio::test]
async fn a_booking_without_practitioner_is_undone_and_its_time_is_free() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    // Available when asked before the booking, on leave when asked after it.
    *lock(&hospital.world.verdict) = Some("ON_LEAVE".to_owned());
    let id = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.settle().await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Compensated));
    let undone = hospital.appointment(&id).await;
    assert_eq!(
        undone["cancellation"],
        json!({ "reasonCode": "PRACTITIONER_UNAVAILABLE", "by": "SYSTEM" })
    );
    assert!(
        hospital
            .told(&id)
            .await
            .contains(&"appointment-cancelled".to_owned())
    );
    assert!(
        lock(&hospital.world.confirmations).is_empty(),
        "nobody is told that it stands"
    );
    hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.verify().await;
}

#[tokio::test]
async fn a_question_that_is_not_answered_is_repeated_as_the_same_command_until_the_deadline() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    hospital
        .world
        .staff_are_silent
        .store(true, Ordering::SeqCst);
    let id = hospital
        .booked(hospital.patient(), practitioner, at(3, 15, 0))
        .await;
    hospital.settle().await;
    for pause in [30, 60, 120] {
        hospital.pass(SignedDuration::from_secs(pause)).await;
    }
    let asked = lock(&hospital.world.verifications).clone();
    assert_eq!(asked.len(), 4);
    assert!(
        asked
            .iter()
            .all(|question| question.command_id == asked[0].command_id)
    );
    assert_eq!(stands(&hospital, &id).await, Some(Status::Running));
    hospital.pass(SignedDuration::from_hours(24)).await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Compensated));
    assert_eq!(hospital.appointment(&id).await["status"], "CANCELLED");
    hospital.verify().await;
}

#[tokio::test]
async fn an_answer_after_a_repetition_is_as_good() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    hospital
        .world
        .staff_are_silent
        .store(true, Ordering::SeqCst);
    let id = hospital
        .booked(hospital.patient(), practitioner, at(2, 15, 0))
        .await;
    hospital.settle().await;
    hospital
        .world
        .staff_are_silent
        .store(false, Ordering::SeqCst);
    hospital.pass(SignedDuration::from_secs(30)).await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Completed));
}

#[tokio::test]
async fn a_confirmation_that_never_comes_waits_for_a_person_and_the_booking_stands() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    hospital
        .world
        .notifications_are_silent
        .store(true, Ordering::SeqCst);
    let id = hospital
        .booked(hospital.patient(), practitioner, at(3, 15, 0))
        .await;
    hospital.settle().await;
    hospital.pass(SignedDuration::from_hours(24)).await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Suspended));
    assert_eq!(hospital.appointment(&id).await["status"], "BOOKED");
    let asked = lock(&hospital.world.confirmations).clone();
    assert!(
        asked
            .iter()
            .all(|request| request.command_id == asked[0].command_id)
    );
}

#[tokio::test]
async fn what_a_person_calls_off_is_not_confirmed_any_more() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    hospital
        .world
        .staff_are_silent
        .store(true, Ordering::SeqCst);
    let cancelled = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    let moved = hospital
        .booked(hospital.patient(), practitioner, at(2, 10, 0))
        .await;
    hospital.settle().await;
    hospital
        .desk()
        .post(&format!("/appointments/{cancelled}/cancel"), json!({}))
        .await;
    let wish = json!({ "start": at(2, 11, 0), "end": at(2, 11, 30) });
    let next = hospital
        .desk()
        .post(&format!("/appointments/{moved}/reschedule"), wish)
        .await
        .body["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    hospital
        .world
        .staff_are_silent
        .store(false, Ordering::SeqCst);
    hospital.pass(minutes(1)).await;
    assert_eq!(stands(&hospital, &cancelled).await, Some(Status::Rejected));
    assert_eq!(stands(&hospital, &moved).await, Some(Status::Rejected));
    assert_eq!(stands(&hospital, &next).await, Some(Status::Completed));
    let confirmed: Vec<String> = lock(&hospital.world.confirmations)
        .iter()
        .map(|request| request.appointment_id.clone())
        .collect();
    assert_eq!(confirmed, [next]);
    hospital.verify().await;
}

#[tokio::test]
async fn whoever_is_there_already_is_treated_whatever_the_roster_says() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    hospital
        .world
        .staff_are_silent
        .store(true, Ordering::SeqCst);
    let id = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.settle().await;
    hospital
        .desk()
        .post(
            &format!("/appointments/{id}/check-in"),
            serde_json::Value::Null,
        )
        .await;
    *lock(&hospital.world.verdict) = Some("ON_LEAVE".to_owned());
    hospital
        .world
        .staff_are_silent
        .store(false, Ordering::SeqCst);
    hospital.pass(minutes(1)).await;
    assert_eq!(stands(&hospital, &id).await, Some(Status::Compensated));
    assert_eq!(hospital.appointment(&id).await["status"], "CHECKED_IN");
    hospital.verify().await;
}

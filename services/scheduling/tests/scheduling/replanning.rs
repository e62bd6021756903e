//! What happens to appointments when the practitioner's time changes.

use galen_contracts::staff::v1::ShiftKind;
use serde_json::{Value, json};

use crate::hospital::{Hospital, at, minutes};

async fn flag(hospital: &Hospital, id: &str) -> Value {
    let shown = hospital.appointment(id).await;
    assert_eq!(
        shown["needsReschedule"] == true,
        shown["needsRescheduleReason"].is_string()
    );
    shown["needsRescheduleReason"].clone()
}

#[tokio::test]
async fn an_approved_leave_flags_what_it_touches_and_its_withdrawal_unflags_it() {
    let hospital = Hospital::open().await;
    let (practitioner, other) = (hospital.practitioner().await, hospital.practitioner().await);
    let touched = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 45))
        .await;
    let adjacent = hospital
        .booked(hospital.patient(), practitioner, at(2, 12, 0))
        .await;
    let arrived = hospital
        .booked(hospital.patient(), practitioner, at(2, 11, 0))
        .await;
    let elsewhere = hospital
        .booked(hospital.patient(), other, at(2, 11, 0))
        .await;
    hospital
        .desk()
        .post(&format!("/appointments/{arrived}/check-in"), Value::Null)
        .await;
    hospital.settle().await;
    let leave = hospital
        .approve_leave(practitioner, at(2, 10, 0), at(2, 12, 0))
        .await;
    hospital.settle().await;
    assert_eq!(flag(&hospital, &touched).await, "ON_LEAVE");
    for id in [&adjacent, &arrived, &elsewhere] {
        assert_eq!(flag(&hospital, id).await, Value::Null);
    }
    let shown = hospital.appointment(&touched).await;
    assert_eq!(
        (&shown["status"], &shown["version"]),
        (&json!("BOOKED"), &json!(2))
    );
    assert_eq!(
        hospital.told(&touched).await.last().map(String::as_str),
        Some("appointment-needs-reschedule")
    );
    let listed = hospital
        .desk()
        .get("/appointments?needsReschedule=true")
        .await
        .body;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    hospital.withdraw_leave(practitioner, leave).await;
    hospital.settle().await;
    assert_eq!(flag(&hospital, &touched).await, Value::Null);
    assert_eq!(
        hospital.told(&touched).await.last().map(String::as_str),
        Some("appointment-ground-regained")
    );
    hospital.verify().await;
}

#[tokio::test]
async fn a_cancelled_shift_flags_what_no_other_shift_covers() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.register("Cardiology").await;
    let morning = hospital
        .plan(practitioner, at(2, 8, 0), at(2, 12, 0), ShiftKind::Clinic)
        .await;
    hospital
        .plan(practitioner, at(2, 12, 0), at(2, 16, 0), ShiftKind::Clinic)
        .await;
    hospital.settle().await;
    let lost = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    let across = hospital
        .booked(hospital.patient(), practitioner, at(2, 11, 45))
        .await;
    let kept = hospital
        .booked(hospital.patient(), practitioner, at(2, 13, 0))
        .await;
    hospital.settle().await;
    hospital.cancel_shift(practitioner, morning).await;
    hospital.settle().await;
    assert_eq!(flag(&hospital, &lost).await, "OUTSIDE_SHIFT");
    assert_eq!(flag(&hospital, &across).await, "OUTSIDE_SHIFT");
    assert_eq!(flag(&hospital, &kept).await, Value::Null);
    hospital
        .plan(practitioner, at(2, 8, 0), at(2, 12, 0), ShiftKind::Clinic)
        .await;
    hospital.settle().await;
    assert_eq!(
        flag(&hospital, &lost).await,
        Value::Null,
        "somebody planned the shift again"
    );
}

#[tokio::test]
async fn a_shift_that_is_exchanged_for_another_flags_nothing() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.register("Cardiology").await;
    let old = hospital
        .plan(practitioner, at(2, 8, 0), at(2, 12, 0), ShiftKind::Clinic)
        .await;
    hospital.settle().await;
    let id = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.settle().await;
    hospital
        .plan(practitioner, at(2, 7, 0), at(2, 13, 0), ShiftKind::Clinic)
        .await;
    hospital.cancel_shift(practitioner, old).await;
    hospital.settle().await;
    assert_eq!(flag(&hospital, &id).await, Value::Null);
    assert_eq!(hospital.appointment(&id).await["version"], 1);
}

#[tokio::test]
async fn who_no_longer_practises_here_is_missed_by_all_their_patients() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let past = hospital
        .booked(hospital.patient(), practitioner, at(2, 8, 0))
        .await;
    let ahead = hospital
        .booked(hospital.patient(), practitioner, at(3, 9, 0))
        .await;
    hospital.pass(minutes(150)).await;
    hospital.deactivate(practitioner).await;
    hospital.settle().await;
    assert_eq!(flag(&hospital, &ahead).await, "INACTIVE");
    assert_eq!(flag(&hospital, &past).await, Value::Null);
    let moved = json!({ "start": at(3, 10, 0), "end": at(3, 10, 30), "practitionerId": hospital.practitioner().await });
    let moved = hospital
        .desk()
        .post(&format!("/appointments/{ahead}/reschedule"), moved)
        .await;
    assert_eq!(
        (moved.status.as_u16(), &moved.body["needsReschedule"]),
        (201, &json!(false))
    );
    hospital.settle().await;
    hospital.verify().await;
}

#[tokio::test]
async fn the_roster_can_be_rebuilt_from_the_log() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    hospital
        .approve_leave(practitioner, at(2, 10, 0), at(2, 12, 0))
        .await;
    let late = hospital
        .plan(practitioner, at(2, 16, 0), at(2, 18, 0), ShiftKind::Clinic)
        .await;
    hospital
        .plan(practitioner, at(2, 20, 0), at(3, 8, 0), ShiftKind::Night)
        .await;
    hospital.cancel_shift(practitioner, late).await;
    hospital.settle().await;
    let rows = async || -> Vec<String> {
        let rows = sqlx::query_scalar("select r::text from roster r order by 1")
            .fetch_all(hospital.platform.db.pool());
        rows.await.expect("the roster is read")
    };
    let before = rows().await;
    assert!(before.len() >= 5, "{before:?}");
    let replayed = hospital
        .running
        .rebuild("scheduling.staff")
        .await
        .expect("rebuilt");
    assert!(replayed.is_some_and(|events| events >= 6), "{replayed:?}");
    assert_eq!(rows().await, before);
    hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
}

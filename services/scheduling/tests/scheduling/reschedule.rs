//! Moving an appointment.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::hospital::{Hospital, at, minutes};
use galen_kernel::Timestamp;

fn to(start: Timestamp) -> Value {
    json!({ "start": start, "end": start + minutes(30) })
}

#[tokio::test]
async fn the_old_one_ends_and_the_new_one_takes_its_place() {
    let hospital = Hospital::open().await;
    let (one, other) = (hospital.practitioner().await, hospital.practitioner().await);
    let old = hospital.booked(hospital.patient(), one, at(2, 9, 0)).await;
    hospital.settle().await;
    let mut wish = to(at(2, 11, 0));
    wish["practitionerId"] = json!(other);
    let moved = hospital
        .desk()
        .post(&format!("/appointments/{old}/reschedule"), wish)
        .await;
    assert_eq!(moved.status, 201, "{}", moved.body);
    assert_eq!(
        (&moved.body["replacesId"], &moved.body["practitionerId"]),
        (&json!(old), &json!(other))
    );
    assert_eq!(
        (&moved.body["status"], &moved.body["version"]),
        (&json!("BOOKED"), &json!(1))
    );
    let before = hospital.appointment(&old).await;
    assert_eq!(
        (&before["status"], &before["replacedById"]),
        (&json!("RESCHEDULED"), &moved.body["id"])
    );
    let told = hospital.told(&old).await;
    assert_eq!(
        told.last().map(String::as_str),
        Some("appointment-rescheduled")
    );
    hospital.booked(hospital.patient(), one, at(2, 9, 0)).await;
    hospital.settle().await;
    hospital.verify().await;
}

#[tokio::test]
async fn an_appointment_can_be_moved_by_less_than_its_length() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let old = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    let moved = hospital
        .desk()
        .post(&format!("/appointments/{old}/reschedule"), to(at(2, 9, 15)))
        .await;
    assert_eq!(moved.status, 201, "{}", moved.body);
    hospital.verify().await;
}

#[tokio::test]
async fn where_the_new_time_is_taken_the_old_one_is_kept() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let patient = hospital.patient();
    let old = hospital.booked(patient, practitioner, at(2, 9, 0)).await;
    hospital
        .booked(hospital.patient(), practitioner, at(2, 10, 0))
        .await;
    let path = format!("/appointments/{old}/reschedule");
    let refused = hospital.desk().post(&path, to(at(2, 9, 45))).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, Some("SLOT_TAKEN"))
    );
    let refused = hospital.desk().post(&path, to(at(2, 20, 0))).await;
    assert_eq!(refused.code(), Some("PRACTITIONER_UNAVAILABLE"));
    assert_eq!(
        hospital
            .desk()
            .if_match(7)
            .post(&path, to(at(2, 11, 0)))
            .await
            .status,
        412
    );
    let kept = hospital.appointment(&old).await;
    assert_eq!(
        (&kept["status"], &kept["version"]),
        (&json!("BOOKED"), &json!(1))
    );
    hospital.settle().await;
    assert_eq!(
        hospital
            .told(&old)
            .await
            .iter()
            .filter(|name| name.contains("reschedul"))
            .count(),
        0
    );
    hospital.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_move_into_one_slot_exactly_one_gets_there() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(
            hospital
                .booked(
                    hospital.patient(),
                    practitioner,
                    at(2, 8, 0) + minutes(30 * n),
                )
                .await,
        );
    }
    let desk = hospital.desk();
    let moves = ids.iter().map(|id| {
        let (desk, path) = (desk.clone(), format!("/appointments/{id}/reschedule"));
        async move { desk.post(&path, to(at(2, 15, 0))).await }
    });
    let replies = join_all(moves).await;
    let codes: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(
        codes.iter().filter(|code| **code == 201).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|code| **code == 409).count(),
        9,
        "{codes:?}"
    );
    hospital.settle().await;
    hospital.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_swap_their_slots_never_lock_each_other_out() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    for _ in 0..3 {
        let one = hospital
            .booked(hospital.patient(), practitioner, at(2, 9, 0))
            .await;
        let two = hospital
            .booked(hospital.patient(), practitioner, at(2, 9, 30))
            .await;
        let desk = hospital.desk();
        let swap = |id: &str, start| {
            let (desk, path) = (desk.clone(), format!("/appointments/{id}/reschedule"));
            async move { desk.post(&path, to(start)).await }
        };
        let (a, b) = tokio::join!(swap(&one, at(2, 9, 30)), swap(&two, at(2, 9, 0)));
        for reply in [&a, &b] {
            assert!(matches!(reply.status.as_u16(), 201 | 409), "{}", reply.body);
        }
        hospital.verify().await;
        for reply in [a, b] {
            if let Some(id) = reply.body["id"].as_str() {
                desk.post(&format!("/appointments/{id}/cancel"), json!({}))
                    .await;
            }
        }
        for id in [one, two] {
            desk.post(&format!("/appointments/{id}/cancel"), json!({}))
                .await;
        }
        hospital.settle().await;
    }
}

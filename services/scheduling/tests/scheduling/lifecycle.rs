//! The way of an appointment through the day.

use galen_access::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::hospital::{Hospital, at, minutes};

async fn step(hospital: &Hospital, id: &str, verb: &str) -> Result<String, String> {
    let caller = if matches!(verb, "start" | "complete") {
        hospital.doctor()
    } else {
        hospital.desk()
    };
    let reply = caller
        .post(
            &format!("/appointments/{id}/{verb}"),
            if verb == "cancel" {
                json!({})
            } else {
                Value::Null
            },
        )
        .await;
    match reply.status.as_u16() {
        200 => Ok(reply.body["status"].as_str().expect("a status").to_owned()),
        _ => Err(reply.code().expect("a code").to_owned()),
    }
}

#[tokio::test]
async fn a_visit_from_booking_to_its_end() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let id = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.settle().await;
    for (verb, status) in [
        ("confirm", "CONFIRMED"),
        ("check-in", "CHECKED_IN"),
        ("start", "IN_CONSULTATION"),
        ("complete", "FULFILLED"),
    ] {
        assert_eq!(step(&hospital, &id, verb).await.as_deref(), Ok(status));
        hospital.verify().await;
    }
    assert_eq!(hospital.appointment(&id).await["version"], 5);
    let told = hospital.told(&id).await;
    let wanted = [
        "appointment-booked",
        "confirmation-requested",
        "appointment-confirmed",
        "appointment-checked-in",
        "appointment-started",
        "appointment-fulfilled",
    ];
    let ours: Vec<&str> = told
        .iter()
        .map(String::as_str)
        .filter(|name| !name.contains("notifications"))
        .collect();
    assert_eq!(ours, wanted);
    for verb in [
        "confirm",
        "check-in",
        "start",
        "complete",
        "cancel",
        "no-show",
        "revert-no-show",
    ] {
        assert_eq!(
            step(&hospital, &id, verb).await,
            Err("INVALID_TRANSITION".to_owned()),
            "{verb}"
        );
    }
    // The time is free again: the practitioner was done early.
    hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
}

#[tokio::test]
async fn a_refused_step_says_where_the_appointment_stands() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let id = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    let refused = hospital
        .doctor()
        .post(&format!("/appointments/{id}/start"), Value::Null)
        .await;
    assert_eq!(
        (refused.code(), &refused.body["status"]),
        (Some("INVALID_TRANSITION"), &json!(409))
    );
    assert_eq!(refused.body["currentStatus"], "BOOKED");
}

#[tokio::test]
async fn nobody_arrives_a_day_early_and_nobody_is_missed_before_the_start() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let id = hospital
        .booked(hospital.patient(), practitioner, at(3, 9, 0))
        .await;
    assert_eq!(
        step(&hospital, &id, "check-in").await,
        Err("TOO_EARLY".to_owned())
    );
    assert_eq!(
        step(&hospital, &id, "no-show").await,
        Err("TOO_EARLY".to_owned())
    );
    hospital.clock.advance(SignedDuration::from_hours(15));
    assert_eq!(
        step(&hospital, &id, "check-in").await.as_deref(),
        Ok("CHECKED_IN")
    );
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let id = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    let path = format!("/appointments/{id}/confirm");
    assert_eq!(
        hospital
            .desk()
            .if_match(2)
            .post(&path, Value::Null)
            .await
            .status,
        412
    );
    let confirmed = hospital.desk().if_match(1).post(&path, Value::Null).await;
    assert_eq!(
        (confirmed.status.as_u16(), confirmed.header("etag")),
        (200, Some("\"2\""))
    );
    assert_eq!(
        hospital
            .desk()
            .if_match(1)
            .post(&format!("/appointments/{id}/cancel"), json!({}))
            .await
            .status,
        412
    );
}

#[tokio::test]
async fn a_cancelled_appointment_says_why_and_gives_the_time_free() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let id = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    let path = format!("/appointments/{id}/cancel");
    for (body, pointer) in [
        (json!({ "reasonCode": "patient request" }), "/reasonCode"),
        (json!({ "reasonCode": "" }), "/reasonCode"),
        (json!({ "reasonCode": "X".repeat(65) }), "/reasonCode"),
        (json!({ "reason": "" }), "/reason"),
        (json!({ "why": "" }), "/why"),
    ] {
        assert_eq!(
            hospital.desk().post(&path, body).await.pointers(),
            [pointer]
        );
    }
    let cancelled = hospital
        .desk()
        .post(
            &path,
            json!({ "reasonCode": "TRANSPORT", "reason": "No bus" }),
        )
        .await;
    assert_eq!(
        cancelled.body["cancellation"],
        json!({ "reasonCode": "TRANSPORT", "reason": "No bus", "by": "STAFF" })
    );
    hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.verify().await;
}

#[tokio::test]
async fn patients_change_their_own_until_two_hours_before() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let (patient, stranger) = (hospital.patient(), hospital.patient());
    let id = hospital.booked(patient, practitioner, at(2, 9, 0)).await;
    let cancel = format!("/appointments/{id}/cancel");
    assert_eq!(
        hospital
            .api
            .as_patient(stranger)
            .post(&cancel, json!({}))
            .await
            .status,
        404
    );
    assert_eq!(
        hospital
            .api
            .as_patient(patient)
            .post(&format!("/appointments/{id}/confirm"), Value::Null)
            .await
            .status,
        200
    );
    hospital.clock.advance(minutes(61));
    let late = hospital
        .api
        .as_patient(patient)
        .post(&cancel, json!({}))
        .await;
    assert_eq!((late.status.as_u16(), late.code()), (409, Some("TOO_LATE")));
    let moved = json!({ "start": at(2, 12, 0), "end": at(2, 12, 30) });
    let late = hospital
        .api
        .as_patient(patient)
        .post(&format!("/appointments/{id}/reschedule"), moved)
        .await;
    assert_eq!(late.code(), Some("TOO_LATE"));
    let cancelled = hospital.desk().post(&cancel, json!({})).await;
    assert_eq!(cancelled.body["cancellation"]["by"], "STAFF");

    let other = hospital.booked(patient, practitioner, at(2, 14, 0)).await;
    let cancelled = hospital
        .api
        .as_patient(patient)
        .post(&format!("/appointments/{other}/cancel"), json!({}))
        .await;
    assert_eq!(
        cancelled.body["cancellation"],
        json!({ "reasonCode": "PATIENT_REQUEST", "by": "PATIENT" })
    );
}

#[tokio::test]
async fn whoever_did_not_come_is_noted_and_that_can_be_taken_back() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let (absent, present) = (hospital.patient(), hospital.patient());
    let missed = hospital.booked(absent, practitioner, at(2, 9, 0)).await;
    let kept = hospital.booked(present, practitioner, at(2, 9, 30)).await;
    hospital.settle().await;
    assert_eq!(
        step(&hospital, &kept, "check-in").await.as_deref(),
        Ok("CHECKED_IN")
    );
    let mark = async || {
        galen_scheduling::jobs::no_show::mark_missed(
            &hospital.platform.db,
            &hospital.service.settings,
        )
        .await
    };
    hospital
        .clock
        .advance(SignedDuration::from_mins(3 * 60 + 59));
    assert_eq!(
        mark().await.ok(),
        Some(0),
        "within the grace nobody is missed"
    );
    hospital.clock.advance(minutes(1));
    assert_eq!(mark().await.ok(), Some(1));
    assert_eq!(mark().await.ok(), Some(0), "once is enough");
    assert_eq!(hospital.appointment(&missed).await["status"], "NO_SHOW");
    assert_eq!(hospital.appointment(&kept).await["status"], "CHECKED_IN");
    assert!(
        hospital
            .told(&missed)
            .await
            .contains(&"appointment-missed".to_owned())
    );
    hospital.verify().await;
    assert_eq!(
        step(&hospital, &missed, "revert-no-show").await.as_deref(),
        Ok("CHECKED_IN")
    );
    assert_eq!(
        mark().await.ok(),
        Some(0),
        "who was there after all stays there"
    );
    hospital.verify().await;
    assert_eq!(
        hospital
            .api
            .as_role(Role::Doctor)
            .post(&format!("/appointments/{missed}/start"), Value::Null)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_no_show_cannot_be_taken_back_when_the_time_has_gone_to_somebody_else() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let missed = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.settle().await;
    hospital.clock.advance(SignedDuration::from_hours(3));
    assert_eq!(
        step(&hospital, &missed, "no-show").await.as_deref(),
        Ok("NO_SHOW")
    );
    let desk = hospital.desk();
    let taken = crate::hospital::order(hospital.patient(), practitioner, at(2, 9, 10), 15);
    assert_eq!(desk.post("/appointments", taken).await.status, 201);
    assert_eq!(
        step(&hospital, &missed, "revert-no-show").await,
        Err("SLOT_TAKEN".to_owned())
    );
    hospital.verify().await;
}

#[tokio::test]
async fn hundreds_of_no_shows_are_marked_in_batches() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.register("Cardiology").await;
    let pool = hospital.platform.db.pool();
    sqlx::query(
        "with made as (
             insert into appointment (id, patient_id, practitioner_id, start_at, end_at, service_type, payment_mode, status, booked_at)
             select gen_random_uuid(), gen_random_uuid(), $1, t, t + interval '5 minutes', 'FOLLOW_UP', 'SELF_PAY', 'BOOKED', t
             from generate_series(timestamptz '2026-02-01 00:00Z', timestamptz '2026-02-05 00:00Z', interval '5 minutes') t
             returning id, patient_id, practitioner_id, start_at, end_at
         )
         insert into claim (id, kind, practitioner_id, patient_id, start_at, end_at)
         select id, 'APPOINTMENT', practitioner_id, patient_id, start_at, end_at from made",
    )
    .bind(practitioner.uuid())
    .execute(pool)
    .await
    .expect("old bookings");
    let (one, two) = tokio::join!(
        galen_scheduling::jobs::no_show::mark_missed(
            &hospital.platform.db,
            &hospital.service.settings
        ),
        galen_scheduling::jobs::no_show::mark_missed(
            &hospital.platform.db,
            &hospital.service.settings
        )
    );
    let marked = one.expect("marked") + two.expect("marked");
    let rest = galen_scheduling::jobs::no_show::mark_missed(
        &hospital.platform.db,
        &hospital.service.settings,
    )
    .await
    .expect("marked");
    assert_eq!(marked + rest, 1153);
    hospital.verify().await;
}

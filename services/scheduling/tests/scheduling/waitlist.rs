//! Waiting for a time to become free.

use futures::future::join_all;
use galen_contracts::ids::{PatientId, PractitionerId};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::hospital::{Hospital, at, minutes};

async fn join(hospital: &Hospital, patient: PatientId, wish: Value) -> String {
    let mut entry = json!({
        "patientId": patient, "serviceType": "CONSULTATION",
        "earliest": at(2, 0, 0), "latest": at(3, 0, 0),
    });
    entry
        .as_object_mut()
        .expect("an object")
        .extend(wish.as_object().expect("an object").clone());
    let joined = hospital.desk().post("/waitlist", entry).await;
    assert_eq!(joined.status, 201, "{}", joined.body);
    assert_eq!(joined.body["status"], "WAITING");
    hospital.clock.advance(SignedDuration::from_millis(1));
    joined.body["id"].as_str().expect("an id").to_owned()
}

async fn entry(hospital: &Hospital, id: &str) -> Value {
    hospital.desk().get(&format!("/waitlist/{id}")).await.body
}

async fn status(hospital: &Hospital, id: &str) -> String {
    entry(hospital, id).await["status"]
        .as_str()
        .expect("a status")
        .to_owned()
}

/// A full day: one appointment that will be cancelled.
async fn full(hospital: &Hospital) -> (PractitionerId, String) {
    let practitioner = hospital.practitioner().await;
    let booked = hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.settle().await;
    (practitioner, booked)
}

async fn cancel(hospital: &Hospital, id: &str) {
    let cancelled = hospital
        .desk()
        .post(&format!("/appointments/{id}/cancel"), json!({}))
        .await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    hospital.settle().await;
}

#[tokio::test]
async fn a_freed_time_is_offered_kept_and_booked() {
    let hospital = Hospital::open().await;
    let (practitioner, booked) = full(&hospital).await;
    let patient = hospital.patient();
    let id = join(
        &hospital,
        patient,
        json!({ "practitionerId": practitioner }),
    )
    .await;
    cancel(&hospital, &booked).await;
    let offered = entry(&hospital, &id).await;
    assert_eq!(offered["status"], "OFFERED");
    assert_eq!(offered["offer"]["start"], json!(at(2, 9, 0)));
    assert_eq!(hospital.told(&id).await, ["slot-offered"]);
    let other = hospital
        .book(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    assert_eq!(other.code(), Some("SLOT_TAKEN"), "what is offered is kept");
    hospital.verify().await;

    let accepted = hospital
        .api
        .as_patient(patient)
        .post(&format!("/waitlist/{id}/accept"), Value::Null)
        .await;
    assert_eq!(accepted.status, 201, "{}", accepted.body);
    assert_eq!(
        (&accepted.body["patientId"], &accepted.body["start"]),
        (&json!(patient), &json!(at(2, 9, 0)))
    );
    let done = entry(&hospital, &id).await;
    assert_eq!(
        (&done["status"], &done["appointmentId"]),
        (&json!("BOOKED"), &accepted.body["id"])
    );
    let again = hospital
        .desk()
        .post(&format!("/waitlist/{id}/accept"), Value::Null)
        .await;
    assert_eq!(again.code(), Some("INVALID_TRANSITION"));
    hospital.pass(SignedDuration::from_hours(1)).await;
    assert_eq!(status(&hospital, &id).await, "BOOKED");
    hospital.verify().await;
}

#[tokio::test]
async fn first_come_first_asked_and_the_next_when_nobody_answers() {
    let hospital = Hospital::open().await;
    let (practitioner, booked) = full(&hospital).await;
    let first = join(
        &hospital,
        hospital.patient(),
        json!({ "specialty": "cardiology" }),
    )
    .await;
    let second = join(
        &hospital,
        hospital.patient(),
        json!({ "practitionerId": practitioner }),
    )
    .await;
    let third = join(
        &hospital,
        hospital.patient(),
        json!({ "specialty": "CARDIOLOGY" }),
    )
    .await;
    cancel(&hospital, &booked).await;
    let all = async || {
        let mut all = Vec::new();
        for id in [&first, &second, &third] {
            all.push(status(&hospital, id).await);
        }
        all
    };
    assert_eq!(all().await, ["OFFERED", "WAITING", "WAITING"]);
    hospital.pass(minutes(30)).await;
    assert_eq!(all().await, ["EXPIRED", "OFFERED", "WAITING"]);
    assert_eq!(
        hospital.told(&first).await,
        ["slot-offered", "slot-offer-expired"]
    );
    let late = hospital
        .desk()
        .post(&format!("/waitlist/{first}/accept"), Value::Null)
        .await;
    assert_eq!(late.code(), Some("INVALID_TRANSITION"));
    let declined = hospital
        .desk()
        .post(&format!("/waitlist/{second}/decline"), Value::Null)
        .await;
    assert_eq!(
        (declined.status.as_u16(), &declined.body["status"]),
        (200, &json!("WAITING"))
    );
    assert_eq!(
        all().await,
        ["EXPIRED", "WAITING", "OFFERED"],
        "who declined is not asked about the same time again"
    );
    assert_eq!(
        hospital
            .desk()
            .delete(&format!("/waitlist/{third}"))
            .await
            .status,
        204
    );
    assert_eq!(all().await, ["EXPIRED", "WAITING", "WITHDRAWN"]);
    hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.verify().await;
}

#[tokio::test]
async fn an_offer_that_is_over_cannot_be_accepted_even_before_anybody_cleans_up() {
    let hospital = Hospital::open().await;
    let (practitioner, booked) = full(&hospital).await;
    let id = join(
        &hospital,
        hospital.patient(),
        json!({ "practitionerId": practitioner }),
    )
    .await;
    cancel(&hospital, &booked).await;
    hospital.clock.advance(minutes(30));
    let late = hospital
        .desk()
        .post(&format!("/waitlist/{id}/accept"), Value::Null)
        .await;
    assert!(
        matches!(late.code(), Some("OFFER_EXPIRED" | "INVALID_TRANSITION")),
        "{}",
        late.body
    );
    hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    hospital.settle().await;
    hospital.verify().await;
}

#[tokio::test]
async fn only_who_has_room_for_it_is_asked() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let patient = hospital.patient();
    let wish = json!({
        "patientId": patient, "practitionerId": practitioner, "serviceType": "CONSULTATION", "paymentMode": "SELF_PAY",
        "start": at(2, 9, 0), "end": at(2, 10, 0),
    });
    let booked = hospital.desk().post("/appointments", wish).await.body["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    hospital.settle().await;
    let stranger = hospital.register("Dermatology").await;
    let busy = hospital.patient();
    let elsewhere = hospital.practitioner().await;
    hospital.booked(busy, elsewhere, at(2, 9, 0)).await;
    hospital.booked(busy, elsewhere, at(2, 9, 30)).await;
    let too_long = join(
        &hospital,
        hospital.patient(),
        json!({ "practitionerId": practitioner, "serviceType": "SURGERY" }),
    )
    .await;
    let other = join(
        &hospital,
        hospital.patient(),
        json!({ "practitionerId": stranger }),
    )
    .await;
    let occupied = join(&hospital, busy, json!({ "practitionerId": practitioner })).await;
    let tomorrow =
        json!({ "practitionerId": practitioner, "earliest": at(3, 0, 0), "latest": at(4, 0, 0) });
    let tomorrow = join(&hospital, hospital.patient(), tomorrow).await;
    let half_past = json!({ "practitionerId": practitioner, "earliest": at(2, 9, 20), "serviceType": "FOLLOW_UP" });
    let half_past = join(&hospital, hospital.patient(), half_past).await;
    let short = join(
        &hospital,
        hospital.patient(),
        json!({ "practitionerId": practitioner, "serviceType": "VACCINATION" }),
    )
    .await;
    cancel(&hospital, &booked).await;
    for id in [&too_long, &other, &occupied, &tomorrow] {
        assert_eq!(status(&hospital, id).await, "WAITING");
    }
    let offer = entry(&hospital, &half_past).await["offer"].clone();
    assert_eq!(
        (&offer["start"], &offer["end"]),
        (&json!(at(2, 9, 20)), &json!(at(2, 9, 35)))
    );
    let offer = entry(&hospital, &short).await["offer"].clone();
    assert_eq!(
        (&offer["start"], &offer["end"]),
        (&json!(at(2, 9, 0)), &json!(at(2, 9, 10))),
        "what is left is offered on"
    );
    hospital.verify().await;
}

#[tokio::test]
async fn a_hold_that_expires_and_an_appointment_that_moves_free_time_as_well() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let hold = json!({ "practitionerId": practitioner, "start": at(2, 9, 0), "end": at(2, 9, 30), "serviceType": "CONSULTATION" });
    assert_eq!(hospital.desk().post("/slots/hold", hold).await.status, 201);
    let booked = hospital
        .booked(hospital.patient(), practitioner, at(2, 11, 0))
        .await;
    let first = join(
        &hospital,
        hospital.patient(),
        json!({ "practitionerId": practitioner }),
    )
    .await;
    let second = join(
        &hospital,
        hospital.patient(),
        json!({ "practitionerId": practitioner }),
    )
    .await;
    hospital.pass(minutes(5)).await;
    assert_eq!(
        entry(&hospital, &first).await["offer"]["start"],
        json!(at(2, 9, 0))
    );
    let wish = json!({ "start": at(2, 14, 0), "end": at(2, 14, 30) });
    assert_eq!(
        hospital
            .desk()
            .post(&format!("/appointments/{booked}/reschedule"), wish)
            .await
            .status,
        201
    );
    hospital.settle().await;
    assert_eq!(
        entry(&hospital, &second).await["offer"]["start"],
        json!(at(2, 11, 0))
    );
    hospital.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_answers_to_one_offer_one_counts() {
    let hospital = Hospital::open().await;
    let (practitioner, booked) = full(&hospital).await;
    let id = join(
        &hospital,
        hospital.patient(),
        json!({ "practitionerId": practitioner }),
    )
    .await;
    cancel(&hospital, &booked).await;
    let desk = hospital.desk();
    let answers = (0..20).map(|n| {
        let (desk, verb) = (desk.clone(), if n % 2 == 0 { "accept" } else { "decline" });
        let path = format!("/waitlist/{id}/{verb}");
        async move { desk.post(&path, Value::Null).await }
    });
    let replies = join_all(answers).await;
    assert_eq!(
        replies
            .iter()
            .filter(|reply| reply.status.is_success())
            .count(),
        1
    );
    assert!(
        replies
            .iter()
            .all(|reply| matches!(reply.status.as_u16(), 200 | 201 | 409 | 412)),
        "{replies:?}"
    );
    hospital.settle().await;
    hospital.verify().await;
}

#[tokio::test]
async fn who_waited_too_long_waits_no_longer() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let id = join(
        &hospital,
        hospital.patient(),
        json!({ "practitionerId": practitioner, "latest": at(2, 12, 0) }),
    )
    .await;
    hospital.clock.advance(SignedDuration::from_hours(7));
    let end = async || {
        galen_scheduling::jobs::overdue::end_overdue(&hospital.platform.db)
            .await
            .ok()
    };
    assert_eq!((end().await, end().await), (Some(1), Some(0)));
    assert_eq!(status(&hospital, &id).await, "EXPIRED");
}

#[tokio::test]
async fn wishes_are_checked_and_lists_are_in_the_order_of_the_queue() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let (patient, other) = (hospital.patient(), hospital.patient());
    let good = json!({
        "patientId": patient, "specialty": "Cardiology", "serviceType": "CONSULTATION",
        "earliest": at(2, 0, 0), "latest": at(3, 0, 0),
    });
    for (field, value, pointer) in [
        ("practitionerId", json!(practitioner), "/practitionerId"),
        ("specialty", Value::Null, "/practitionerId"),
        ("specialty", json!(" "), "/specialty"),
        ("latest", json!(at(1, 0, 0)), "/latest"),
        ("latest", json!(at(2, 6, 20)), "/latest"),
        ("latest", json!("2031-01-01T00:00:00Z"), "/latest"),
        ("patientId", json!(hospital.clock.uuid()), "/patientId"),
    ] {
        let mut wish = good.clone();
        wish[field] = value;
        let refused = hospital.desk().post("/waitlist", wish.clone()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.pointers()),
            (400, vec![pointer]),
            "{wish} {}",
            refused.body
        );
    }
    let mut ids = Vec::new();
    for n in 0..5 {
        let who = if n % 2 == 0 { patient } else { other };
        ids.push(join(&hospital, who, json!({ "specialty": "Cardiology" })).await);
    }
    let names = |body: &Value| -> Vec<String> {
        body["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let first = hospital
        .desk()
        .get("/waitlist?specialty=cardiology&limit=3")
        .await
        .body;
    assert_eq!(names(&first), ids[..3]);
    let cursor = first["nextCursor"].as_str().expect("more");
    let rest = hospital
        .desk()
        .get(&format!(
            "/waitlist?specialty=cardiology&limit=3&cursor={cursor}"
        ))
        .await
        .body;
    assert_eq!(
        (names(&rest), &rest["nextCursor"]),
        (ids[3..].to_vec(), &Value::Null)
    );
    let own = hospital.api.as_patient(other).get("/waitlist").await.body;
    assert_eq!(names(&own), [ids[1].clone(), ids[3].clone()]);
    let none = hospital.desk().get("/waitlist?status=OFFERED").await.body;
    assert_eq!(names(&none), Vec::<String>::new());
    let stranger = hospital.api.as_patient(other);
    for reply in [
        stranger
            .get(&format!("/waitlist?patientId={patient}"))
            .await,
        stranger.get(&format!("/waitlist/{}", ids[0])).await,
        stranger.delete(&format!("/waitlist/{}", ids[0])).await,
        stranger
            .post(&format!("/waitlist/{}/accept", ids[0]), Value::Null)
            .await,
        stranger
            .post(&format!("/waitlist/{}/decline", ids[0]), Value::Null)
            .await,
    ] {
        assert_eq!(reply.status, 404);
    }
}

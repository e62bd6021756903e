//! Leave: asked for, decided by somebody else, withdrawn.

use galen_access::{Principal, Role};
use galen_contracts::convert::to_wire;
use galen_contracts::scheduling::v1::OpenAppointment;
use galen_contracts::staff::v1::{LeaveApproved, LeaveWithdrawn};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tonic::Status;
use uuid::Uuid;

use crate::hospital::{Hospital, all, at, id_of};

const START: &str = "2025-03-10T00:00:00Z";
const END: &str = "2025-03-15T00:00:00Z";

fn wish() -> Value {
    json!({ "start": START, "end": END, "kind": "SICK", "reason": "A cold,\nprobably." })
}

fn appointment(patient: Uuid) -> OpenAppointment {
    OpenAppointment {
        appointment_id: Uuid::now_v7().to_string(),
        patient_id: patient.to_string(),
        start: Some(to_wire(at("2025-03-11T09:00:00Z"))),
        end: Some(to_wire(at("2025-03-11T09:30:00Z"))),
        service_type: "CONSULTATION".into(),
        status: "BOOKED".into(),
    }
}

#[tokio::test]
async fn an_approval_lists_the_appointments_it_touches() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let base = format!("/practitioners/{id}/leaves");
    let requested = hospital.doctor(&id).post(&base, wish()).await;
    let leave = id_of(&requested);
    assert_eq!(
        (requested.body["status"].as_str(), requested.header("etag")),
        (Some("REQUESTED"), Some("\"1\""))
    );
    assert_eq!(requested.body["reason"], "A cold,\nprobably.");
    assert_eq!(
        hospital.admin().get(&format!("{base}/{leave}")).await.body,
        requested.body
    );

    let patient = Uuid::now_v7();
    hospital.schedule.answer(Ok(vec![appointment(patient)]));
    let approved = hospital
        .admin()
        .if_match(1)
        .post(&format!("{base}/{leave}/approve"), Value::Null)
        .await;
    assert_eq!(
        (approved.status, approved.header("etag")),
        (StatusCode::OK, Some("\"2\"")),
        "{}",
        approved.body
    );
    assert_eq!(approved.body["leave"]["status"], "APPROVED");
    let touched = &approved.body["touchedAppointments"];
    assert_eq!(touched.as_array().map(Vec::len), Some(1));
    assert_eq!(touched[0]["patientId"], json!(patient));
    assert_eq!(touched[0]["start"], "2025-03-11T09:00:00Z");
    assert_eq!(
        (
            touched[0]["serviceType"].as_str(),
            touched[0]["status"].as_str()
        ),
        (Some("CONSULTATION"), Some("BOOKED"))
    );

    let told: Vec<LeaveApproved> = hospital.events(&id).await;
    let expected = LeaveApproved {
        practitioner_id: id,
        leave_id: leave,
        start: Some(to_wire(at(START))),
        end: Some(to_wire(at(END))),
    };
    assert_eq!(told, [expected]);
}

#[tokio::test]
async fn could_not_ask_is_not_nothing_touched() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let leave = hospital.leave(&id, START, END).await;
    let path = format!("/practitioners/{id}/leaves/{leave}");
    let desk = hospital.admin().key("approval");

    let unreadable = OpenAppointment {
        patient_id: "somebody".into(),
        ..appointment(Uuid::now_v7())
    };
    for answer in [
        Err(Status::unavailable("away")),
        Err(Status::internal("broken")),
        Ok(vec![unreadable]),
    ] {
        hospital.schedule.answer(answer);
        let refused = desk.post(&format!("{path}/approve"), Value::Null).await;
        assert_eq!(
            refused.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{}",
            refused.body
        );
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!(
        hospital.admin().get(&path).await.body["status"],
        "REQUESTED"
    );
    assert!(hospital.events::<LeaveApproved>(&id).await.is_empty());

    hospital.schedule.answer(Ok(Vec::new()));
    let approved = desk.post(&format!("{path}/approve"), Value::Null).await;
    assert_eq!(approved.status, StatusCode::OK);
    hospital
        .schedule
        .answer(Err(Status::unavailable("away again")));
    let again = desk.post(&format!("{path}/approve"), Value::Null).await;
    assert_eq!(
        (again.status, again.bytes),
        (StatusCode::OK, approved.bytes),
        "the same key, the same answer"
    );
    let late = hospital
        .admin()
        .post(&format!("{path}/approve"), Value::Null)
        .await;
    assert_eq!(
        late.code(),
        Some("LEAVE_NOT_REQUESTED"),
        "scheduling need not be asked to know that"
    );
}

#[tokio::test]
async fn active_leaves_do_not_overlap() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let base = format!("/practitioners/{id}/leaves");
    let leave = hospital.leave(&id, START, END).await;
    let admin = hospital.admin();
    assert_eq!(
        admin.post(&base, wish()).await.code(),
        Some("LEAVE_OVERLAP")
    );
    hospital.leave(&id, END, "2025-03-20T00:00:00Z").await;
    assert_eq!(
        admin
            .post(&format!("{base}/{leave}/reject"), Value::Null)
            .await
            .body["status"],
        "REJECTED"
    );
    id_of(&admin.post(&base, wish()).await);

    let refused = admin
        .post(
            &base,
            json!({ "start": END, "end": START, "kind": "SICK", "reason": "a\u{7}" }),
        )
        .await;
    assert_eq!(
        (refused.status, refused.pointers()),
        (StatusCode::BAD_REQUEST, vec!["/reason", "/end"])
    );
}

#[tokio::test]
async fn of_many_overlapping_wishes_one_is_kept() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let base = format!("/practitioners/{id}/leaves");
    let admin = hospital.admin();
    let replies = futures::future::join_all((0..8).map(|_| admin.post(&base, wish()))).await;
    let kept = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::CREATED)
        .count();
    let refused = replies
        .iter()
        .filter(|reply| reply.code() == Some("LEAVE_OVERLAP"))
        .count();
    assert_eq!((kept, refused), (1, 7));
}

#[tokio::test]
async fn leave_is_ones_own_business() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let colleague = hospital.doctor(&hospital.practitioner("Öztürk").await);
    let base = format!("/practitioners/{id}/leaves");
    let leave = hospital.leave(&id, START, END).await;
    let path = format!("{base}/{leave}");

    assert_eq!(
        colleague.post(&base, wish()).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(colleague.get(&base).await.status, StatusCode::NOT_FOUND);
    assert_eq!(colleague.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        colleague
            .post(&format!("{path}/withdraw"), Value::Null)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    for decision in ["approve", "reject"] {
        assert_eq!(
            colleague
                .post(&format!("{path}/{decision}"), Value::Null)
                .await
                .status,
            StatusCode::FORBIDDEN
        );
    }
    let desk = hospital.api.as_role(Role::Receptionist);
    assert_eq!(desk.get(&base).await.status, StatusCode::FORBIDDEN);

    let seen = |view: &Value| view.get("kind").is_some();
    assert!(seen(&hospital.doctor(&id).get(&path).await.body));
    assert!(seen(&hospital.admin().get(&base).await.body["items"][0]));
    let audited = hospital.api.as_role(Role::Auditor).get(&path).await;
    assert_eq!(
        (audited.status, seen(&audited.body)),
        (StatusCode::OK, false),
        "when, but not why"
    );
}

#[tokio::test]
async fn nobody_decides_on_their_own_leave() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let leave = hospital.leave(&id, START, END).await;
    let by_token = hospital.admin_who_practises(&id);
    let by_account = hospital.api.as_role(Role::Admin);
    let Principal { user_id, .. } = by_account.principal();
    let linked = hospital
        .admin()
        .patch(
            &format!("/practitioners/{id}"),
            json!({ "userId": user_id.uuid() }),
        )
        .await;
    assert_eq!(linked.status, StatusCode::OK);

    hospital
        .schedule
        .answer(Err(Status::unavailable("need not be asked")));
    for caller in [by_token, by_account] {
        for decision in ["approve", "reject"] {
            let refused = caller
                .post(
                    &format!("/practitioners/{id}/leaves/{leave}/{decision}"),
                    Value::Null,
                )
                .await;
            assert_eq!(
                (refused.status, refused.code()),
                (StatusCode::FORBIDDEN, Some("OWN_LEAVE")),
                "{decision}"
            );
        }
    }
}

#[tokio::test]
async fn of_those_who_decide_at_the_same_time_one_does() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    for round in 0..10 {
        let start = at(START) + SignedDuration::from_hours(round * 24);
        let end = start + SignedDuration::from_hours(24);
        let leave = hospital
            .leave(&id, &start.to_string(), &end.to_string())
            .await;
        let path = format!("/practitioners/{id}/leaves/{leave}");
        let (admin, doctor) = (
            hospital.admin().if_match(1),
            hospital.doctor(&id).if_match(1),
        );
        let (approve, reject, withdraw) = (
            format!("{path}/approve"),
            format!("{path}/reject"),
            format!("{path}/withdraw"),
        );
        let (approved, rejected, withdrawn) = futures::join!(
            admin.post(&approve, Value::Null),
            admin.post(&reject, Value::Null),
            doctor.post(&withdraw, Value::Null),
        );
        let statuses = [approved.status, rejected.status, withdrawn.status];
        assert_eq!(
            statuses
                .iter()
                .filter(|status| **status == StatusCode::OK)
                .count(),
            1,
            "{statuses:?}"
        );
        let now = hospital.admin().get(&path).await;
        let expected = ["APPROVED", "REJECTED", "WITHDRAWN"][statuses
            .iter()
            .position(|status| *status == StatusCode::OK)
            .expect("one")];
        assert_eq!(
            (now.body["status"].as_str(), now.body["version"].as_i64()),
            (Some(expected), Some(2))
        );
        let told = hospital
            .events::<LeaveApproved>(&id)
            .await
            .iter()
            .any(|event| event.leave_id == leave);
        assert_eq!(told, approved.status == StatusCode::OK);
    }
}

#[tokio::test]
async fn without_a_version_a_decision_still_falls_once() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let leave = hospital.leave(&id, START, END).await;
    let path = format!("/practitioners/{id}/leaves/{leave}");
    let admin = hospital.admin();
    let decisions = (0..8).map(|n| {
        let (admin, path) = (
            admin.clone(),
            format!("{path}/{}", if n % 2 == 0 { "approve" } else { "reject" }),
        );
        async move { admin.post(&path, Value::Null).await }
    });
    let replies = futures::future::join_all(decisions).await;
    let decided = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::OK)
        .count();
    let late = replies
        .iter()
        .filter(|reply| reply.code() == Some("LEAVE_NOT_REQUESTED"))
        .count();
    assert_eq!((decided, late), (1, 7));
}

#[tokio::test]
async fn an_approved_leave_can_be_withdrawn_until_it_ends() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let (first, second) = (
        hospital.leave(&id, START, END).await,
        hospital.leave(&id, END, "2025-03-16T00:00:00Z").await,
    );
    let third = hospital
        .leave(&id, "2025-03-16T00:00:00Z", "2025-03-17T00:00:00Z")
        .await;
    let path = |leave: &str, verb: &str| format!("/practitioners/{id}/leaves/{leave}/{verb}");
    for leave in [&first, &second] {
        assert_eq!(
            hospital
                .admin()
                .post(&path(leave, "approve"), Value::Null)
                .await
                .status,
            StatusCode::OK
        );
    }
    hospital.clock.advance(SignedDuration::from_hours(12 * 24));
    let doctor = hospital.doctor(&id);
    assert_eq!(
        doctor
            .post(&path(&first, "withdraw"), Value::Null)
            .await
            .code(),
        Some("LEAVE_ENDED")
    );
    assert_eq!(
        doctor
            .post(&path(&second, "withdraw"), Value::Null)
            .await
            .body["status"],
        "WITHDRAWN"
    );
    assert_eq!(
        doctor
            .post(&path(&second, "withdraw"), Value::Null)
            .await
            .code(),
        Some("LEAVE_NOT_ACTIVE")
    );
    assert_eq!(
        doctor
            .post(&path(&third, "withdraw"), Value::Null)
            .await
            .status,
        StatusCode::OK
    );

    let told: Vec<LeaveWithdrawn> = hospital.events(&id).await;
    assert_eq!(
        told,
        [LeaveWithdrawn {
            practitioner_id: id.clone(),
            leave_id: second
        }],
        "nobody had heard of the third"
    );
}

#[tokio::test]
async fn leaves_are_listed_by_start_and_filtered() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let base = format!("/practitioners/{id}/leaves");
    let days: Vec<String> = (10..14)
        .map(|day| format!("2025-03-{day}T00:00:00Z"))
        .collect();
    for pair in days.windows(2).rev() {
        hospital.leave(&id, &pair[0], &pair[1]).await;
    }
    let admin = hospital.admin();
    let listed = admin.get(&base).await;
    assert_eq!(all(&listed, "start"), days[..3]);
    let first = listed.body["items"][0]["id"].as_str().expect("text");
    assert_eq!(
        admin
            .post(&format!("{base}/{first}/approve"), Value::Null)
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        all(
            &admin.get(&format!("{base}?status=APPROVED")).await,
            "start"
        ),
        days[..1]
    );
    assert_eq!(
        all(
            &admin
                .get(&format!(
                    "{base}?from=2025-03-11T00:00:00Z&to=2025-03-12T00:00:00Z"
                ))
                .await,
            "start"
        ),
        days[1..2]
    );
    let page = admin.get(&format!("{base}?limit=2")).await;
    let cursor = page.body["nextCursor"].as_str().expect("there is more");
    assert_eq!(
        all(
            &admin.get(&format!("{base}?cursor={cursor}")).await,
            "start"
        ),
        days[2..3]
    );
    let nobody = Uuid::nil();
    assert_eq!(
        admin
            .get(&format!("/practitioners/{nobody}/leaves"))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        admin.get(&format!("{base}/{nobody}")).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        admin
            .post(&format!("{base}/{nobody}/approve"), Value::Null)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

//! Answering scheduling's booking process, also while leave is being decided.

use std::sync::Arc;

use galen_contracts::Event as _;
use galen_contracts::convert::to_wire;
use galen_contracts::scheduling::v1::{PractitionerVerificationRequested, ServiceType};
use galen_contracts::staff::v1::PractitionerVerified;
use galen_eventing::{Backbone, Delivery, Failure, Handle as _, Publish as _, Received};
use galen_service::Service as _;
use galen_staff::leave::model::{Decision, LeaveId};
use galen_staff::reactions::verify_practitioner::VerifyPractitioner;
use galen_staff::{jobs, leave, practitioner};
use http::StatusCode;
use jiff::SignedDuration;
use prost::Message as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::hospital::{Hospital, at, practitioner_id};

fn question(practitioner: &str) -> PractitionerVerificationRequested {
    PractitionerVerificationRequested {
        practitioner_id: practitioner.to_owned(),
        process_id: Uuid::now_v7().to_string(),
        command_id: Uuid::now_v7().to_string(),
        start: Some(to_wire(at("2025-03-10T09:00:00Z"))),
        end: Some(to_wire(at("2025-03-10T09:30:00Z"))),
        service_type: ServiceType::Consultation.into(),
    }
}

/// Delivers a question as the subscription does: one transaction.
async fn deliver(
    hospital: &Hospital,
    event: PractitionerVerificationRequested,
) -> Result<(), Failure> {
    let meta = Received {
        id: hospital.clock.uuid(),
        topic: "scheduling".into(),
        partition: 0,
        offset: 1,
        key: event.practitioner_id.clone(),
        event_type: PractitionerVerificationRequested::TYPE.name.into(),
        at: hospital.clock.now(),
        trace: None,
        correlation_id: None,
        attempt: 1,
        replay: false,
        data: event.encode_to_vec(),
    };
    let mut tx = hospital.db.begin().await?;
    VerifyPractitioner
        .handle(
            &mut tx,
            Delivery {
                event,
                meta: Arc::new(meta),
            },
        )
        .await?;
    Ok(tx.commit().await?)
}

async fn working(hospital: &Hospital) -> String {
    let id = hospital.practitioner("Yılmaz").await;
    hospital
        .clinic(&id, "2025-03-10T08:00:00Z", "2025-03-10T16:00:00Z")
        .await;
    id
}

#[tokio::test]
async fn the_answer_names_the_process_that_asked() {
    let hospital = Hospital::open().await;
    let id = working(&hospital).await;
    let asked = question(&id);
    deliver(&hospital, asked.clone()).await.expect("answered");
    let told: Vec<PractitionerVerified> = hospital.events(&id).await;
    let expected = PractitionerVerified {
        practitioner_id: id,
        process_id: asked.process_id,
        command_id: asked.command_id,
        available: true,
        reason_code: String::new(),
    };
    assert_eq!(told, [expected]);
}

#[tokio::test]
async fn a_reason_comes_with_a_no() {
    let hospital = Hospital::open().await;
    let id = working(&hospital).await;
    let surgery = PractitionerVerificationRequested {
        service_type: ServiceType::Surgery.into(),
        ..question(&id)
    };
    deliver(&hospital, surgery).await.expect("answered");
    let nobody = Uuid::now_v7().to_string();
    deliver(&hospital, question(&nobody))
        .await
        .expect("answered");
    let reasons = async |who: &str| {
        hospital
            .events::<PractitionerVerified>(who)
            .await
            .into_iter()
            .map(|e| (e.available, e.reason_code))
            .collect::<Vec<_>>()
    };
    assert_eq!(reasons(&id).await, [(false, "OUTSIDE_SHIFT".to_owned())]);
    assert_eq!(reasons(&nobody).await, [(false, "UNKNOWN".to_owned())]);
}

#[tokio::test]
async fn a_repeated_command_is_answered_once() {
    let hospital = Hospital::open().await;
    let id = working(&hospital).await;
    let asked = question(&id);
    for _ in 0..3 {
        deliver(&hospital, asked.clone()).await.expect("handled");
    }
    assert_eq!(hospital.events::<PractitionerVerified>(&id).await.len(), 1);
    let repeats =
        futures::future::join_all((0..4).map(|_| deliver(&hospital, question(&id)))).await;
    assert!(repeats.iter().all(Result::is_ok));
    assert_eq!(
        hospital.events::<PractitionerVerified>(&id).await.len(),
        5,
        "other commands are other questions"
    );
}

#[tokio::test]
async fn what_scheduling_publishes_is_answered() {
    let hospital = Hospital::open().await;
    let id = working(&hospital).await;
    let mut backbone = Backbone::new(
        hospital.database.open_events().await,
        hospital.database.wake(),
    );
    for subscription in hospital.staff.subscriptions() {
        backbone.subscribe(&hospital.db, subscription);
    }
    let stop = CancellationToken::new();
    let running = backbone.run(stop.clone());

    let scheduling = hospital.database.open("scheduling").await;
    let mut tx = scheduling.begin().await.expect("the database is there");
    let asked = [question(&id), question(&id)];
    for question in &asked {
        tx.publish(question);
    }
    tx.commit().await.expect("committed");
    running.settle().await.expect("the database is there");

    let told: Vec<PractitionerVerified> = hospital.events(&id).await;
    let answered: Vec<(&str, bool)> = told
        .iter()
        .map(|answer| (answer.command_id.as_str(), answer.available))
        .collect();
    assert_eq!(
        answered,
        asked
            .each_ref()
            .map(|question| (question.command_id.as_str(), true))
    );
    stop.cancel();
    running.stopped().await;
}

#[tokio::test]
async fn what_cannot_be_read_will_never_be() {
    let hospital = Hospital::open().await;
    let id = working(&hospital).await;
    for wrong in [
        PractitionerVerificationRequested {
            command_id: "again".into(),
            ..question(&id)
        },
        PractitionerVerificationRequested {
            process_id: String::new(),
            ..question(&id)
        },
        PractitionerVerificationRequested {
            practitioner_id: "somebody".into(),
            ..question(&id)
        },
        PractitionerVerificationRequested {
            start: None,
            ..question(&id)
        },
        PractitionerVerificationRequested {
            end: question(&id).start,
            ..question(&id)
        },
        PractitionerVerificationRequested {
            service_type: 0,
            ..question(&id)
        },
    ] {
        let failed = deliver(&hospital, wrong.clone()).await;
        assert!(
            matches!(
                failed,
                Err(Failure::Permanent {
                    code: "MALFORMED",
                    ..
                })
            ),
            "{wrong:?}"
        );
    }
}

#[tokio::test]
async fn a_verification_waits_for_a_leave_that_is_being_approved() {
    let hospital = Hospital::open().await;
    let id = working(&hospital).await;
    let leave_id: LeaveId = hospital
        .leave(&id, "2025-03-10T00:00:00Z", "2025-03-11T00:00:00Z")
        .await
        .parse()
        .expect("an id");
    let practitioner = practitioner_id(&id);

    let mut approval = hospital.db.begin().await.expect("the database is there");
    practitioner::store::lock(&mut approval, practitioner)
        .await
        .expect("registered");
    let before = leave::store::get(&mut *approval, practitioner, leave_id)
        .await
        .expect("read")
        .expect("asked for");
    let after = before
        .approve(Decision {
            by: hospital.clock.id(),
            at: hospital.clock.now(),
        })
        .expect("waits");
    leave::store::update(&mut approval, &before, &after)
        .await
        .expect("written");

    let verification = deliver(&hospital, question(&id));
    let commit = async {
        let blocked = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and query like '%for share%' and datname = current_database())";
        let admin = sqlx::PgPool::connect_with(hospital.database.admin())
            .await
            .expect("the superuser may look");
        while !sqlx::query_scalar::<_, bool>(blocked)
            .fetch_one(&admin)
            .await
            .expect("looked")
        {
            tokio::task::yield_now().await;
        }
        approval.commit().await
    };
    let (verified, committed) = futures::join!(verification, commit);
    committed.expect("committed");
    verified.expect("answered");
    let told: Vec<PractitionerVerified> = hospital.events(&id).await;
    assert_eq!(
        (told[0].available, told[0].reason_code.as_str()),
        (false, "ON_LEAVE"),
        "decided on what is true after the wait"
    );
}

#[tokio::test]
async fn nobody_is_available_after_the_leave_was_approved() {
    let hospital = Hospital::open().await;
    for round in 0..20 {
        let id = working(&hospital).await;
        let leave = hospital
            .leave(&id, "2025-03-10T00:00:00Z", "2025-03-11T00:00:00Z")
            .await;
        let (admin, approve) = (
            hospital.admin(),
            format!("/practitioners/{id}/leaves/{leave}/approve"),
        );
        let questions = (0..3).map(|_| deliver(&hospital, question(&id)));
        let (approved, verified) = if round % 2 == 0 {
            futures::join!(
                admin.post(&approve, Value::Null),
                futures::future::join_all(questions)
            )
        } else {
            let (verified, approved) = futures::join!(
                futures::future::join_all(questions),
                admin.post(&approve, Value::Null)
            );
            (approved, verified)
        };
        assert_eq!(approved.status, StatusCode::OK);
        assert!(verified.iter().all(Result::is_ok));

        deliver(&hospital, question(&id)).await.expect("answered");
        let told = hospital.told(&id).await;
        let answers: Vec<PractitionerVerified> = hospital.events(&id).await;
        let approved_at = told
            .iter()
            .position(|event| event == "leave-approved")
            .expect("told");
        let answers_before = told[..approved_at]
            .iter()
            .filter(|event| *event == "practitioner-verified")
            .count();
        assert!(
            answers[..answers_before]
                .iter()
                .all(|answer| answer.available),
            "{told:?}"
        );
        assert!(
            answers[answers_before..]
                .iter()
                .all(|answer| !answer.available),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn old_answers_are_forgotten() {
    let hospital = Hospital::open().await;
    let id = working(&hospital).await;
    deliver(&hospital, question(&id)).await.expect("answered");
    hospital.clock.advance(SignedDuration::from_hours(89 * 24));
    assert_eq!(
        jobs::forget_answers::run(&hospital.staff).await.ok(),
        Some(0)
    );
    hospital.clock.advance(SignedDuration::from_hours(2 * 24));
    assert_eq!(
        jobs::forget_answers::run(&hospital.staff).await.ok(),
        Some(1)
    );
}

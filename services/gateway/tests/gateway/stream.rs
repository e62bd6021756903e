//! The live stream: who is told what, and that nothing is missed or told twice.

use std::collections::BTreeSet;

use galen_access::{Principal, Role};
use galen_contracts::Event as _;
use galen_contracts::identity::v1::{SessionsEnded, TokenReuseDetected, UserChanged};
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::{PatientDemographicsChanged, RecordEntryAdded};
use galen_contracts::scheduling::v1::{AppointmentBooked, ConfirmationRequested};
use galen_contracts::staff::v1::LeaveApproved;
use galen_service::Service as _;
use jiff::SignedDuration;

use crate::hospital::{Hospital, Told, booked, moved, publish};

fn types(told: &[Told]) -> Vec<&str> {
    told.iter().map(|told| told.event.as_str()).collect()
}

fn patients(told: &[Told]) -> Vec<&str> {
    told.iter()
        .map(|told| told.data["data"]["patientId"].as_str().unwrap())
        .collect()
}

/// What everybody is told: it is their own account.
fn reused(who: &Principal) -> TokenReuseDetected {
    TokenReuseDetected {
        user_id: who.user_id.to_string(),
        session_id: who.session_id.to_string(),
    }
}

#[tokio::test]
async fn a_new_stream_begins_now() {
    let hospital = Hospital::open().await;
    let (before, after): (PatientId, PatientId) = (hospital.clock.id(), hospital.clock.id());
    hospital.publish(&[moved(before)]).await;
    hospital.settle().await;

    let mut stream = hospital
        .follow(&hospital.somebody(Role::Receptionist))
        .await;
    hospital.publish(&[moved(after)]).await;
    let told = stream.next().await.unwrap();
    assert_eq!(told.event, PatientDemographicsChanged::TYPE.name);
    assert_eq!(told.data["id"], told.id.to_string());
    assert_eq!(told.data["type"], told.event);
    assert_eq!(told.data["subject"], after.to_string());
    assert_eq!(
        told.data["data"],
        serde_json::json!({ "patientId": after.to_string(), "fields": ["address"] })
    );
    assert!(told.data["at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn patients_are_told_of_their_own_only() {
    let hospital = Hospital::open().await;
    let (own, other): (PatientId, PatientId) = (hospital.clock.id(), hospital.clock.id());
    let mut stream = hospital.follow(&hospital.patient(own)).await;
    let without_record = hospital.somebody(Role::Patient);
    let mut nobody = hospital.follow(&without_record).await;

    hospital
        .publish(&[booked(&hospital.clock, other), booked(&hospital.clock, own)])
        .await;
    hospital.publish(&[moved(other)]).await;
    hospital.settle().await;
    hospital
        .publish(&[UserChanged {
            user_id: hospital.clock.uuid().to_string(),
        }])
        .await;
    hospital.settle().await;
    hospital.publish(&[moved(own)]).await;

    let told = stream.take(2).await;
    assert_eq!(
        types(&told),
        [
            AppointmentBooked::TYPE.name,
            PatientDemographicsChanged::TYPE.name
        ]
    );
    let appointment = &told[0].data["data"]["appointment"];
    assert_eq!(appointment["patientId"], own.to_string());
    assert_eq!(told[1].data["subject"], own.to_string());

    hospital.publish(&[reused(&without_record)]).await;
    let told = nobody.next().await.unwrap();
    assert_eq!(
        told.event,
        TokenReuseDetected::TYPE.name,
        "nothing else before it"
    );
}

#[tokio::test]
async fn staff_are_told_what_they_may_read() {
    let hospital = Hospital::open().await;
    let doctor_id = hospital.clock.id();
    let doctor = Principal {
        practitioner_id: Some(doctor_id),
        ..hospital.somebody(Role::Doctor)
    };
    let viewers = [
        hospital.somebody(Role::Receptionist),
        hospital.somebody(Role::Admin),
        hospital.somebody(Role::Operator),
        doctor,
        hospital.somebody(Role::Doctor),
        hospital.somebody(Role::Nurse),
    ];
    let mut streams = Vec::new();
    for who in &viewers {
        streams.push(hospital.follow(who).await);
    }

    let patient: PatientId = hospital.clock.id();
    hospital.care.begin(doctor_id, patient);
    let text = patient.to_string();
    hospital.publish(&[booked(&hospital.clock, patient)]).await;
    hospital.settle().await;
    hospital.publish(&[moved(hospital.clock.id())]).await;
    hospital.settle().await;
    hospital
        .publish(&[RecordEntryAdded {
            patient_id: text.clone(),
            ..RecordEntryAdded::default()
        }])
        .await;
    hospital.settle().await;
    let leave = LeaveApproved {
        practitioner_id: doctor_id.to_string(),
        ..LeaveApproved::default()
    };
    hospital.publish(&[leave]).await;
    hospital.settle().await;
    hospital
        .publish(&[ConfirmationRequested {
            patient_id: text,
            ..ConfirmationRequested::default()
        }])
        .await;
    hospital.settle().await;
    hospital
        .publish(&[UserChanged {
            user_id: hospital.clock.uuid().to_string(),
        }])
        .await;
    hospital.settle().await;

    let (appointment, record) = (AppointmentBooked::TYPE.name, RecordEntryAdded::TYPE.name);
    let other = PatientDemographicsChanged::TYPE.name;
    let (leave, step, account) = (
        LeaveApproved::TYPE.name,
        ConfirmationRequested::TYPE.name,
        UserChanged::TYPE.name,
    );
    let expected = [
        vec![appointment, other],
        vec![appointment, other, leave, step, account],
        vec![step, account],
        vec![appointment, record, leave],
        vec![appointment],
        vec![appointment, other, record],
    ];
    hospital.publish(&viewers.each_ref().map(reused)).await;
    for (mut stream, expected) in streams.into_iter().zip(expected) {
        assert_eq!(types(&stream.take(expected.len()).await), expected);
        let told = stream.next().await.unwrap();
        assert_eq!(
            told.event,
            TokenReuseDetected::TYPE.name,
            "nothing else before it"
        );
    }
}

#[tokio::test]
async fn everybody_is_told_what_happens_to_their_account() {
    let hospital = Hospital::open().await;
    let somebody = hospital.patient(hospital.clock.id());
    let mut stream = hospital.follow(&somebody).await;
    let other = hospital.somebody(Role::Patient);
    hospital.publish(&[reused(&other), reused(&somebody)]).await;
    assert_eq!(
        stream.next().await.unwrap().data["subject"],
        somebody.user_id.to_string()
    );
}

#[tokio::test]
async fn a_stream_resumes_behind_what_was_seen() {
    let hospital = Hospital::open().await;
    let desk = hospital.somebody(Role::Receptionist);
    let mut stream = hospital.follow(&desk).await;
    let ids: Vec<PatientId> = (0..6).map(|_| hospital.clock.id()).collect();
    let all: Vec<String> = ids.iter().map(ToString::to_string).collect();
    for id in &ids[..4] {
        hospital.publish(&[moved(*id)]).await;
        hospital.settle().await;
    }
    let seen = stream.take(2).await;
    drop(stream);
    for id in &ids[4..] {
        hospital.publish(&[moved(*id)]).await;
        hospital.settle().await;
    }
    let mut resumed = hospital.resume(&desk, Some(seen[1].id)).await;
    let told = [seen, resumed.take(4).await].concat();
    assert_eq!(patients(&told), all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_concurrent_writes_nothing_is_missed_or_told_twice() {
    const WRITERS: usize = 4;
    const EACH: usize = 60;
    let hospital = Hospital::open().await;
    let desk = hospital.somebody(Role::Receptionist);
    let mut stream = hospital.follow(&desk).await;

    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let clock = hospital.clock.clone();
        let (patients, scheduling) = (
            hospital.publisher::<PatientDemographicsChanged>(),
            hospital.publisher::<AppointmentBooked>(),
        );
        writers.spawn(async move {
            for n in 0..EACH {
                if (writer + n) % 2 == 0 {
                    publish(&patients, &[moved(clock.id())]).await;
                } else {
                    publish(&scheduling, &[booked(&clock, clock.id())]).await;
                }
            }
        });
    }

    // Disconnects after every few events, and resumes.
    let mut told: Vec<Told> = Vec::new();
    while told.len() < WRITERS * EACH {
        let some = (told.len() % 7 + 1).min(WRITERS * EACH - told.len());
        told.extend(stream.take(some).await);
        drop(stream);
        stream = hospital
            .resume(&desk, told.last().map(|told| told.id))
            .await;
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    hospital.settle().await;

    let ids: Vec<i64> = told.iter().map(|told| told.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "in order and never twice");
    let subjects: BTreeSet<&str> = told
        .iter()
        .map(|told| told.data["subject"].as_str().unwrap())
        .collect();
    assert_eq!(subjects.len(), WRITERS * EACH, "every event once");
    let recorded: Vec<i64> = sqlx::query_scalar("select id from stream_entry order by id")
        .fetch_all(hospital.db.pool())
        .await
        .unwrap();
    assert_eq!(ids, recorded);
}

#[tokio::test]
async fn who_is_far_behind_is_told_everything_in_order() {
    const MANY: usize = 2_500;
    let hospital = Hospital::open().await;
    let desk = hospital.somebody(Role::Receptionist);
    // Somebody follows, so that the newest entries are in memory and the others are not.
    let mut other = hospital.follow(&desk).await;
    let one: PatientId = hospital.clock.id();
    let events: Vec<_> = (0..MANY).map(|_| moved(one)).collect();
    hospital.publish(&events).await;
    hospital.settle().await;
    let live: Vec<i64> = other.take(MANY).await.iter().map(|told| told.id).collect();
    let mut behind = hospital.resume(&desk, Some(0)).await;
    let replayed: Vec<i64> = behind.take(MANY).await.iter().map(|told| told.id).collect();
    assert!(live.is_sorted_by(|a, b| a < b));
    assert_eq!(live, replayed);
}

#[tokio::test]
async fn an_id_that_cannot_be_resumed_behind_resets_the_stream() {
    let hospital = Hospital::open().await;
    let desk = hospital.somebody(Role::Receptionist);
    let mut stream = hospital.follow(&desk).await;
    hospital.publish(&[moved(hospital.clock.id())]).await;
    let old = stream.next().await.unwrap().id;

    hospital.clock.advance(SignedDuration::from_hours(25));
    hospital.publish(&[moved(hospital.clock.id())]).await;
    hospital.settle().await;
    let jobs = hospital.gateway.jobs();
    let forgets = jobs
        .iter()
        .find(|job| job.name() == "gateway.forget-stream-entries")
        .unwrap();
    assert_eq!(forgets.run_once().await.unwrap(), 1);
    assert_eq!(forgets.run_once().await.unwrap(), 0);

    let mut resumed = hospital.resume(&desk, Some(old)).await;
    let newest = resumed.next().await.unwrap();
    assert_eq!(
        newest.event,
        PatientDemographicsChanged::TYPE.name,
        "what was forgotten was seen"
    );

    let mut last = newest.id;
    for beyond in [None, Some(1), Some(999_999_999_999_999)] {
        let unknown = beyond.map_or(0, |beyond| last + beyond);
        let mut reset = hospital.resume(&desk, Some(unknown)).await;
        let first = reset.next().await.unwrap();
        assert_eq!(
            (first.event.as_str(), first.id),
            ("reset", last),
            "{unknown}"
        );
        let patient: PatientId = hospital.clock.id();
        hospital.publish(&[booked(&hospital.clock, patient)]).await;
        let next = reset.next().await.unwrap();
        assert_eq!(next.event, AppointmentBooked::TYPE.name, "and goes on");
        last = next.id;
    }
}

#[tokio::test]
async fn a_malformed_id_is_refused() {
    let hospital = Hospital::open().await;
    let desk = hospital.somebody(Role::Receptionist);
    for malformed in ["abc", "-1", "1.5", "9999999999999999999"] {
        let refusal = hospital.refusal(Some(&desk), Some(malformed)).await;
        assert_eq!(
            refusal,
            (400, "INVALID_LAST_EVENT_ID".to_owned()),
            "{malformed}"
        );
    }
}

#[tokio::test]
async fn who_may_not_follow_is_refused() {
    let hospital = Hospital::open().await;
    assert_eq!(
        hospital.refusal(None, None).await,
        (401, "UNAUTHENTICATED".to_owned())
    );
    let pharmacist = hospital.somebody(Role::Pharmacist);
    assert_eq!(
        hospital.refusal(Some(&pharmacist), None).await,
        (403, "FORBIDDEN".to_owned())
    );
}

#[tokio::test]
async fn the_number_of_streams_is_bounded() {
    let hospital = Hospital::open_with(&[
        ("gateway.streams", "3"),
        ("gateway.streams_per_account", "2"),
    ])
    .await;
    let (a, b) = (
        hospital.somebody(Role::Receptionist),
        hospital.somebody(Role::Nurse),
    );
    let (first, _second) = (hospital.follow(&a).await, hospital.follow(&a).await);
    assert_eq!(
        hospital.refusal(Some(&a), None).await,
        (429, "TOO_MANY_STREAMS".to_owned())
    );
    let _third = hospital.follow(&b).await;
    assert_eq!(
        hospital.refusal(Some(&b), None).await,
        (503, "OVERLOADED".to_owned())
    );
    drop(first);
    hospital.follow(&b).await;
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let hospital = Hospital::open().await;
    let here = hospital.somebody(Role::Receptionist);
    let elsewhere = Principal {
        session_id: hospital.clock.id(),
        ..here.clone()
    };
    let mut ended = hospital.follow(&here).await;
    let mut alive = hospital.follow(&elsewhere).await;
    hospital
        .publish(&[SessionsEnded {
            user_id: here.user_id.to_string(),
            session_ids: vec![here.session_id.to_string()],
        }])
        .await;
    let told = alive.next().await.unwrap();
    assert_eq!(told.event, SessionsEnded::TYPE.name);
    assert_eq!(ended.next().await, None);
    let (status, _) = hospital.refusal(Some(&here), None).await;
    assert_eq!(status, 401, "the token is refused everywhere");
}

#[tokio::test]
async fn a_stream_ends_with_the_token() {
    let hospital = Hospital::open().await;
    let mut stream = hospital
        .follow(&hospital.somebody(Role::Receptionist))
        .await;
    hospital.clock.advance(SignedDuration::from_mins(15));
    hospital.publish(&[moved(hospital.clock.id())]).await;
    assert!(stream.next().await.is_some(), "a little skew is forgiven");
    hospital.clock.advance(SignedDuration::from_secs(30));
    hospital.publish(&[moved(hospital.clock.id())]).await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn while_it_is_not_known_whom_somebody_cares_for_nothing_is_told_and_nothing_lost() {
    let hospital = Hospital::open().await;
    let (doctor_id, patient) = (hospital.clock.id(), hospital.clock.id());
    let doctor = Principal {
        practitioner_id: Some(doctor_id),
        ..hospital.somebody(Role::Doctor)
    };
    hospital.care.begin(doctor_id, patient);
    let mut stream = hospital.follow(&doctor).await;
    hospital.publish(&[moved(patient)]).await;
    let seen = stream.next().await.unwrap().id;

    hospital.care.is_away(true);
    hospital.publish(&[moved(patient)]).await;
    assert!(stream.is_cut_off().await);
    hospital.care.is_away(false);
    let mut stream = hospital.resume(&doctor, Some(seen)).await;
    assert!(seen < stream.next().await.unwrap().id);
}

//! How patients want to be told, and that it is kept.

use galen_access::Role;
use galen_contracts::patients::v1::{PatientDemographicsChanged, PatientErased, PatientsMerged};
use galen_contracts::scheduling::v1::AppointmentMissed;
use http::StatusCode;
use serde_json::json;
use std::sync::atomic::Ordering;

use crate::world::World;

#[tokio::test]
async fn preferences_are_everything_until_they_are_set() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let ada = world.api.as_patient(patient);
    let path = format!("/notification-preferences/{patient}");
    let first = ada.get(&path).await;
    let all = json!({ "email": true, "sms": true, "inApp": true });
    let expected = json!({
        "patientId": patient.to_string(), "language": null, "quietHours": null,
        "appointment": all, "reminder": all, "waitlist": all, "version": 0,
    });
    assert_eq!(first.body, expected);

    let wish = json!({
        "language": "de", "quietHours": { "from": "22:00", "to": "07:00" },
        "reminder": { "email": false },
    });
    let changed = ada.if_match(0).put(&path, wish.clone()).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    assert_eq!(changed.header("etag"), Some("\"1\""));
    assert_eq!(
        changed.body["reminder"],
        json!({ "email": false, "sms": true, "inApp": true })
    );
    assert_eq!(ada.get(&path).await.body, changed.body);
    assert_eq!(
        ada.if_match(0).put(&path, wish).await.status,
        StatusCode::PRECONDITION_FAILED
    );
    let reset = ada.put(&path, json!({})).await;
    assert_eq!(reset.body["reminder"], all);
}

#[tokio::test]
async fn preferences_are_the_patients_and_the_desks_only() {
    let world = World::new().await;
    let (ada, eve) = (world.patient("", "", ""), world.patient("", "", ""));
    let path = format!("/notification-preferences/{ada}");
    let other = world.api.as_patient(eve);
    assert_eq!(other.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        other.put(&path, json!({})).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        world.api.anonymous().get(&path).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        world.api.as_role(Role::Doctor).get(&path).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        world
            .api
            .as_role(Role::Receptionist)
            .get(&path)
            .await
            .status,
        StatusCode::OK
    );
    let nobody = format!("/notification-preferences/{}", world.clock.uuid());
    let desk = world.api.as_role(Role::Receptionist);
    assert_eq!(desk.get(&nobody).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        desk.put(&nobody, json!({})).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_wrong_wish_is_named_field_by_field() {
    let world = World::new().await;
    let patient = world.patient("", "", "");
    let ada = world.api.as_patient(patient);
    let path = format!("/notification-preferences/{patient}");
    let wish = json!({ "language": "German", "quietHours": { "from": "25:00", "to": "7" } });
    let reply = ada.put(&path, wish).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        reply.pointers(),
        ["/language", "/quietHours/from", "/quietHours/to"]
    );
    let same = json!({ "quietHours": { "from": "07:00", "to": "07:00" } });
    assert_eq!(ada.put(&path, same).await.pointers(), ["/quietHours/to"]);
    for wrong in [
        json!({ "sms": true }),
        json!({ "reminder": { "email": "no" } }),
        json!([]),
    ] {
        assert_eq!(ada.put(&path, wrong).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn preferences_can_be_asked_for_only_while_patients_answers() {
    let world = World::new().await;
    let patient = world.patient("", "", "");
    world.neighbours.down.store(true, Ordering::SeqCst);
    let path = format!("/notification-preferences/{patient}");
    let reply = world.api.as_patient(patient).get(&path).await;
    assert_eq!(
        reply.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "could not ask is not no"
    );
}

#[tokio::test]
async fn what_is_switched_off_is_not_sent() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let path = format!("/notification-preferences/{patient}");
    let ada = world.api.as_patient(patient);
    let silent = json!({ "appointment": { "email": false, "sms": false, "inApp": false } });
    assert_eq!(ada.put(&path, silent).await.status, StatusCode::OK);
    world
        .hears(AppointmentMissed {
            appointment: Some(world.appointment(patient, 1)),
        })
        .await;
    world.send().await;
    let message = world.message(patient).await;
    assert_eq!(
        (&message["status"], &message["reasonCode"]),
        (&"SUPPRESSED".into(), &"MUTED".into())
    );
    assert_eq!(world.mails().len(), 0);
}

#[tokio::test]
async fn quiet_hours_are_waited_for() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let path = format!("/notification-preferences/{patient}");
    let ada = world.api.as_patient(patient);
    // It is noon in Berlin.
    let quiet = json!({ "quietHours": { "from": "11:00", "to": "13:30" } });
    assert_eq!(ada.put(&path, quiet).await.status, StatusCode::OK);
    world
        .hears(AppointmentMissed {
            appointment: Some(world.appointment(patient, 1)),
        })
        .await;
    world.send().await;
    let message = world.message(patient).await;
    assert_eq!(
        (&message["status"], &message["attempts"]),
        (&"QUEUED".into(), &0.into())
    );
    assert_eq!(message["notBefore"], "2026-03-03T12:30:00Z");
    world.wait(1).await;
    assert_eq!(world.send().await, 0);
    world.wait(1).await;
    assert_eq!(world.send().await, 1);
    assert_eq!(world.message(patient).await["status"], "SENT");
}

#[tokio::test]
async fn a_changed_address_is_used_at_once() {
    let world = World::new().await;
    let patient = world.patient("old@example.org", "", "en");
    let missed = || AppointmentMissed {
        appointment: Some(world.appointment(patient, 1)),
    };
    for _ in 0..2 {
        world.hears(missed()).await;
        world.send().await;
    }
    assert_eq!(
        world.neighbours.contact_questions.load(Ordering::SeqCst),
        1,
        "asked once"
    );
    {
        let mut contacts = world.neighbours.contacts.lock().expect("no panics");
        contacts.get_mut(&patient.to_string()).expect("Ada").email = "new@example.org".to_owned();
    }
    world
        .hears(PatientDemographicsChanged {
            patient_id: patient.to_string(),
            fields: vec!["email".to_owned()],
        })
        .await;
    world.hears(missed()).await;
    world.send().await;
    let to_new = world
        .mails()
        .values()
        .filter(|m| m.contains("To: new@example.org"))
        .count();
    assert_eq!(to_new, 1);
}

#[tokio::test]
async fn what_waits_for_a_merged_record_is_told_to_the_surviving_one() {
    let world = World::new().await;
    let (retired, survivor) = (world.patient("", "", "en"), world.patient("", "", "en"));
    let appointment = Some(world.appointment(retired, 1));
    world.hears(AppointmentMissed { appointment }).await;
    world
        .hears(PatientsMerged {
            survivor_id: survivor.to_string(),
            retired_id: retired.to_string(),
            merge_id: world.clock.uuid().to_string(),
        })
        .await;
    world.send().await;
    assert_eq!(world.messages(retired).await.len(), 0);
    let seen = world.api.as_patient(survivor).get("/notifications").await;
    assert_eq!(seen.body["items"][0]["status"], "SENT");
}

#[tokio::test]
async fn who_was_erased_is_told_nothing_more_and_no_mail_stays() {
    let world = World::new().await;
    let (patient, other) = (
        world.patient("ada@example.org", "", "en"),
        world.patient("bob@example.org", "", "en"),
    );
    for told in [patient, other] {
        let appointment = Some(world.appointment(told, 1));
        world.hears(AppointmentMissed { appointment }).await;
    }
    let wish = json!({ "language": "de" });
    let path = format!("/notification-preferences/{patient}");
    let set = world.api.as_patient(patient).put(&path, wish).await;
    assert!(set.status.is_success(), "{}", set.body);
    world.send().await;
    assert_eq!(world.mails().len(), 2);
    let appointment = Some(world.appointment(patient, 1));
    world.hears(AppointmentMissed { appointment }).await;

    // It is heard again when the process ends in between.
    for _ in 0..2 {
        world
            .hears(PatientErased {
                patient_id: patient.to_string(),
            })
            .await;
    }
    world.send().await;
    let mails = world.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails.values().all(|mail| mail.contains("bob@example.org")));
    let statuses: Vec<_> = world
        .messages(patient)
        .await
        .iter()
        .map(|message| message["status"].clone())
        .collect();
    assert!(
        statuses.contains(&json!("SUPPRESSED")) && !statuses.contains(&json!("QUEUED")),
        "{statuses:?}"
    );
    let preferences = world.api.as_patient(patient).get(&path).await.body;
    assert_eq!(preferences["language"], json!(null));
}

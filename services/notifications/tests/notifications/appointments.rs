//! What happens to an appointment is told once, in the patient's words.

use galen_contracts::convert::to_wire;
use galen_contracts::scheduling::v1::Appointment;
use galen_contracts::scheduling::v1::{
    AppointmentBooked, AppointmentCancelled, AppointmentGroundRegained, AppointmentMissed,
    AppointmentNeedsReschedule, AppointmentRescheduled, ConfirmationRequested, NoShowReverted,
    SlotOffered,
};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::world::World;

fn confirmation(world: &World, appointment: &Appointment, command: Uuid) -> ConfirmationRequested {
    ConfirmationRequested {
        appointment_id: appointment.appointment_id.clone(),
        process_id: world.clock.uuid().to_string(),
        command_id: command.to_string(),
        patient_id: appointment.patient_id.clone(),
        practitioner_id: appointment.practitioner_id.clone(),
        start: appointment.start,
        end: appointment.end,
        service_type: appointment.service_type,
    }
}

#[tokio::test]
async fn a_confirmation_is_stored_once_and_answered_every_time() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "de");
    let appointment = world.appointment(patient, 48);
    let command = world.clock.uuid();
    for _ in 0..3 {
        world
            .hears(confirmation(&world, &appointment, command))
            .await;
    }
    let message = world.message(patient).await;
    assert_eq!(message["template"], "APPOINTMENT_CONFIRMATION");
    assert_eq!(message["status"], "QUEUED");
    let queued = world.heard.queued.lock().expect("no panics").clone();
    assert_eq!(queued.len(), 3);
    for answer in queued {
        assert_eq!(answer.message_id, message["id"].as_str().expect("an id"));
        assert_eq!(answer.command_id, command.to_string());
        assert_eq!(answer.appointment_id, appointment.appointment_id);
    }
}

#[tokio::test]
async fn a_confirmation_speaks_the_patients_language_and_the_hospitals_time() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "de-AT");
    let appointment = world.appointment(patient, 48);
    world
        .hears(confirmation(&world, &appointment, world.clock.uuid()))
        .await;
    assert_eq!(world.send().await, 1);
    let mails = world.mails();
    let (name, mail) = mails.first_key_value().expect("a mail");
    let message = world.message(patient).await;
    assert_eq!(
        *name,
        format!("{}.eml", message["id"].as_str().expect("an id"))
    );
    assert!(mail.contains("To: ada@example.org\r\n"), "{mail}");
    assert!(mail.contains("Guten Tag Ada Lovelace"), "{mail}");
    assert!(
        mail.contains("Donnerstag, 5. M=C3=A4rz 2026, 12:00 bis 12:30 Uhr"),
        "{mail}"
    );
    assert!(mail.contains("Elizabeth Blackwell"), "{mail}");
    assert_eq!(message["status"], "SENT");
    assert_eq!(message["locale"], "de");
    let sent = world.heard.sent.lock().expect("no panics").clone();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].channel, "EMAIL");
    assert_eq!(world.violations().await, Vec::<String>::new());
}

#[tokio::test]
async fn nothing_personal_is_stored() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "+4915112345678", "en");
    let appointment = world.appointment(patient, 48);
    world
        .hears(confirmation(&world, &appointment, world.clock.uuid()))
        .await;
    world.send().await;
    let stored = world.everything_stored().await;
    for personal in [
        "Ada",
        "Lovelace",
        "ada@example.org",
        "15112345678",
        "Blackwell",
    ] {
        assert!(!stored.contains(personal), "{personal} is stored");
    }
}

#[tokio::test]
async fn every_turn_of_an_appointment_has_its_text() {
    let world = World::new().await;
    let turns = |appointment: Appointment| {
        let cancelled = |by: &str, reason: &str| AppointmentCancelled {
            appointment: Some(appointment.clone()),
            cancelled_by: by.to_owned(),
            reason_code: reason.to_owned(),
        };
        (
            AppointmentBooked {
                appointment: Some(appointment.clone()),
                replaces_id: world.clock.uuid().to_string(),
            },
            AppointmentNeedsReschedule {
                appointment: Some(appointment.clone()),
                reason_code: "LEAVE".to_owned(),
            },
            cancelled("PATIENT", "PATIENT_REQUEST"),
            cancelled("SYSTEM", "PRACTITIONER_UNAVAILABLE"),
            cancelled("SYSTEM", "PATIENT_DEACTIVATED"),
            AppointmentMissed {
                appointment: Some(appointment.clone()),
            },
        )
    };
    let patient = world.patient("ada@example.org", "", "en");
    let (booked, moved, by_patient, by_hospital, closed, missed) =
        turns(world.appointment(patient, 72));
    world.hears(booked).await;
    world.hears(moved).await;
    assert_eq!(world.send().await, 2);
    world.hears(by_patient).await;
    world.hears(by_hospital).await;
    world.hears(closed).await;
    world.hears(missed).await;
    let mut texts: Vec<String> = world
        .messages(patient)
        .await
        .iter()
        .map(|m| m["template"].as_str().expect("a text").to_owned())
        .collect();
    texts.sort();
    let expected = [
        "APPOINTMENT_CANCELLED_BY_HOSPITAL",
        "APPOINTMENT_CANCELLED_BY_PATIENT",
        "APPOINTMENT_MISSED",
        "APPOINTMENT_NEEDS_RESCHEDULE",
        "APPOINTMENT_RESCHEDULED",
    ];
    assert_eq!(texts, expected);
    assert_eq!(world.send().await, 3);
    assert_eq!(world.mails().len(), 5);
}

#[tokio::test]
async fn a_no_show_that_is_taken_back_is_not_told() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let appointment = world.appointment(patient, 1);
    world
        .hears(AppointmentMissed {
            appointment: Some(appointment.clone()),
        })
        .await;
    world
        .hears(NoShowReverted {
            appointment: Some(appointment),
        })
        .await;
    let message = world.message(patient).await;
    assert_eq!(message["status"], "SUPPRESSED");
    assert_eq!(message["reasonCode"], "WITHDRAWN");
    assert_eq!(world.send().await, 0);
}

#[tokio::test]
async fn an_offer_is_told_while_it_lasts() {
    let world = World::new().await;
    let patient = world.patient("", "", "en");
    let offer = |minutes| {
        let appointment = world.appointment(patient, 24);
        SlotOffered {
            entry_id: world.clock.uuid().to_string(),
            patient_id: patient.to_string(),
            practitioner_id: appointment.practitioner_id,
            start: appointment.start,
            end: appointment.end,
            expires_at: Some(to_wire(
                world.clock.now() + SignedDuration::from_mins(minutes),
            )),
        }
    };
    let (short, long) = (offer(30), offer(120));
    world.hears(short.clone()).await;
    world.hears(long.clone()).await;
    world.wait(1).await;
    assert_eq!(world.send().await, 2);
    let messages = world.messages(patient).await;
    let about = |id: &str| {
        messages
            .iter()
            .find(|m| m["aboutId"] == id)
            .expect("a message")
    };
    assert_eq!(about(&short.entry_id)["reasonCode"], "EXPIRED");
    let told = about(&long.entry_id);
    assert_eq!(
        (&told["status"], &told["channel"]),
        (&"SENT".into(), &"IN_APP".into())
    );

    let own = world
        .api
        .as_patient(patient)
        .get("/notifications?status=SENT")
        .await;
    let content = &own.body["items"][0]["content"];
    assert_eq!(
        content["subject"],
        "An appointment on Wednesday, 4 March 2026 has become free"
    );
    let body = content["body"].as_str().expect("a body");
    assert!(
        body.contains("until Tuesday, 3 March 2026, 14:00"),
        "{body}"
    );
    assert_eq!(
        told["content"],
        serde_json::Value::Null,
        "staff see that, not what"
    );
}

#[tokio::test]
async fn a_moved_appointment_is_told_once_for_both_its_events() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let (old, new) = (
        world.appointment(patient, 48),
        world.appointment(patient, 72),
    );
    world
        .hears(AppointmentRescheduled {
            appointment: Some(old.clone()),
            replaced_by_id: new.appointment_id.clone(),
        })
        .await;
    world
        .hears(AppointmentBooked {
            appointment: Some(new),
            replaces_id: old.appointment_id,
        })
        .await;
    assert_eq!(
        world.message(patient).await["template"],
        "APPOINTMENT_RESCHEDULED"
    );
}

#[tokio::test]
async fn a_kind_of_appointment_that_is_not_known_yet_is_told_all_the_same() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let appointment = Appointment {
        service_type: 99,
        ..world.appointment(patient, 48)
    };
    world
        .hears(confirmation(&world, &appointment, world.clock.uuid()))
        .await;
    world.send().await;
    let mails = world.mails();
    let mail = mails.values().next().expect("a mail");
    assert!(mail.contains("For: appointment"), "{mail}");
}

#[tokio::test]
async fn an_appointment_that_stays_after_all_is_confirmed_to_who_was_told_otherwise() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let needs = |appointment: &Appointment| AppointmentNeedsReschedule {
        appointment: Some(appointment.clone()),
        reason_code: "LEAVE".to_owned(),
    };
    let regained = |appointment: &Appointment| AppointmentGroundRegained {
        appointment: Some(appointment.clone()),
    };
    let (told, not_told) = (
        world.appointment(patient, 48),
        world.appointment(patient, 72),
    );
    world.hears(needs(&told)).await;
    assert_eq!(world.send().await, 1);
    world.hears(regained(&told)).await;
    world.hears(needs(&not_told)).await;
    world.hears(regained(&not_told)).await;
    let messages = world.messages(patient).await;
    let about = |appointment: &Appointment| -> Vec<(String, String)> {
        let text =
            |m: &serde_json::Value, field: &str| m[field].as_str().expect("a text").to_owned();
        let mut found: Vec<_> = messages
            .iter()
            .filter(|m| m["aboutId"] == appointment.appointment_id.as_str())
            .map(|m| (text(m, "template"), text(m, "status")))
            .collect();
        found.sort();
        found
    };
    let pair = |template: &str, status: &str| (template.to_owned(), status.to_owned());
    let confirmed = pair("APPOINTMENT_CONFIRMATION", "QUEUED");
    assert_eq!(
        about(&told),
        [confirmed, pair("APPOINTMENT_NEEDS_RESCHEDULE", "SENT")]
    );
    assert_eq!(
        about(&not_told),
        [pair("APPOINTMENT_NEEDS_RESCHEDULE", "SUPPRESSED")]
    );
}

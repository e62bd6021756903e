//! Patients are told who opened their record in an emergency.

use galen_contracts::patients::v1::BreakGlassOpened;
use galen_contracts::scheduling::v1::Appointment;
use http::StatusCode;
use serde_json::json;

use crate::world::World;

/// Whom and when is as in this appointment.
fn opened(world: &World, like: &Appointment) -> BreakGlassOpened {
    BreakGlassOpened {
        patient_id: like.patient_id.clone(),
        break_glass_id: world.clock.uuid().to_string(),
        user_id: world.clock.uuid().to_string(),
        practitioner_id: like.practitioner_id.clone(),
        opened_at: like.start,
        until: like.end,
    }
}

#[tokio::test]
async fn the_patient_is_told_who_opened_the_record_and_where_to_read_why() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let event = opened(&world, &world.appointment(patient, 0));
    world.hears(event.clone()).await;
    assert_eq!(world.send().await, 1);
    let message = world.message(patient).await;
    assert_eq!(message["template"], "RECORD_OPENED");
    assert_eq!(message["category"], "PRIVACY");
    assert_eq!(message["status"], "SENT");
    let mails = world.mails();
    let (_, mail) = mails.first_key_value().expect("a mail");
    assert!(
        mail.contains("Elizabeth Blackwell opened your record"),
        "{mail}"
    );
    assert!(!world.everything_stored().await.contains("Blackwell"));
    assert_eq!(world.violations().await, Vec::<String>::new());
}

#[tokio::test]
async fn it_is_told_even_to_who_has_switched_everything_off() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let off = json!({ "email": false, "sms": false, "inApp": false });
    let reply = world
        .api
        .as_patient(patient)
        .put(
            &format!("/notification-preferences/{patient}"),
            json!({ "appointment": off, "reminder": off, "waitlist": off }),
        )
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let event = opened(&world, &world.appointment(patient, 0));
    world.hears(event).await;
    assert_eq!(world.send().await, 1);
    assert_eq!(world.message(patient).await["status"], "SENT");
}

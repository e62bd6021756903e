//! Reminders by durable timers.

use galen_contracts::scheduling::v1::Appointment;
use galen_contracts::scheduling::v1::{
    AppointmentBooked, AppointmentCancelled, AppointmentCheckedIn,
};

use crate::world::World;

fn booked(appointment: &Appointment) -> AppointmentBooked {
    AppointmentBooked {
        appointment: Some(appointment.clone()),
        replaces_id: String::new(),
    }
}

async fn reminders(world: &World, appointment: &Appointment) -> Vec<serde_json::Value> {
    let mut messages = world.messages(&appointment.patient_id).await;
    messages.retain(|m| m["template"] == "APPOINTMENT_REMINDER");
    messages
}

#[tokio::test]
async fn an_appointment_is_told_of_a_day_and_two_hours_before() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let appointment = world.appointment(patient, 48);
    world.hears(booked(&appointment)).await;
    world.wait(23).await;
    assert_eq!(reminders(&world, &appointment).await.len(), 0);
    world.wait(1).await;
    assert_eq!(reminders(&world, &appointment).await.len(), 1);
    assert_eq!(world.send().await, 1);
    world.wait(22).await;
    assert_eq!(reminders(&world, &appointment).await.len(), 2);
    assert_eq!(world.send().await, 1);
    assert_eq!(world.mails().len(), 2);
}

#[tokio::test]
async fn a_booking_at_short_notice_is_told_of_only_when_there_is_time() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let (soon, now) = (world.appointment(patient, 5), world.appointment(patient, 1));
    world.hears(booked(&soon)).await;
    world.hears(booked(&now)).await;
    world.wait(4).await;
    let told = reminders(&world, &soon).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["aboutId"], soon.appointment_id);
}

#[tokio::test]
async fn nobody_is_reminded_of_what_is_cancelled_or_has_begun() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let (cancelled, begun) = (
        world.appointment(patient, 48),
        world.appointment(patient, 48),
    );
    world.hears(booked(&cancelled)).await;
    world.hears(booked(&begun)).await;
    let appointment = Some(cancelled.clone());
    world
        .hears(AppointmentCancelled {
            appointment,
            ..Default::default()
        })
        .await;
    world
        .hears(AppointmentCheckedIn {
            appointment: Some(begun.clone()),
        })
        .await;
    world.wait(47).await;
    assert_eq!(reminders(&world, &cancelled).await.len(), 0);
    assert_eq!(reminders(&world, &begun).await.len(), 0);
}

#[tokio::test]
async fn a_reminder_that_waits_is_withdrawn_with_its_appointment() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let appointment = world.appointment(patient, 48);
    world.hears(booked(&appointment)).await;
    world.wait(24).await;
    assert_eq!(reminders(&world, &appointment).await[0]["status"], "QUEUED");
    let event = AppointmentCancelled {
        appointment: Some(appointment.clone()),
        reason_code: "PATIENT_DEACTIVATED".to_owned(),
        cancelled_by: "SYSTEM".to_owned(),
    };
    world.hears(event).await;
    let reminder = &reminders(&world, &appointment).await[0];
    assert_eq!(reminder["status"], "SUPPRESSED");
    assert_eq!(reminder["reasonCode"], "WITHDRAWN");
    assert_eq!(world.send().await, 0);
    assert_eq!(world.mails().len(), 0);
}

#[tokio::test]
async fn after_a_long_night_only_the_latest_reminder_is_sent() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    let appointment = world.appointment(patient, 48);
    world.hears(booked(&appointment)).await;
    world.wait(47).await;
    assert_eq!(reminders(&world, &appointment).await.len(), 1);
}

//! Appointments and the waitlist: who is told what, and when they are reminded.

use std::sync::Arc;

use galen_contracts::convert::{self, WireError};
use galen_contracts::ids::PatientId;
use galen_contracts::notifications::v1::ConfirmationQueued;
use galen_contracts::scheduling::v1 as scheduling;
use galen_contracts::scheduling::v1::{
    AppointmentBooked, AppointmentCancelled, AppointmentCheckedIn, AppointmentGroundRegained,
    AppointmentMissed, AppointmentNeedsReschedule, AppointmentRescheduled, AppointmentStarted,
    ConfirmationRequested, NoShowReverted, SlotOfferExpired, SlotOffered,
};
use galen_eventing::{Delivery, Failure, Handle, Publish as _, Received};
use galen_kernel::Timestamp;
use galen_storage::Tx;
use uuid::Uuid;

use crate::message::{NewMessage, Params, Queue, Recipient, ServiceType, store};
use crate::reactions::reminder;
use crate::settings::Settings;
use crate::template::TemplateName;

/// Hears of appointments, their confirmations and the waitlist.
pub struct Appointments {
    settings: Arc<Settings>,
    queue: Queue,
}

/// An appointment as its events tell it.
struct Facts {
    patient: PatientId,
    params: Params,
    id: Uuid,
    start: Timestamp,
}

impl Facts {
    fn read(wire: Option<&scheduling::Appointment>) -> Result<Self, WireError> {
        let wire = wire.ok_or(WireError::Missing("appointment"))?;
        let id = convert::id("appointment_id", &wire.appointment_id)?;
        let start = convert::instant("start", wire.start.as_ref())?;
        let params = Params::Appointment {
            appointment_id: id,
            practitioner_id: convert::id("practitioner_id", &wire.practitioner_id)?,
            start,
            end: convert::instant("end", wire.end.as_ref())?,
            service_type: ServiceType::of_wire(wire.service_type()),
        };
        Ok(Self {
            patient: convert::id("patient_id", &wire.patient_id)?,
            params,
            id: id.uuid(),
            start,
        })
    }

    /// A message about the appointment because of this event.
    fn message(self, template: TemplateName, meta: &Received) -> NewMessage {
        NewMessage {
            recipient: Recipient::Patient(self.patient),
            template,
            params: self.params,
            dedupe_key: format!("event:{}", meta.id),
            expires_at: None,
            correlation_id: meta.correlation_id,
            traceparent: traceparent(meta),
        }
    }
}

/// The trace that a message carries on.
pub(crate) fn traceparent(meta: &Received) -> Option<String> {
    meta.trace.map(|trace| trace.to_string())
}

/// What is said of an appointment that is to take place.
const BEFOREHAND: &[TemplateName] = &[
    TemplateName::AppointmentReminder,
    TemplateName::AppointmentNeedsReschedule,
];

/// The appointment is over, or another one: nobody is told of it beforehand any more.
async fn forget(tx: &mut Tx, appointment: Uuid) -> Result<(), Failure> {
    // First the timers, then what they have already queued: a timer that is firing
    // right now is waited for, and its message found.
    reminder::cancel(tx, appointment).await?;
    let now = tx.clock().now();
    store::withdraw(tx.conn(), appointment, BEFOREHAND, now).await?;
    Ok(())
}

impl Appointments {
    /// With the hospital's settings; says what it has to say to `queue`.
    #[must_use]
    pub const fn new(settings: Arc<Settings>, queue: Queue) -> Self {
        Self { settings, queue }
    }
}

impl Handle<ConfirmationRequested> for Appointments {
    /// The booking process asks for exactly one confirmation per command, and hears
    /// that it is stored, however often it asks.
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<ConfirmationRequested>,
    ) -> Result<(), Failure> {
        let Delivery { event, meta } = delivery;
        let facts = Facts::read(Some(&scheduling::Appointment {
            appointment_id: event.appointment_id.clone(),
            patient_id: event.patient_id.clone(),
            practitioner_id: event.practitioner_id.clone(),
            start: event.start,
            end: event.end,
            service_type: event.service_type,
            ..Default::default()
        }))?;
        let command: Uuid = event
            .command_id
            .parse()
            .map_err(|_| WireError::Malformed("command_id"))?;
        let mut message = facts.message(TemplateName::AppointmentConfirmation, &meta);
        message.dedupe_key = format!("command:{command}");
        let id = self.queue.add(tx, &message).await?;
        tx.publish(&ConfirmationQueued {
            appointment_id: event.appointment_id,
            process_id: event.process_id,
            command_id: event.command_id,
            message_id: id.to_string(),
        });
        Ok(())
    }
}

impl Handle<AppointmentBooked> for Appointments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentBooked>,
    ) -> Result<(), Failure> {
        let Delivery { event, meta } = delivery;
        let facts = Facts::read(event.appointment.as_ref())?;
        let plan = reminder::plan(
            self.settings.reminders.hours(),
            facts.start,
            tx.clock().now(),
        );
        reminder::set(tx, facts.patient, &facts.params, &plan).await?;
        if !event.replaces_id.is_empty() {
            self.queue
                .add(
                    tx,
                    &facts.message(TemplateName::AppointmentRescheduled, &meta),
                )
                .await?;
        }
        Ok(())
    }
}

impl Handle<AppointmentRescheduled> for Appointments {
    /// The old appointment ends; what takes its place tells the patient.
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentRescheduled>,
    ) -> Result<(), Failure> {
        let facts = Facts::read(delivery.event.appointment.as_ref())?;
        forget(tx, facts.id).await
    }
}

impl Handle<AppointmentCancelled> for Appointments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentCancelled>,
    ) -> Result<(), Failure> {
        let Delivery { event, meta } = delivery;
        let facts = Facts::read(event.appointment.as_ref())?;
        forget(tx, facts.id).await?;
        if let Some(template) = cancellation(&event.cancelled_by, &event.reason_code) {
            self.queue.add(tx, &facts.message(template, &meta)).await?;
        }
        Ok(())
    }
}

/// How a cancellation is told. Not at all when the record was closed: the patient
/// may have died.
fn cancellation(cancelled_by: &str, reason_code: &str) -> Option<TemplateName> {
    match (cancelled_by, reason_code) {
        (_, "PATIENT_DEACTIVATED") => None,
        ("PATIENT", _) | (_, "PATIENT_REQUEST") => {
            Some(TemplateName::AppointmentCancelledByPatient)
        }
        _ => Some(TemplateName::AppointmentCancelledByHospital),
    }
}

impl Handle<AppointmentNeedsReschedule> for Appointments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentNeedsReschedule>,
    ) -> Result<(), Failure> {
        let Delivery { event, meta } = delivery;
        let facts = Facts::read(event.appointment.as_ref())?;
        self.queue
            .add(
                tx,
                &facts.message(TemplateName::AppointmentNeedsReschedule, &meta),
            )
            .await?;
        Ok(())
    }
}

impl Handle<AppointmentGroundRegained> for Appointments {
    /// It stays where it is: who was told otherwise is told so.
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentGroundRegained>,
    ) -> Result<(), Failure> {
        let Delivery { event, meta } = delivery;
        let facts = Facts::read(event.appointment.as_ref())?;
        let now = tx.clock().now();
        let moved = TemplateName::AppointmentNeedsReschedule;
        store::withdraw(tx.conn(), facts.id, &[moved], now).await?;
        if store::is_told(tx.conn(), facts.id, moved).await? {
            self.queue
                .add(
                    tx,
                    &facts.message(TemplateName::AppointmentConfirmation, &meta),
                )
                .await?;
        }
        Ok(())
    }
}

impl Handle<AppointmentCheckedIn> for Appointments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentCheckedIn>,
    ) -> Result<(), Failure> {
        let facts = Facts::read(delivery.event.appointment.as_ref())?;
        forget(tx, facts.id).await
    }
}

impl Handle<AppointmentStarted> for Appointments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentStarted>,
    ) -> Result<(), Failure> {
        let facts = Facts::read(delivery.event.appointment.as_ref())?;
        forget(tx, facts.id).await
    }
}

impl Handle<AppointmentMissed> for Appointments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentMissed>,
    ) -> Result<(), Failure> {
        let Delivery { event, meta } = delivery;
        let facts = Facts::read(event.appointment.as_ref())?;
        forget(tx, facts.id).await?;
        self.queue
            .add(tx, &facts.message(TemplateName::AppointmentMissed, &meta))
            .await?;
        Ok(())
    }
}

impl Handle<NoShowReverted> for Appointments {
    /// They did come: nobody says otherwise if it was not said yet.
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<NoShowReverted>) -> Result<(), Failure> {
        let facts = Facts::read(delivery.event.appointment.as_ref())?;
        let now = tx.clock().now();
        store::withdraw(tx.conn(), facts.id, &[TemplateName::AppointmentMissed], now).await?;
        Ok(())
    }
}

impl Handle<SlotOffered> for Appointments {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<SlotOffered>) -> Result<(), Failure> {
        let Delivery { event, meta } = delivery;
        let expires_at = convert::instant("expires_at", event.expires_at.as_ref())?;
        let entry: Uuid = event
            .entry_id
            .parse()
            .map_err(|_| WireError::Malformed("entry_id"))?;
        let message = NewMessage {
            recipient: Recipient::Patient(convert::id("patient_id", &event.patient_id)?),
            template: TemplateName::WaitlistOffer,
            params: Params::Offer {
                entry_id: entry,
                practitioner_id: convert::id("practitioner_id", &event.practitioner_id)?,
                start: convert::instant("start", event.start.as_ref())?,
                end: convert::instant("end", event.end.as_ref())?,
                expires_at,
            },
            dedupe_key: format!("event:{}", meta.id),
            expires_at: Some(expires_at),
            correlation_id: meta.correlation_id,
            traceparent: traceparent(&meta),
        };
        self.queue.add(tx, &message).await?;
        Ok(())
    }
}

impl Handle<SlotOfferExpired> for Appointments {
    /// The offer is over, perhaps because it was answered before it was sent.
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<SlotOfferExpired>,
    ) -> Result<(), Failure> {
        let entry: Uuid = delivery
            .event
            .entry_id
            .parse()
            .map_err(|_| WireError::Malformed("entry_id"))?;
        let now = tx.clock().now();
        store::withdraw(tx.conn(), entry, &[TemplateName::WaitlistOffer], now).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancellation_names_who_wanted_it() {
        use TemplateName::{
            AppointmentCancelledByHospital as Hospital, AppointmentCancelledByPatient as Patient,
        };
        assert_eq!(cancellation("PATIENT", "PATIENT_REQUEST"), Some(Patient));
        assert_eq!(cancellation("STAFF", "PATIENT_REQUEST"), Some(Patient));
        assert_eq!(cancellation("STAFF", "ADMINISTRATIVE"), Some(Hospital));
        assert_eq!(
            cancellation("SYSTEM", "PRACTITIONER_UNAVAILABLE"),
            Some(Hospital)
        );
        assert_eq!(cancellation("SYSTEM", "PATIENT_DEACTIVATED"), None);
    }
}

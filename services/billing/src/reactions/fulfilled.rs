//! An appointment took place: it is charged, once.

use galen_contracts::convert;
use galen_contracts::convert::WireError;
use galen_contracts::ids::{AppointmentId, PatientId};
use galen_contracts::scheduling::v1 as scheduling;
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;
use jiff::tz::TimeZone;

use crate::charge::capture::capture;
use crate::charge::error::ChargeError;
use crate::charge::model::{Charge, EncounterClass, PaymentMode, Status};

/// Charges what took place.
pub(super) struct ChargeAppointments {
    /// The hospital's clocks.
    pub(super) zone: TimeZone,
}

/// What tariffs call a kind of appointment.
pub(super) fn code(kind: scheduling::ServiceType) -> Option<&'static str> {
    match kind {
        scheduling::ServiceType::Unspecified => None,
        kind => kind.as_str_name().strip_prefix("SERVICE_TYPE_"),
    }
}

impl Handle<scheduling::AppointmentFulfilled> for ChargeAppointments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<scheduling::AppointmentFulfilled>,
    ) -> Result<(), Failure> {
        let missing = |field| Failure::from(WireError::Missing(field));
        let appointment = delivery.event.appointment;
        let appointment = appointment.ok_or_else(|| missing("appointment"))?;
        let id: AppointmentId = convert::id("appointment_id", &appointment.appointment_id)?;
        let patient: PatientId = convert::id("patient_id", &appointment.patient_id)?;
        let planned = convert::instant("start", appointment.start.as_ref())?;
        // Who is seen before their time was served then: nobody takes a bill of tomorrow.
        let served_at = planned.min(delivery.meta.at);
        let code = code(appointment.service_type()).ok_or_else(|| missing("service_type"))?;
        let mode = match appointment.payment_mode() {
            scheduling::PaymentMode::Insurance => PaymentMode::Insurance,
            scheduling::PaymentMode::SelfPay | scheduling::PaymentMode::Unspecified => {
                PaymentMode::SelfPay
            }
        };
        let charge = Charge {
            id: tx.clock().id(),
            patient,
            source: Some(id.uuid()),
            admission: None,
            code: code.to_owned(),
            class: EncounterClass::Amb,
            mode,
            quantity: 1,
            served_at,
            served_on: served_at.to_zoned(self.zone.clone()).date(),
            status: Status::Held,
            price: None,
            invoice: None,
            replaces: None,
            version: 1,
            captured_at: tx.clock().now(),
        };
        match capture(tx, charge, None).await {
            // Heard before.
            Ok(None) | Ok(Some(_)) => Ok(()),
            Err(ChargeError::Storage(error)) => Err(error.into()),
            Err(error) => Err(Failure::Retryable {
                code: "CHARGE",
                source: Box::new(error),
            }),
        }
    }
}

//! An appointment was booked while nobody here answered: it gets its price now.

use std::sync::Arc;

use galen_contracts::billing::v1::{AppointmentQuoted, EstimateAppointmentResponse};
use galen_contracts::convert::{self, WireError};
use galen_contracts::ids::PatientId;
use galen_contracts::scheduling::v1::{PaymentMode, QuoteRequested};
use galen_eventing::{Delivery, Failure, Handle, Publish as _};
use galen_storage::Tx;

use super::fulfilled::code;
use crate::Billing;
use crate::catalogue::tariff::model::EncounterClass;
use crate::cover::CoverError;
use crate::cover::estimate::{Wanted, within};
use crate::cover::rpc::told;

/// Says what appointments cost.
pub(super) struct QuoteAppointments {
    /// Who knows.
    pub(super) billing: Arc<Billing>,
}

impl Handle<QuoteRequested> for QuoteAppointments {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<QuoteRequested>) -> Result<(), Failure> {
        let asked = delivery.event;
        let patient: PatientId = convert::id("patient_id", &asked.patient_id)?;
        let code = code(asked.service_type()).ok_or(WireError::Missing("service_type"))?;
        let wanted = Wanted {
            code: code.to_owned(),
            quantity: 1,
            at: convert::instant("start", asked.start.as_ref())?,
            class: EncounterClass::Ambulatory,
        };
        let is_insured = asked.payment_mode() == PaymentMode::Insurance;
        let done = within(&self.billing, tx, patient, is_insured, &[wanted]).await;
        let estimate = match done {
            Ok(done) => told(&done, &self.billing),
            Err(CoverError::Peer(error)) => return Err(error.into()),
            Err(CoverError::Storage(error)) => return Err(error.into()),
            // Asking again changes nothing: who was erased or whose plan does not fit is
            // not kept waiting.
            Err(error) => {
                tracing::warn!(error = %error, "an appointment has no price");
                EstimateAppointmentResponse {
                    unpriced: true,
                    ..EstimateAppointmentResponse::default()
                }
            }
        };
        tx.publish(&AppointmentQuoted {
            appointment_id: asked.appointment_id,
            process_id: asked.process_id,
            command_id: asked.command_id,
            patient_id: asked.patient_id,
            estimate: Some(estimate),
        });
        Ok(())
    }
}

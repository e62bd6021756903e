//! What other services may ask: `galen.billing.v1.Pricing`.

use std::sync::Arc;

use galen_contracts::billing::v1::pricing_server::Pricing;
use galen_contracts::billing::v1::{self as wire, EstimateAppointmentRequest};
use galen_contracts::convert;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Violations};
use galen_service::rpc::status;
use tonic::{Request, Response, Status};

use super::estimate::{Estimate, Wanted, alone, estimate};
use crate::catalogue::tariff::model::EncounterClass;
use crate::settings::Prepayment;
use crate::{Billing, field, prepayment};

/// Answers questions about prices.
#[derive(Clone)]
pub struct Prices(pub Arc<Billing>);

impl Prices {
    async fn appointment(
        &self,
        asked: &EstimateAppointmentRequest,
    ) -> Result<wire::EstimateAppointmentResponse, Problem> {
        let patient: PatientId =
            convert::id("patient_id", &asked.patient_id).map_err(|_| Problem::not_found())?;
        let replaces = convert::optional_id("replaces_id", &asked.replaces_id)
            .map_err(|error| Problem::invalid_field("replaces_id", "INVALID", error.to_string()))?;
        let at = convert::instant("start", asked.start.as_ref())
            .map_err(|error| Problem::invalid_field("start", "INVALID", error.to_string()))?;
        let is_insured = match asked.payment_mode.as_str() {
            "INSURANCE" => true,
            "SELF_PAY" => false,
            _ => {
                let message = "must be SELF_PAY or INSURANCE";
                return Err(Problem::invalid_field("payment_mode", "INVALID", message));
            }
        };
        let mut wrong = Violations::new();
        field::service_code(&mut wrong, "service_type", &asked.service_type);
        field::instant(&mut wrong, "start", at);
        wrong.finish()?;
        let wanted = Wanted {
            code: asked.service_type.clone(),
            quantity: 1,
            at,
            class: EncounterClass::Ambulatory,
        };
        let billing = &self.0;
        let done = if is_insured {
            estimate(billing, patient, true, &[wanted]).await?
        } else {
            // Whoever books knows that the patient is there: one question less on the way
            // to an appointment, and nothing to wait for when the patients service is slow.
            alone(billing, &[wanted]).await?
        };
        let mut answer = told(&done, billing);
        if answer.prepayment > 0 {
            answer.available = prepayment::available::available(billing, patient, replaces).await;
        }
        Ok(answer)
    }
}

/// An estimate of one appointment, as other services hear it, without what the patient has.
pub(crate) fn told(done: &Estimate, billing: &Billing) -> wire::EstimateAppointmentResponse {
    let patient = done.patient();
    // What nobody pays is no part of the price.
    let price = done.charge() - done.forgone();
    wire::EstimateAppointmentResponse {
        unpriced: !done.unpriced.is_empty(),
        currency: billing.currency.code().to_owned(),
        price,
        patient,
        insurer: done.insurers(),
        prepayment: match billing.prepayment {
            Prepayment::None => 0,
            Prepayment::Share => patient,
            Prepayment::Full => price,
        },
        available: None,
    }
}

#[tonic::async_trait]
impl Pricing for Prices {
    async fn estimate_appointment(
        &self,
        request: Request<EstimateAppointmentRequest>,
    ) -> Result<Response<wire::EstimateAppointmentResponse>, Status> {
        let answer = self.appointment(request.get_ref()).await;
        answer.map(Response::new).map_err(status)
    }
}

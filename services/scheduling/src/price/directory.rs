//! Questions to the billing service.

use futures::StreamExt as _;
use galen_contracts::billing::v1::pricing_client::PricingClient;
use galen_contracts::billing::v1::{EstimateAppointmentRequest, EstimateAppointmentResponse};
use galen_contracts::convert::to_wire;
use galen_contracts::ids::{AppointmentId, PatientId};
use galen_service::rpc::ask;
use galen_service::{PeerError, Peers};
use tonic::transport::Channel;

use super::model::{Offer, Told};
use crate::interval::Interval;
use crate::service_type::{PaymentMode, ServiceType};

/// Questions about one series that are asked at the same time.
const AT_ONCE: usize = 8;

/// Knows what appointments cost.
#[derive(Clone)]
pub struct Prices {
    client: PricingClient<Channel>,
}

impl Prices {
    /// Asks the billing service.
    #[must_use]
    pub fn new(peers: &Peers) -> Self {
        Self {
            client: PricingClient::new(peers.channel("billing")),
        }
    }

    /// What an appointment would cost, and whether the patient can pay before, perhaps with
    /// what was paid for the one that it replaces.
    pub async fn offer(
        &self,
        patient: PatientId,
        service_type: ServiceType,
        payment_mode: PaymentMode,
        during: Interval,
        replaces: Option<AppointmentId>,
    ) -> Told {
        let question = EstimateAppointmentRequest {
            patient_id: patient.to_string(),
            service_type: service_type.name().to_owned(),
            start: Some(to_wire(during.start())),
            payment_mode: payment_mode.name().to_owned(),
            replaces_id: replaces.map(|id| id.to_string()).unwrap_or_default(),
        };
        let told = match self.estimate(question).await {
            Ok(told) => Offer::read(&told).map_or(Told::Unpriced, Told::Offered),
            Err(error) => {
                tracing::warn!(error = %error, "billing did not say what an appointment costs");
                Told::Nothing
            }
        };
        let outcome = told.pricing().status().name();
        metrics::counter!("scheduling_prices_total", "outcome" => outcome).increment(1);
        told
    }

    /// What each of several appointments would cost, in their order.
    pub async fn offers(
        &self,
        patient: PatientId,
        service_type: ServiceType,
        payment_mode: PaymentMode,
        all: Vec<Interval>,
    ) -> Vec<Told> {
        let offers = all
            .into_iter()
            .map(|during| self.offer(patient, service_type, payment_mode, during, None));
        futures::stream::iter(offers)
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    async fn estimate(
        &self,
        question: EstimateAppointmentRequest,
    ) -> Result<EstimateAppointmentResponse, PeerError> {
        let mut client = self.client.clone();
        ask("billing", question, |request| async move {
            client.estimate_appointment(request).await
        })
        .await
    }
}

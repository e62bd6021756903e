//! `POST /adjudications/estimate`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::estimate::{Wanted, estimate};
use super::view::EstimateView;
use crate::catalogue::tariff::model::EncounterClass;
use crate::{Billing, field};

/// Most services of a question.
const MOST: usize = 100;
/// Most units of one.
const MOST_UNITS: u32 = 10_000;

/// Who is to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = EstimatePaymentMode)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentMode {
    /// The patient pays everything.
    SelfPay,
    /// Who insures the patient pays their part.
    Insurance,
}

/// Services of which somebody wants to know who would pay them.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EstimateServices {
    /// Whose.
    pub patient_id: Uuid,
    /// Which.
    #[schema(min_items = 1, max_items = 100)]
    pub services: Vec<EstimateService>,
    /// Who is to pay.
    pub payment_mode: PaymentMode,
}

/// A service that is to be estimated.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EstimateService {
    /// Its code in the tariff.
    #[schema(
        pattern = "^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$",
        example = "CONSULTATION"
    )]
    pub code: String,
    /// How many units.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub quantity: u32,
    /// When.
    pub at: Timestamp,
    /// In an encounter of this class; otherwise the patient comes and goes.
    #[serde(default = "ambulatory")]
    pub encounter_class: EncounterClass,
}

const fn one() -> u32 {
    1
}

const fn ambulatory() -> EncounterClass {
    EncounterClass::Ambulatory
}

impl Requires for EstimateServices {
    const NEEDS: Needs = Needs::Permission(Permission::EstimateRead);
}

impl EstimateServices {
    fn parse(self) -> Result<Vec<Wanted>, Problem> {
        let mut wrong = Violations::new();
        let count = (1..=MOST).contains(&self.services.len());
        wrong.require(
            count,
            "/services",
            "INVALID_COUNT",
            "there must be 1 to 100",
        );
        for (place, service) in self.services.iter().enumerate() {
            let at = |name: &str| format!("/services/{place}/{name}");
            field::service_code(&mut wrong, &at("code"), &service.code);
            let units = (1..=MOST_UNITS).contains(&service.quantity);
            wrong.require(units, &at("quantity"), "OUT_OF_RANGE", "must be 1 to 10000");
            field::instant(&mut wrong, &at("at"), service.at);
        }
        wrong.finish()?;
        let wanted = |service: EstimateService| Wanted {
            code: service.code,
            quantity: service.quantity,
            at: service.at,
            class: service.encounter_class,
        };
        Ok(self.services.into_iter().map(wanted).collect())
    }
}

/// Estimates who would pay what
///
/// As if it were claimed now: the same calculation, from what is counted so far, with
/// every step of it. Nothing is counted or kept. A service without a price in force has
/// none here either.
#[utoipa::path(
    post,
    path = "/adjudications/estimate",
    operation_id = "estimateServices",
    tag = "billing",
    request_body = EstimateServices,
    responses((status = 200, description = "The estimate.", body = EstimateView)),
)]
pub async fn ask(
    cx: Cx<EstimateServices>,
    State(billing): State<Arc<Billing>>,
    Body(request): Body<EstimateServices>,
) -> Outcome {
    let patient = PatientId::from_uuid(request.patient_id);
    cx.reach_patient(patient)?;
    let mode = request.payment_mode;
    let wanted = request.parse()?;
    let done = estimate(&billing, patient, mode == PaymentMode::Insurance, &wanted).await?;
    let view = EstimateView::of(patient, &wanted, &done, billing.currency);
    Ok(Answer::ok(&view))
}

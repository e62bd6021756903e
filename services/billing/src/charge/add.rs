//! `POST /charges`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::billing::v1::ChargeVoided;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::GetPatientRequest;
use galen_eventing::Publish as _;
use galen_kernel::{Pii, Problem, Timestamp, Violations};
use galen_service::rpc::ask;
use galen_service::{Answer, Body, Cx, Needs, Outcome, PeerError, Requires};
use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::capture::capture;
use super::error::ChargeError;
use super::model::{Charge, ChargeId, EncounterClass, PaymentMode, Status};
use super::store::{self, Row};
use super::view::ChargeView;
use crate::Billing;
use crate::words::{self, CHARGED, Words};

/// How long ago something may have been done that is charged by hand.
const LATEST: SignedDuration = SignedDuration::from_hours(24 * 366 * 3);
/// How far clocks may differ.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// Something to be charged by hand.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddCharge {
    /// Whose.
    pub patient_id: Uuid,
    /// What was done, as tariffs call it.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._:/-]*$",
        example = "CONSULTATION"
    )]
    pub service_code: String,
    /// How many units; 1 without it.
    #[schema(minimum = 1, maximum = 1000)]
    pub quantity: Option<u32>,
    /// When it was done, at most three years ago; now without it.
    pub served_at: Option<Timestamp>,
    /// In which kind of encounter; a visit without it.
    pub encounter_class: Option<EncounterClass>,
    /// Who is asked to pay; the patient without it.
    pub payment_mode: Option<PaymentMode>,
    /// The stay that it belongs to.
    pub admission_id: Option<Uuid>,
    /// The charge that it corrects, which is taken back.
    pub replaces_id: Option<Uuid>,
    /// Why it is charged by hand.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$",
        example = "A dressing that nobody wrote down"
    )]
    pub reason: String,
}

impl Requires for AddCharge {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceManage);
}

impl AddCharge {
    fn parse(
        self,
        billing: &Billing,
        id: ChargeId,
        now: Timestamp,
    ) -> Result<(Charge, Pii<Words>), Problem> {
        let mut wrong = Violations::new();
        let reason = Words::paragraphs(&mut wrong, "/reason", &self.reason).map(Pii::new);
        let code = &self.service_code;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:/-".contains(&b);
        wrong.require(
            (1..=64).contains(&code.len())
                && code.bytes().all(plain)
                && code.as_bytes()[0].is_ascii_alphanumeric(),
            "/serviceCode",
            "INVALID_CODE",
            "must have 1 to 64 letters, digits and ._:/-",
        );
        let quantity = self.quantity.unwrap_or(1);
        wrong.require(
            (1..=1000).contains(&quantity),
            "/quantity",
            "OUT_OF_RANGE",
            "must be 1 to 1000",
        );
        let served_at = self.served_at.unwrap_or(now);
        let (earliest, latest) = (
            now.saturating_sub(LATEST).unwrap_or(now),
            now.saturating_add(GRACE).unwrap_or(now),
        );
        wrong.require(
            (earliest..=latest).contains(&served_at),
            "/servedAt",
            "OUT_OF_RANGE",
            "must be in the last three years",
        );
        wrong.finish()?;
        let reason = reason.ok_or_else(|| Problem::internal("a reason was read"))?;
        let charge = Charge {
            id,
            patient: PatientId::from_uuid(self.patient_id),
            source: None,
            admission: self.admission_id,
            code: self.service_code,
            class: self.encounter_class.unwrap_or_default(),
            mode: self.payment_mode.unwrap_or(PaymentMode::SelfPay),
            quantity,
            served_at,
            served_on: served_at.to_zoned(billing.zone.clone()).date(),
            status: Status::Held,
            price: None,
            invoice: None,
            replaces: self.replaces_id.map(ChargeId::from_uuid),
            version: 1,
            captured_at: now,
        };
        Ok((charge, reason))
    }
}

/// Charges something by hand, or corrects a charge: the old one is taken back, and the
/// new one takes its place.
#[utoipa::path(
    post,
    path = "/charges",
    operation_id = "addCharge",
    tag = "billing",
    request_body = AddCharge,
    responses((status = 201, description = "Charged.", body = ChargeView)),
)]
pub async fn add(
    cx: Cx<AddCharge>,
    State(billing): State<Arc<Billing>>,
    Body(request): Body<AddCharge>,
) -> Outcome {
    let (charge, reason) = request.parse(&billing, cx.clock().id(), cx.now())?;
    cx.concerns(charge.patient);
    cx.about("charge", charge.id);
    cx.replayed(&billing.db).await?;
    known(&billing, charge.patient).await?;
    let mut tx = cx.begin(&billing.db).await?;
    if let Some(replaced) = charge.replaces {
        let row = store::get_for_change(&mut tx, replaced).await?;
        let replaced = row
            .map(|row| row.charge)
            .filter(|replaced| replaced.patient == charge.patient)
            .ok_or_else(|| {
                Problem::invalid_field(
                    "/replacesId",
                    "UNKNOWN_CHARGE",
                    "is no charge of the patient",
                )
            })?;
        let replaced = replaced.voided()?;
        store::change(&mut tx, &replaced).await?;
        tx.publish(&ChargeVoided {
            charge_id: replaced.id.to_string(),
            patient_id: replaced.patient.to_string(),
        });
    }
    let place = (charge.patient, charge.id.uuid());
    let sealed = words::seal(&billing.vault, &mut tx, &CHARGED, place, &reason).await?;
    let charge = capture(&mut tx, charge, Some(&sealed))
        .await?
        .ok_or(ChargeError::Unknown)?;
    let (id, version) = (charge.id, charge.version);
    let row = Row {
        charge,
        reason: Some(sealed),
    };
    let view = ChargeView::open(&billing.vault, &mut tx, row).await?;
    let location = format!("/api/v1/charges/{id}");
    tx.commit(Answer::created(&view).version(version).location(&location))
        .await
}

/// 400 when there is no such patient.
pub(crate) async fn known(billing: &Billing, patient: PatientId) -> Result<(), Problem> {
    let mut patients = billing.patients.clone();
    let question = GetPatientRequest {
        patient_id: patient.to_string(),
    };
    let asked = ask("patients", question, |request| async move {
        patients.get_patient(request).await
    });
    match asked.await {
        Ok(_) => Ok(()),
        Err(PeerError::NotFound { .. }) => Err(Problem::invalid_field(
            "/patientId",
            "UNKNOWN_PATIENT",
            "is no patient",
        )),
        Err(error) => Err(error.into()),
    }
}

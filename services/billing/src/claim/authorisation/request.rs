//! `POST /pre-authorisations`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, Authorisation, AuthorisationId, Status};
use crate::Billing;
use crate::claim::field;

/// What a payer is asked to agree to.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestAuthorisation {
    /// For whom.
    pub patient_id: Uuid,
    /// Who is asked.
    pub payer_id: Uuid,
    /// What is to be done.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$",
        example = "MRI-HEAD"
    )]
    pub service_code: String,
    /// How many units.
    #[schema(minimum = 1, maximum = 10000)]
    pub quantity: u32,
    /// First day.
    #[schema(format = "date", pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    pub valid_from: String,
    /// Last day.
    #[schema(format = "date", pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    pub valid_to: String,
}

impl Requires for RequestAuthorisation {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimManage);
}

impl RequestAuthorisation {
    fn parse(self, id: AuthorisationId, now: Timestamp) -> Result<Authorisation, Problem> {
        let mut wrong = Violations::new();
        let from = field::date(&mut wrong, "/validFrom", &self.valid_from);
        let to = field::date(&mut wrong, "/validTo", &self.valid_to);
        let code = field::service_code(&mut wrong, "/serviceCode", &self.service_code);
        wrong.require(
            (1..=10_000).contains(&self.quantity),
            "/quantity",
            "OUT_OF_RANGE",
            "must be 1 to 10000",
        );
        if let (Some(from), Some(to)) = (from, to) {
            wrong.require(
                from <= to,
                "/validTo",
                "END_BEFORE_START",
                "must not be before validFrom",
            );
        }
        wrong.finish()?;
        Ok(Authorisation {
            id,
            number: None,
            patient: PatientId::from_uuid(self.patient_id),
            payer: self.payer_id,
            code,
            quantity: self.quantity,
            from: from.unwrap_or(Date::ZERO),
            to: to.unwrap_or(Date::ZERO),
            status: Status::Draft,
            requested_at: now,
            version: 1,
        })
    }
}

/// An agreement of a payer to something before it is done, or the wish for one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreAuthorisation)]
#[serde(rename_all = "camelCase")]
pub struct AuthorisationView {
    /// Its id.
    pub id: Uuid,
    /// What the payer calls it: goes with the claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// For whom.
    pub patient_id: Uuid,
    /// Who agrees.
    pub payer_id: Uuid,
    /// To what.
    pub service_code: String,
    /// How many units.
    pub quantity: u32,
    /// First day.
    #[schema(value_type = String, format = "date")]
    pub valid_from: Date,
    /// Last day.
    #[schema(value_type = String, format = "date")]
    pub valid_to: Date,
    /// Where it stands.
    pub status: Status,
    /// For `If-Match`.
    pub version: i64,
}

impl From<Authorisation> for AuthorisationView {
    fn from(asked: Authorisation) -> Self {
        Self {
            id: asked.id.uuid(),
            number: asked.number,
            patient_id: asked.patient.uuid(),
            payer_id: asked.payer,
            service_code: asked.code,
            quantity: asked.quantity,
            valid_from: asked.from,
            valid_to: asked.to,
            status: asked.status,
            version: asked.version,
        }
    }
}

/// Asks a payer to agree to something before it is done.
#[utoipa::path(
    post,
    path = "/pre-authorisations",
    operation_id = "requestPreAuthorisation",
    tag = "billing",
    request_body = RequestAuthorisation,
    responses((status = 201, description = "Asked for.", body = AuthorisationView)),
)]
pub async fn request(
    cx: Cx<RequestAuthorisation>,
    State(billing): State<Arc<Billing>>,
    Body(request): Body<RequestAuthorisation>,
) -> Outcome {
    let asked = request.parse(cx.clock().id(), cx.now())?;
    cx.concerns(asked.patient);
    let mut tx = cx.begin(&billing.db).await?;
    store::insert(tx.conn(), &asked).await?;
    tx.ring(&billing.claim_bell);
    tx.commit(Answer::created(&AuthorisationView::from(asked)).version(1))
        .await
}

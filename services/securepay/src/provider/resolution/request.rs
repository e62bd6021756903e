//! `POST /order-resolutions`: somebody found out what became of an order.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Pii, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{self, Resolution, ResolutionError, Status};
use super::store::{self, REASON, Row};
use super::view::ResolutionView;
use crate::SecurePay;
use crate::account::Owner;
use crate::payment::words::Words;
use crate::provider::ProviderReference;
use crate::provider::order;
use crate::provider::order::model::State as OrderState;

/// What was found out about an order.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestOrderResolution {
    /// The top-up or the payout, which has the status `UNKNOWN`.
    pub order_id: Uuid,
    /// What became of it.
    pub outcome: model::Outcome,
    /// Where that is to be seen: the provider's reference of the payment, or the bank's of
    /// its booking.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[!-~]+$",
        example = "2026-11-20/NTRF-4711"
    )]
    pub evidence: String,
    /// How it was found out.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$",
        example = "The bank shows the transfer; the provider confirmed it on the telephone"
    )]
    pub reason: String,
}

impl Requires for RequestOrderResolution {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerReconcile);
}

/// Says what became of a top-up or a payout of which the provider cannot say so itself.
/// Nothing moves before another person agrees.
#[utoipa::path(
    post,
    path = "/order-resolutions",
    operation_id = "requestOrderResolution",
    tag = "securepay",
    request_body = RequestOrderResolution,
    responses((status = 201, description = "Another person has to agree.", body = ResolutionView)),
)]
pub async fn request(
    cx: Cx<RequestOrderResolution>,
    State(s): State<Arc<SecurePay>>,
    Body(request): Body<RequestOrderResolution>,
) -> Outcome {
    let mut wrong = Violations::new();
    let evidence = ProviderReference::new(request.evidence);
    wrong.require(
        evidence.is_some(),
        "/evidence",
        "NOT_A_REFERENCE",
        "must be 1 to 100 printable characters of ASCII, without blanks",
    );
    let reason = Words::paragraphs(&mut wrong, "/reason", &request.reason).map(Pii::new);
    wrong.finish()?;
    let (Some(evidence), Some(reason)) = (evidence, reason) else {
        return Err(Problem::internal("something is wrong and nothing was noted").into());
    };
    let mut tx = cx.begin(&s.db).await?;
    let order = order::store::lock_any(tx.conn(), request.order_id)
        .await?
        .ok_or(ResolutionError::Unknown)?;
    if let Owner::Patient(patient) = order.owner {
        cx.concerns(PatientId::from_uuid(patient));
    }
    if order.progress.state != OrderState::Unknown {
        return Err(ResolutionError::NotUnknown.into());
    }
    let resolution = Resolution {
        id: cx.clock().id(),
        order: order.id,
        outcome: request.outcome,
        evidence,
        status: Status::Requested,
        requested_by: cx.principal()?.user_id.uuid(),
        requested_at: cx.now(),
        decided: None,
        provider_says: None,
        version: 1,
    };
    cx.about("OrderResolution", resolution.id);
    let subject = order.subject();
    let key = s.vault.key_of(tx.conn(), subject).await?;
    let reason = key.seal(&REASON, resolution.id, reason.expose())?;
    store::insert(tx.conn(), &resolution, &reason).await?;
    let version = resolution.version;
    let row = Row {
        resolution,
        subject,
        reason,
    };
    let view = ResolutionView::open_one(&s.vault, tx.conn(), row).await?;
    tx.commit(Answer::created(&view).version(version)).await
}

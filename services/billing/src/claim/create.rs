//! `POST /claims`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::ClaimError;
use super::model::Status;
use super::view::ClaimView;
use super::{prepare, store};
use crate::Billing;

/// What is to be claimed again.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrepareClaim {
    /// Of which invoice.
    pub invoice_id: Uuid,
    /// Of whom.
    pub payer_id: Uuid,
}

impl Requires for PrepareClaim {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimManage);
}

/// Prepares another claim for an invoice after one was withdrawn. The first one is
/// prepared when the invoice is issued.
#[utoipa::path(
    post,
    path = "/claims",
    operation_id = "prepareClaim",
    tag = "billing",
    request_body = PrepareClaim,
    responses((status = 201, description = "Prepared.", body = ClaimView)),
)]
pub async fn create(
    cx: Cx<PrepareClaim>,
    State(billing): State<Arc<Billing>>,
    Body(request): Body<PrepareClaim>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let (invoice, payer) = (request.invoice_id, request.payer_id);
    let found = store::withdrawn(&mut *tx.conn(), invoice, payer)
        .await?
        .ok_or(ClaimError::NothingToClaim)?;
    let withdrawn = store::lock(&mut tx, found)
        .await?
        .filter(|claim| claim.status == Status::Voided && claim.outstanding() > 0)
        .ok_or(ClaimError::NothingToClaim)?;
    // Whoever else prepared one meanwhile was faster.
    if store::withdrawn(&mut *tx.conn(), invoice, payer).await? != Some(found) {
        return Err(ClaimError::NothingToClaim.into());
    }
    cx.concerns(withdrawn.facts.patient);
    let now = cx.now();
    let facts = withdrawn.again(cx.clock().id());
    let mut claim = store::begin(&mut tx, facts, now).await?;
    let today = now.to_zoned(billing.zone.clone()).date();
    prepare::look_through(&mut tx, &mut claim, now, today).await?;
    finish(tx, claim.facts.id, Answer::created).await
}

/// Ends a command that changed a claim.
pub(super) async fn finish(
    mut tx: galen_service::Command,
    id: super::model::ClaimId,
    answer: fn(&ClaimView) -> Answer,
) -> Outcome {
    let told = store::get(&mut *tx.conn(), id)
        .await?
        .ok_or(ClaimError::Unknown)?;
    let version = told.claim.version;
    let answer = answer(&ClaimView::from(told))
        .version(version)
        .location(&format!("/api/v1/claims/{id}"));
    tx.commit(answer).await
}

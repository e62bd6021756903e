//! `GET /claims/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::error::ClaimError;
use super::model::ClaimId;
use super::store;
use super::view::ClaimView;
use crate::Billing;

/// A claim is looked at.
pub struct GetClaim;

impl Requires for GetClaim {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimRead);
}

/// A claim with its lines, what the payer answered, and what happened.
#[utoipa::path(
    get,
    path = "/claims/{id}",
    operation_id = "getClaim",
    tag = "billing",
    params(("id" = Uuid, Path, description = "The claim.")),
    responses((status = 200, description = "The claim.", body = ClaimView)),
)]
pub async fn get(
    cx: Cx<GetClaim>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<ClaimId>,
) -> Outcome {
    let told = store::get(billing.db.pool(), id)
        .await?
        .ok_or(ClaimError::Unknown)?;
    cx.reach_patient(told.claim.facts.patient)?;
    let version = told.claim.version;
    Ok(Answer::ok(&ClaimView::from(told)).version(version))
}

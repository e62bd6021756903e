//! `POST /denials/{id}/resolve`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::find::DenialView;
use super::store::{self, DenialId};
use crate::Billing;
use crate::claim::error::ClaimError;
use crate::claim::event::Resolution;
use crate::claim::next::{self, Next};
use crate::claim::{books, change, store as claims};

/// The end of a denial that the payer does not take back.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResolveDenial {
    /// Who has it now.
    pub resolution: Resolution,
}

impl Requires for ResolveDenial {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimManage);
}

/// Gives a denial up: it is written off, or the next payer is asked, and the patient for
/// what that one does not pay.
#[utoipa::path(
    post,
    path = "/denials/{id}/resolve",
    operation_id = "resolveDenial",
    tag = "billing",
    params(("id" = Uuid, Path, description = "The denial.")),
    request_body = ResolveDenial,
    responses((status = 200, description = "Upheld.", body = DenialView)),
)]
pub async fn resolve(
    cx: Cx<ResolveDenial>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<DenialId>,
    Body(request): Body<ResolveDenial>,
) -> Outcome {
    cx.replayed(&billing.db).await?;
    let seen = store::get(billing.db.pool(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let next = Next::after(&billing, &[seen.claim]).await?;
    let mut tx = cx.begin(&billing.db).await?;
    // The claim is locked first, as a remittance does, and the denial looked at after it.
    let found = store::get(&mut *tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let mut claim = claims::lock(&mut tx, found.claim)
        .await?
        .ok_or(ClaimError::Unknown)?;
    cx.concerns(claim.facts.patient);
    let denial = store::get(&mut *tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(denial.version)?;
    let now = cx.now();
    let before = claim.clone();
    let event = claim
        .resolved(denial.sequence, request.resolution)
        .map_err(ClaimError::from)?;
    change::happened(&mut tx, &mut claim, event, now).await?;
    let passed = next::answered(&mut tx, &billing, (&before, &claim), &next).await?;
    books::enter(&mut tx, (&before, &claim), &passed, denial.id.uuid()).await?;
    store::upheld(&mut tx, &denial, request.resolution.into(), now).await?;
    let denial = store::get(&mut *tx.conn(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    tx.ring(&billing.bell);
    let version = denial.version;
    tx.commit(Answer::ok(&DenialView::from(denial)).version(version))
        .await
}

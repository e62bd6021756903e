//! `POST /claims/{id}/void`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::ClaimError;
use super::event::Resolution;
use super::model::ClaimId;
use super::next::{self, Next};
use super::view::ClaimView;
use super::{books, change, create, dispatch};
use crate::Billing;

/// A claim that is withdrawn.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoidClaim {
    /// Who has what it asked for; left out, another claim is to be prepared.
    pub resolution: Option<Resolution>,
}

impl Requires for VoidClaim {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimManage);
}

/// Withdraws a claim on which the payer has not decided.
#[utoipa::path(
    post,
    path = "/claims/{id}/void",
    operation_id = "voidClaim",
    tag = "billing",
    params(("id" = Uuid, Path, description = "The claim.")),
    request_body = VoidClaim,
    responses((status = 200, description = "Withdrawn.", body = ClaimView)),
)]
pub async fn void(
    cx: Cx<VoidClaim>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<ClaimId>,
    Body(request): Body<VoidClaim>,
) -> Outcome {
    cx.replayed(&billing.db).await?;
    let next = Next::after(&billing, &[id]).await?;
    let mut tx = cx.begin(&billing.db).await?;
    let mut claim = change::load(&cx, &mut tx, id).await?;
    let now = cx.now();
    let before = claim.clone();
    let voided = claim.voided(request.resolution).map_err(ClaimError::from)?;
    change::happened(&mut tx, &mut claim, voided, now).await?;
    let passed = next::answered(&mut tx, &billing, (&before, &claim), &next).await?;
    books::enter(&mut tx, (&before, &claim), &passed, id.uuid()).await?;
    if before.status.waits() {
        dispatch::withdraw(tx.conn(), &claim, now).await?;
        tx.ring(&billing.claim_bell);
    }
    create::finish(tx, id, Answer::ok).await
}

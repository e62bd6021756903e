//! `POST /claims/{id}/submit`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::ClaimId;
use super::view::ClaimView;
use super::{change, create};
use crate::Billing;

/// A claim is to go to its payer.
pub struct SubmitClaim;

impl Requires for SubmitClaim {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimManage);
}

/// Looks a claim through and lets it go to its payer.
#[utoipa::path(
    post,
    path = "/claims/{id}/submit",
    operation_id = "submitClaim",
    tag = "billing",
    params(("id" = Uuid, Path, description = "The claim.")),
    responses((status = 200, description = "On its way.", body = ClaimView)),
)]
pub async fn submit(
    cx: Cx<SubmitClaim>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<ClaimId>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let mut claim = change::load(&cx, &mut tx, id).await?;
    claim.expect_ready()?;
    change::submit(&mut tx, &billing, &mut claim, cx.now()).await?;
    create::finish(tx, id, Answer::ok).await
}

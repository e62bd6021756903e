//! `POST /claims/{id}/appeal`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::denial::store::Action;
use super::error::ClaimError;
use super::event::Event;
use super::model::ClaimId;
use super::view::ClaimView;
use super::{change, create, denial, dispatch};
use crate::Billing;

/// A payer is asked to decide again.
pub struct AppealClaim;

impl Requires for AppealClaim {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimManage);
}

/// Asks the payer to decide again about what it denied.
#[utoipa::path(
    post,
    path = "/claims/{id}/appeal",
    operation_id = "appealClaim",
    tag = "billing",
    params(("id" = Uuid, Path, description = "The claim.")),
    responses((status = 200, description = "Appealed.", body = ClaimView)),
)]
pub async fn appeal(
    cx: Cx<AppealClaim>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<ClaimId>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let mut claim = change::load(&cx, &mut tx, id).await?;
    let now = cx.now();
    claim.expect(&Event::Appealed).map_err(ClaimError::from)?;
    change::happened(&mut tx, &mut claim, Event::Appealed, now).await?;
    dispatch::send(tx.conn(), &claim, true, now).await?;
    denial::store::worked(&mut tx, &claim, Action::Appeal).await?;
    tx.ring(&billing.claim_bell);
    create::finish(tx, id, Answer::ok).await
}

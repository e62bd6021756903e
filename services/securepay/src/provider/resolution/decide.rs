//! `POST /order-resolutions/{id}/approve` and `…/reject`: another person decides.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::Problem;
use galen_service::{Answer, Command, Cx, Needs, Outcome, PathIds, Requires};

use super::model::{ResolutionError, ResolutionId};
use super::store::{self, Row};
use super::view::ResolutionView;
use super::watch;
use crate::SecurePay;
use crate::account::Owner;
use crate::provider::order;
use crate::provider::order::model::after;
use crate::provider::order::store::Order;

/// An order ends as somebody found out.
pub struct ApproveOrderResolution;

/// An order does not end as somebody thought.
pub struct RejectOrderResolution;

impl Requires for ApproveOrderResolution {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerReconcile);
    const STEP_UP: bool = true;
}

impl Requires for RejectOrderResolution {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerReconcile);
}

/// The resolution and its order, both locked.
async fn load<R: Requires>(
    cx: &Cx<R>,
    tx: &mut Command,
    id: ResolutionId,
) -> Result<(Row, Order), Problem> {
    let row = store::get_for_change(tx.conn(), id)
        .await?
        .ok_or(ResolutionError::Unknown)?;
    let order = order::store::lock_any(tx.conn(), row.resolution.order)
        .await?
        .ok_or(ResolutionError::Unknown)?;
    if let Owner::Patient(patient) = order.owner {
        cx.concerns(PatientId::from_uuid(patient));
    }
    cx.expect_version(row.resolution.version)?;
    Ok((row, order))
}

/// Agrees: the order ends so, and its money moves or is released. Needs a recent login,
/// and another person than who found out.
#[utoipa::path(
    post,
    path = "/order-resolutions/{id}/approve",
    operation_id = "approveOrderResolution",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The resolution.")),
    responses((status = 200, description = "Agreed.", body = ResolutionView)),
)]
pub async fn approve(
    cx: Cx<ApproveOrderResolution>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<ResolutionId>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    let (mut row, order) = load(&cx, &mut tx, id).await?;
    let now = cx.now();
    row.resolution = row
        .resolution
        .approved(cx.principal()?.user_id.uuid(), now)?;
    let found = &row.resolution;
    let progress = order
        .progress
        .found_out(found.outcome, &found.evidence, now)
        .ok_or(ResolutionError::NotUnknown)?;
    let is_first = order::store::save(tx.conn(), &order, &progress).await?;
    if !is_first {
        return Err(Problem::internal("an order that is locked has changed").into());
    }
    store::decide(tx.conn(), found, Some(after(now, watch::PAUSE))).await?;
    if let Some(desk) = &s.provider {
        tx.ring(desk.pursuit.bell());
    }
    answer(&s, tx, row).await
}

/// Does not agree, or takes back what one found out oneself.
#[utoipa::path(
    post,
    path = "/order-resolutions/{id}/reject",
    operation_id = "rejectOrderResolution",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The resolution.")),
    responses((status = 200, description = "Not agreed.", body = ResolutionView)),
)]
pub async fn reject(
    cx: Cx<RejectOrderResolution>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<ResolutionId>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    let (mut row, _) = load(&cx, &mut tx, id).await?;
    row.resolution = row
        .resolution
        .rejected(cx.principal()?.user_id.uuid(), cx.now())?;
    store::decide(tx.conn(), &row.resolution, None).await?;
    answer(&s, tx, row).await
}

async fn answer(s: &SecurePay, mut tx: Command, row: Row) -> Outcome {
    let version = row.resolution.version;
    let view = ResolutionView::open_one(&s.vault, tx.conn(), row).await?;
    tx.commit(Answer::ok(&view).version(version)).await
}

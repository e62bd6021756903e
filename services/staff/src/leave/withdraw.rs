//! `POST /practitioners/{id}/leaves/{leaveId}/withdraw`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_eventing::Publish as _;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::{LeaveError, LeaveId};
use super::store;
use super::view::LeaveView;
use crate::{Staff, practitioner};

/// A leave is not wanted any more.
pub struct WithdrawLeave;

impl Requires for WithdrawLeave {
    const NEEDS: Needs = Needs::Permission(Permission::LeaveRequest);
}

/// Takes a leave back; an approved one only until its end.
#[utoipa::path(
    post,
    path = "/practitioners/{id}/leaves/{leaveId}/withdraw",
    operation_id = "withdrawLeave",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner."), ("leaveId" = Uuid, Path, description = "The leave.")),
    responses((status = 200, description = "Taken back.", body = LeaveView)),
)]
pub async fn withdraw(
    cx: Cx<WithdrawLeave>,
    State(staff): State<Arc<Staff>>,
    PathIds((practitioner, id)): PathIds<(PractitionerId, LeaveId)>,
) -> Outcome {
    cx.reach_practitioner(practitioner)?;
    let mut tx = cx.begin(&staff.db).await?;
    practitioner::store::lock(&mut tx, practitioner).await?;
    let before = store::get(&mut **tx, practitioner, id)
        .await?
        .ok_or(LeaveError::Unknown)?;
    cx.expect_version(before.version)?;
    let after = before.withdraw(cx.now())?;
    store::update(&mut tx, &before, &after).await?;
    if let Some(event) = after.withdrawn() {
        tx.publish(&event);
    }
    let version = after.version;
    tx.commit(Answer::ok(&LeaveView::of(after, cx.principal()?)).version(version))
        .await
}

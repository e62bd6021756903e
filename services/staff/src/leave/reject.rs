//! `POST /practitioners/{id}/leaves/{leaveId}/reject`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::{Decision, LeaveError, LeaveId, must_be_of_another};
use super::store;
use super::view::LeaveView;
use crate::{Staff, practitioner};

/// A leave is refused.
pub struct RejectLeave;

impl Requires for RejectLeave {
    const NEEDS: Needs = Needs::Permission(Permission::LeaveDecide);
}

/// Refuses a leave.
#[utoipa::path(
    post,
    path = "/practitioners/{id}/leaves/{leaveId}/reject",
    operation_id = "rejectLeave",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner."), ("leaveId" = Uuid, Path, description = "The leave.")),
    responses((status = 200, description = "Refused.", body = LeaveView)),
)]
pub async fn reject(
    cx: Cx<RejectLeave>,
    State(staff): State<Arc<Staff>>,
    PathIds((practitioner, id)): PathIds<(PractitionerId, LeaveId)>,
) -> Outcome {
    let mut tx = cx.begin(&staff.db).await?;
    let standing = practitioner::store::lock(&mut tx, practitioner).await?;
    let caller = cx.principal()?;
    must_be_of_another(caller, practitioner, standing.user_id)?;
    let before = store::get(&mut **tx, practitioner, id)
        .await?
        .ok_or(LeaveError::Unknown)?;
    cx.expect_version(before.version)?;
    let after = before.reject(Decision {
        by: caller.user_id,
        at: cx.now(),
    })?;
    store::update(&mut tx, &before, &after).await?;
    let version = after.version;
    tx.commit(Answer::ok(&LeaveView::of(after, caller)).version(version))
        .await
}

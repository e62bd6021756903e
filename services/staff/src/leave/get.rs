//! `GET /practitioners/{id}/leaves/{leaveId}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::{LeaveError, LeaveId};
use super::store;
use super::view::LeaveView;
use crate::Staff;

/// One leave is wanted.
pub struct GetLeave;

impl Requires for GetLeave {
    const NEEDS: Needs = Needs::Permission(Permission::LeaveRead);
}

/// Shows one leave.
#[utoipa::path(
    get,
    path = "/practitioners/{id}/leaves/{leaveId}",
    operation_id = "getLeave",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner."), ("leaveId" = Uuid, Path, description = "The leave.")),
    responses((status = 200, description = "The leave.", body = LeaveView)),
)]
pub async fn get(
    cx: Cx<GetLeave>,
    State(staff): State<Arc<Staff>>,
    PathIds((practitioner, id)): PathIds<(PractitionerId, LeaveId)>,
) -> Outcome {
    cx.reach_practitioner(practitioner)?;
    let leave = store::get(staff.db.pool(), practitioner, id)
        .await?
        .ok_or(LeaveError::Unknown)?;
    let version = leave.version;
    Ok(Answer::ok(&LeaveView::of(leave, cx.principal()?)).version(version))
}

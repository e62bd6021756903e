//! `DELETE /practitioners/{id}/shifts/{shiftId}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_eventing::Publish as _;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::{self, ShiftError, ShiftId};
use super::store;
use crate::{Staff, practitioner};

/// A shift will not be.
pub struct CancelShift;

impl Requires for CancelShift {
    const NEEDS: Needs = Needs::Permission(Permission::StaffManage);
}

/// Cancels a shift; scheduling flags the appointments that stood on it.
#[utoipa::path(
    delete,
    path = "/practitioners/{id}/shifts/{shiftId}",
    operation_id = "cancelShift",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner."), ("shiftId" = Uuid, Path, description = "The shift.")),
    responses((status = 204, description = "Cancelled.")),
)]
pub async fn cancel(
    cx: Cx<CancelShift>,
    State(staff): State<Arc<Staff>>,
    PathIds((practitioner, id)): PathIds<(PractitionerId, ShiftId)>,
) -> Outcome {
    let mut tx = cx.begin(&staff.db).await?;
    practitioner::store::lock(&mut tx, practitioner).await?;
    let shift = store::get_for_change(&mut tx, practitioner, id)
        .await?
        .ok_or(ShiftError::Unknown)?;
    cx.expect_version(shift.version)?;
    store::cancel(&mut tx, &shift, cx.now()).await?;
    tx.publish(&model::cancelled(practitioner, id));
    tx.commit(Answer::no_content()).await
}

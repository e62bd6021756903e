//! `DELETE /practitioners/{id}/shift-patterns/{patternId}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_eventing::Publish as _;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::{PatternError, PatternId};
use super::store;
use crate::{Staff, practitioner, shift};

/// A weekly pattern ends.
pub struct EndShiftPattern;

impl Requires for EndShiftPattern {
    const NEEDS: Needs = Needs::Permission(Permission::StaffManage);
}

/// Ends a weekly pattern and cancels its shifts that have not begun.
#[utoipa::path(
    delete,
    path = "/practitioners/{id}/shift-patterns/{patternId}",
    operation_id = "endShiftPattern",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner."), ("patternId" = Uuid, Path, description = "The pattern.")),
    responses((status = 204, description = "Ended.")),
)]
pub async fn end(
    cx: Cx<EndShiftPattern>,
    State(staff): State<Arc<Staff>>,
    PathIds((practitioner, id)): PathIds<(PractitionerId, PatternId)>,
) -> Outcome {
    let mut tx = cx.begin(&staff.db).await?;
    practitioner::store::lock(&mut tx, practitioner).await?;
    let pattern = store::get_for_change(&mut tx, practitioner, id)
        .await?
        .ok_or(PatternError::Unknown)?;
    cx.expect_version(pattern.version)?;
    let now = cx.now();
    store::end(&mut tx, &pattern, now).await?;
    for shift in shift::store::cancel_future_of(&mut tx, id, now).await? {
        tx.publish(&shift::model::cancelled(practitioner, shift));
    }
    tx.commit(Answer::no_content()).await
}

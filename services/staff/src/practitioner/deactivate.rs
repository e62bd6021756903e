//! `POST /practitioners/{id}/deactivate`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_contracts::staff::v1::PractitionerDeactivated;
use galen_eventing::Publish as _;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::store;
use super::view::PractitionerView;
use crate::Staff;

/// A practitioner stops practising here.
pub struct DeactivatePractitioner;

impl Requires for DeactivatePractitioner {
    const NEEDS: Needs = Needs::Permission(Permission::StaffManage);
}

/// Ends a practitioner's practice: nobody can book or plan them any more.
#[utoipa::path(
    post,
    path = "/practitioners/{id}/deactivate",
    operation_id = "deactivatePractitioner",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner.")),
    responses((status = 200, description = "The practitioner as it now is.", body = PractitionerView)),
)]
pub async fn deactivate(
    cx: Cx<DeactivatePractitioner>,
    State(staff): State<Arc<Staff>>,
    PathIds(id): PathIds<PractitionerId>,
) -> Outcome {
    let mut tx = cx.begin(&staff.db).await?;
    let before = store::get_for_change(&mut tx, id).await?;
    cx.expect_version(before.version)?;
    let after = before.deactivate()?;
    store::update(&mut tx, &before, &after).await?;
    tx.publish(&PractitionerDeactivated {
        practitioner_id: id.to_string(),
    });
    let version = after.version;
    let view = PractitionerView::of(after, cx.principal()?);
    tx.commit(Answer::ok(&view).version(version)).await
}

//! `GET /practitioners/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::PractitionerError;
use super::store;
use super::view::PractitionerView;
use crate::Staff;

/// One practitioner is wanted.
pub struct GetPractitioner;

impl Requires for GetPractitioner {
    const NEEDS: Needs = Needs::Permission(Permission::StaffRead);
}

/// Shows one practitioner.
#[utoipa::path(
    get,
    path = "/practitioners/{id}",
    operation_id = "getPractitioner",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner.")),
    responses((status = 200, description = "The practitioner.", body = PractitionerView)),
)]
pub async fn get(
    cx: Cx<GetPractitioner>,
    State(staff): State<Arc<Staff>>,
    PathIds(id): PathIds<PractitionerId>,
) -> Outcome {
    let practitioner = store::get(staff.db.pool(), id)
        .await?
        .ok_or(PractitionerError::Unknown)?;
    let version = practitioner.version;
    Ok(Answer::ok(&PractitionerView::of(practitioner, cx.principal()?)).version(version))
}

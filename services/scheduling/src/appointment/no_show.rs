//! `POST /appointments/{id}/no-show`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::AppointmentId;
use galen_service::{Cx, Needs, Outcome, PathIds, Requires};

use super::model::Step;
use super::transition;
use super::view::AppointmentView;
use crate::Scheduling;

/// The patient did not come.
pub struct MarkNoShow;

impl Requires for MarkNoShow {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentAttend);
}

/// Notes that the patient did not come, from the start on. A job does the same some time after the end.
#[utoipa::path(
    post,
    path = "/appointments/{id}/no-show",
    operation_id = "markNoShow",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The appointment.")),
    responses((status = 200, description = "Not come.", body = AppointmentView)),
)]
pub async fn mark(
    cx: Cx<MarkNoShow>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<AppointmentId>,
) -> Outcome {
    transition::take(&cx, &scheduling, id, Step::MarkNoShow).await
}

//! `POST /appointments/{id}/check-in`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::AppointmentId;
use galen_service::{Cx, Needs, Outcome, PathIds, Requires};

use super::model::Step;
use super::transition;
use super::view::AppointmentView;
use crate::Scheduling;

/// The patient has arrived.
pub struct CheckIn;

impl Requires for CheckIn {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentAttend);
}

/// Notes that the patient has arrived, from some hours before the start on.
#[utoipa::path(
    post,
    path = "/appointments/{id}/check-in",
    operation_id = "checkInAppointment",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The appointment.")),
    responses((status = 200, description = "Checked in.", body = AppointmentView)),
)]
pub async fn check_in(
    cx: Cx<CheckIn>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<AppointmentId>,
) -> Outcome {
    transition::take(&cx, &scheduling, id, Step::CheckIn).await
}

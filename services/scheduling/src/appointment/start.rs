//! `POST /appointments/{id}/start`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::AppointmentId;
use galen_service::{Cx, Needs, Outcome, PathIds, Requires};

use super::model::Step;
use super::transition;
use super::view::AppointmentView;
use crate::Scheduling;

/// The practitioner begins.
pub struct StartAppointment;

impl Requires for StartAppointment {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentTreat);
}

/// Begins the consultation of a patient who has arrived.
#[utoipa::path(
    post,
    path = "/appointments/{id}/start",
    operation_id = "startAppointment",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The appointment.")),
    responses((status = 200, description = "In consultation.", body = AppointmentView)),
)]
pub async fn start(
    cx: Cx<StartAppointment>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<AppointmentId>,
) -> Outcome {
    transition::take(&cx, &scheduling, id, Step::Start).await
}

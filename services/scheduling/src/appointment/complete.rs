//! `POST /appointments/{id}/complete`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::AppointmentId;
use galen_service::{Cx, Needs, Outcome, PathIds, Requires};

use super::model::Step;
use super::transition;
use super::view::AppointmentView;
use crate::Scheduling;

/// The practitioner is done.
pub struct CompleteAppointment;

impl Requires for CompleteAppointment {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentTreat);
}

/// Ends the consultation.
#[utoipa::path(
    post,
    path = "/appointments/{id}/complete",
    operation_id = "completeAppointment",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The appointment.")),
    responses((status = 200, description = "Fulfilled.", body = AppointmentView)),
)]
pub async fn complete(
    cx: Cx<CompleteAppointment>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<AppointmentId>,
) -> Outcome {
    transition::take(&cx, &scheduling, id, Step::Complete).await
}

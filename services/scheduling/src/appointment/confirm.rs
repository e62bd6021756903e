//! `POST /appointments/{id}/confirm`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::AppointmentId;
use galen_service::{Cx, Needs, Outcome, PathIds, Requires};

use super::model::Step;
use super::transition;
use super::view::AppointmentView;
use crate::Scheduling;

/// The patient will come.
pub struct ConfirmAppointment;

impl Requires for ConfirmAppointment {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

/// Notes that the patient will come; patients can until some hours before.
#[utoipa::path(
    post,
    path = "/appointments/{id}/confirm",
    operation_id = "confirmAppointment",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The appointment.")),
    responses((status = 200, description = "Confirmed.", body = AppointmentView)),
)]
pub async fn confirm(
    cx: Cx<ConfirmAppointment>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<AppointmentId>,
) -> Outcome {
    transition::take(&cx, &scheduling, id, Step::Confirm).await
}

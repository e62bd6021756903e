//! `GET /appointments/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::AppointmentId;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;

use super::error::AppointmentError;
use super::store;
use super::view::AppointmentView;
use crate::Scheduling;
use crate::patient::reach::reach;

/// One appointment.
pub struct GetAppointment;

impl Requires for GetAppointment {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentRead);
}

/// Shows one appointment.
#[utoipa::path(
    get,
    path = "/appointments/{id}",
    operation_id = "getAppointment",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The appointment.")),
    responses((status = 200, description = "The appointment.", body = AppointmentView)),
)]
pub async fn get(
    cx: Cx<GetAppointment>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<AppointmentId>,
) -> Outcome {
    let mut connection = scheduling.db.pool().acquire().await.map_err(Error::from)?;
    let appointment = store::get(&mut *connection, id)
        .await?
        .ok_or(AppointmentError::Unknown)?;
    reach(cx.scope(), &mut connection, appointment.patient).await?;
    let version = appointment.version;
    let view = AppointmentView::open(&scheduling.vault, &mut connection, appointment).await?;
    Ok(Answer::ok(&view).version(version))
}

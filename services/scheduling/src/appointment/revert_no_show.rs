//! `POST /appointments/{id}/revert-no-show`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::AppointmentId;
use galen_contracts::scheduling::v1::NoShowReverted;
use galen_eventing::Publish as _;
use galen_service::{Cx, Needs, Outcome, PathIds, Requires};

use super::error::AppointmentError;
use super::model::Step;
use super::view::AppointmentView;
use super::{store, transition};
use crate::Scheduling;
use crate::claim;
use crate::claim::model::Obstacle;

/// The patient was there after all.
pub struct RevertNoShow;

impl Requires for RevertNoShow {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentAttend);
}

/// Takes back that the patient did not come: they have arrived. The time is taken
/// again, unless somebody else has it by now.
#[utoipa::path(
    post,
    path = "/appointments/{id}/revert-no-show",
    operation_id = "revertNoShow",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The appointment.")),
    responses((status = 200, description = "Checked in.", body = AppointmentView)),
)]
pub async fn revert(
    cx: Cx<RevertNoShow>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<AppointmentId>,
) -> Outcome {
    let mut tx = cx.begin(&scheduling.db).await?;
    let appointment = transition::load(&cx, &mut tx, id).await?;
    let next = appointment.decide(
        Step::RevertNoShow,
        transition::actor(cx.scope()),
        cx.now(),
        &scheduling.settings,
    )?;
    if !claim::store::retake(&mut tx, id).await? {
        let obstacle = claim::store::in_the_way(
            &mut tx,
            appointment.practitioner,
            appointment.patient,
            appointment.during,
        )
        .await?;
        return Err(match obstacle {
            Some(Obstacle::Patient) => AppointmentError::PatientBusy.into(),
            Some(Obstacle::Practitioner) | None => AppointmentError::SlotTaken.into(),
        });
    }
    let reverted = appointment.moved(next);
    store::change(&mut tx, &reverted).await?;
    tx.publish(&NoShowReverted {
        appointment: Some(reverted.facts()),
    });
    transition::finish(&scheduling, tx, reverted).await
}

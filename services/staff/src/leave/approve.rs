//! `POST /practitioners/{id}/leaves/{leaveId}/approve`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::convert::{self, WireError, to_wire};
use galen_contracts::ids::{Appointment, Patient, PractitionerId};
use galen_contracts::scheduling::v1::schedule_client::ScheduleClient;
use galen_contracts::scheduling::v1::{ListOpenAppointmentsRequest, OpenAppointment};
use galen_eventing::Publish as _;
use galen_kernel::Timestamp;
use galen_service::rpc::ask;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use serde::Serialize;
use tonic::transport::Channel;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Decision, Leave, LeaveError, LeaveId, LeaveStatus, must_be_of_another};
use super::store;
use super::view::LeaveView;
use crate::{Staff, practitioner};

/// A leave is granted.
pub struct ApproveLeave;

impl Requires for ApproveLeave {
    const NEEDS: Needs = Needs::Permission(Permission::LeaveDecide);
}

/// An approved leave, and what it takes the ground from under.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaveApproval {
    /// The leave.
    pub leave: LeaveView,
    /// Open appointments that overlap it, by start; each is about to be flagged for
    /// rescheduling.
    pub touched_appointments: Vec<TouchedAppointment>,
}

/// An open appointment that overlaps a leave.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TouchedAppointment {
    /// The appointment.
    pub id: Uuid,
    /// Whose it is.
    pub patient_id: Uuid,
    /// From then on.
    pub start: Timestamp,
    /// Up to then.
    pub end: Timestamp,
    /// What the patient comes for.
    #[schema(example = "CONSULTATION")]
    pub service_type: String,
    /// Where it stands.
    #[schema(example = "BOOKED")]
    pub status: String,
}

impl TryFrom<OpenAppointment> for TouchedAppointment {
    type Error = WireError;

    fn try_from(open: OpenAppointment) -> Result<Self, Self::Error> {
        Ok(Self {
            id: convert::id::<Appointment>("appointment_id", &open.appointment_id)?.uuid(),
            patient_id: convert::id::<Patient>("patient_id", &open.patient_id)?.uuid(),
            start: convert::instant("start", open.start.as_ref())?,
            end: convert::instant("end", open.end.as_ref())?,
            service_type: open.service_type,
            status: open.status,
        })
    }
}

/// Asks scheduling which open appointments a leave touches. That could not be asked
/// is an error and never an empty list.
async fn touched(
    mut schedule: ScheduleClient<Channel>,
    leave: &Leave,
) -> Result<Vec<TouchedAppointment>, LeaveError> {
    let question = ListOpenAppointmentsRequest {
        practitioner_id: leave.practitioner.to_string(),
        start: Some(to_wire(leave.during.start())),
        end: Some(to_wire(leave.during.end())),
    };
    let answer = ask("scheduling", question, async move |question| {
        schedule.list_open_appointments(question).await
    })
    .await?;
    Ok(answer
        .appointments
        .into_iter()
        .map(TouchedAppointment::try_from)
        .collect::<Result<_, _>>()?)
}

/// Grants a leave and lists the appointments it touches. An appointment that is
/// booked between the question and the grant is missing from the list, but is
/// flagged like the others.
#[utoipa::path(
    post,
    path = "/practitioners/{id}/leaves/{leaveId}/approve",
    operation_id = "approveLeave",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner."), ("leaveId" = Uuid, Path, description = "The leave.")),
    responses((status = 200, description = "Granted, with the appointments to be moved.", body = LeaveApproval)),
)]
pub async fn approve(
    cx: Cx<ApproveLeave>,
    State(staff): State<Arc<Staff>>,
    PathIds((practitioner, id)): PathIds<(PractitionerId, LeaveId)>,
) -> Outcome {
    cx.replayed(&staff.db).await?;
    let caller = cx.principal()?;
    let standing = practitioner::store::find_standing(staff.db.pool(), practitioner)
        .await?
        .ok_or(LeaveError::Unknown)?;
    must_be_of_another(caller, practitioner, standing.user_id)?;
    let waiting = store::get(staff.db.pool(), practitioner, id)
        .await?
        .ok_or(LeaveError::Unknown)?;
    // Asked before the transaction: no lock is held while another service thinks.
    // A leave's time never changes, so the answer fits whatever is loaded later.
    let touched_appointments = if waiting.status == LeaveStatus::Requested {
        touched(staff.schedule.clone(), &waiting).await?
    } else {
        Vec::new()
    };

    let mut tx = cx.begin(&staff.db).await?;
    let standing = practitioner::store::lock(&mut tx, practitioner).await?;
    must_be_of_another(caller, practitioner, standing.user_id)?;
    let before = store::get(&mut **tx, practitioner, id)
        .await?
        .ok_or(LeaveError::Unknown)?;
    cx.expect_version(before.version)?;
    let after = before.approve(Decision {
        by: caller.user_id,
        at: cx.now(),
    })?;
    store::update(&mut tx, &before, &after).await?;
    tx.publish(&after.approved());
    let version = after.version;
    let view = LeaveApproval {
        leave: LeaveView::of(after, caller),
        touched_appointments,
    };
    tx.commit(Answer::ok(&view).version(version)).await
}

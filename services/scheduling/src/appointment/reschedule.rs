//! `POST /appointments/{id}/reschedule`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::{AppointmentId, PractitionerId};
use galen_eventing::Publish as _;
use galen_kernel::{Pii, Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, Halt, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::{AppointmentError, Attempts};
use super::model::{Appointment, Step};
use super::placing::Order;
use super::view::AppointmentView;
use super::words::{self, REASON, Words};
use super::{store, transition};
use crate::interval::Interval;
use crate::patient::reach::reach;
use crate::{Scheduling, field};

/// Another time, and perhaps another practitioner.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RescheduleAppointment {
    /// From then on; in the future, within two years.
    #[schema(example = "2026-03-03T09:00:00+01:00")]
    pub start: Timestamp,
    /// Up to then; 5 minutes to 12 hours after the start.
    #[schema(example = "2026-03-03T09:30:00+01:00")]
    pub end: Timestamp,
    /// With whom; left out, with the same.
    pub practitioner_id: Option<Uuid>,
}

impl Requires for RescheduleAppointment {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

impl RescheduleAppointment {
    fn parse(&self, now: Timestamp) -> Result<Interval, Problem> {
        let mut wrong = Violations::new();
        let during = field::bookable(&mut wrong, ("/start", self.start), ("/end", self.end), now);
        field::accept(wrong, during)
    }
}

/// Moves an appointment: the old one ends and a new one takes its place, both or
/// neither. Answers the new one. What was paid before the old one is there for the new one.
#[utoipa::path(
    post,
    path = "/appointments/{id}/reschedule",
    operation_id = "rescheduleAppointment",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The appointment.")),
    request_body = RescheduleAppointment,
    responses((status = 201, description = "The appointment that takes its place.", body = AppointmentView)),
)]
pub async fn reschedule(
    cx: Cx<RescheduleAppointment>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<AppointmentId>,
    Body(request): Body<RescheduleAppointment>,
) -> Outcome {
    let during = request.parse(cx.now())?;
    cx.replayed(&scheduling.db).await?;
    let (old, reason) = look_at(&cx, &scheduling, id).await?;
    let practitioner = request
        .practitioner_id
        .map_or(old.practitioner, PractitionerId::from_uuid);
    let (admitted, offer) = tokio::join!(
        scheduling
            .admission
            .admit(old.patient, practitioner, during, old.service_type),
        scheduling.prices.offer(
            old.patient,
            old.service_type,
            old.payment_mode,
            during,
            Some(id)
        )
    );
    let patient = admitted?;
    let pricing = offer.affordable().map_err(AppointmentError::from)?;
    let order = Order {
        patient,
        practitioner,
        during,
        service_type: old.service_type,
        payment_mode: old.payment_mode,
        reason,
        series: old.series,
        replaces: Some(id),
        by: Some(cx.principal()?.user_id),
        pricing,
    };
    let mut attempts = Attempts::default();
    loop {
        let outcome = exchange(&cx, &scheduling, id, order.clone()).await;
        if !attempts.again(&outcome) {
            return outcome;
        }
    }
}

/// Refuses before the questions what would be refused after them. Opens the reason,
/// which is sealed anew for the appointment that takes the place.
async fn look_at(
    cx: &Cx<RescheduleAppointment>,
    scheduling: &Scheduling,
    id: AppointmentId,
) -> Result<(Appointment, Option<Pii<Words>>), Halt> {
    let mut connection = scheduling.db.pool().acquire().await.map_err(Error::from)?;
    let appointment = store::get(&mut *connection, id)
        .await?
        .ok_or(AppointmentError::Unknown)?;
    reach(cx.scope(), &mut connection, appointment.patient).await?;
    cx.expect_version(appointment.version)?;
    appointment.decide(
        Step::Reschedule,
        transition::actor(cx.scope()),
        cx.now(),
        &scheduling.settings,
    )?;
    let ring = words::keyring(
        &scheduling.vault,
        &mut connection,
        std::slice::from_ref(&appointment),
    )
    .await?;
    let of = (appointment.patient, appointment.id);
    let reason = words::open(&ring, &REASON, of, appointment.reason.as_ref())?;
    Ok((appointment, reason))
}

async fn exchange(
    cx: &Cx<RescheduleAppointment>,
    scheduling: &Scheduling,
    id: AppointmentId,
    order: Order,
) -> Result<Answer, Halt> {
    let mut tx = cx.begin(&scheduling.db).await?;
    transition::call_off(&scheduling.bookings, &mut tx, id).await?;
    let old = transition::load(cx, &mut tx, id).await?;
    let next = old.decide(
        Step::Reschedule,
        transition::actor(cx.scope()),
        cx.now(),
        &scheduling.settings,
    )?;
    // The old one's claim makes room for the new one's in one statement, so that an
    // appointment can be moved by less than its length.
    let new = scheduling
        .placing
        .place(&mut tx, order, Some(id.uuid()))
        .await?;
    let mut ended = old.moved(next);
    ended.replaced_by = Some(new.id);
    store::change(&mut tx, &ended).await?;
    tx.publish(&ended.rescheduled(new.id));
    let location = format!("/api/v1/appointments/{}", new.id);
    let version = new.version;
    let view = AppointmentView::open(&scheduling.vault, &mut tx, new).await?;
    tx.commit(Answer::created(&view).version(version).location(&location))
        .await
}

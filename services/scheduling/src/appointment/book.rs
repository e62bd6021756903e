//! `POST /appointments`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_eventing::Timers as _;
use galen_kernel::{Pii, Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, Halt, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::{AppointmentError, Attempts};
use super::placing::{Order, check_hold};
use super::view::AppointmentView;
use super::words::Words;
use crate::claim::model::HoldId;
use crate::interval::Interval;
use crate::service_type::{PaymentMode, ServiceType};
use crate::slot::expire::HOLD_EXPIRY;
use crate::{Scheduling, field};

/// An appointment to be booked.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BookAppointment {
    /// For whom; patients book for themselves.
    pub patient_id: Uuid,
    /// With whom.
    pub practitioner_id: Uuid,
    /// From then on; in the future, within two years.
    #[schema(example = "2026-03-02T09:00:00+01:00")]
    pub start: Timestamp,
    /// Up to then; 5 minutes to 12 hours after the start.
    #[schema(example = "2026-03-02T09:30:00+01:00")]
    pub end: Timestamp,
    /// What for.
    pub service_type: ServiceType,
    /// In the patient's words.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$",
        example = "Chest pain when climbing stairs"
    )]
    pub reason: Option<String>,
    /// A hold on exactly this slot, to be used up.
    pub hold_id: Option<Uuid>,
    /// Who is to pay.
    pub payment_mode: PaymentMode,
}

impl Requires for BookAppointment {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

impl BookAppointment {
    fn parse(&self, now: Timestamp) -> Result<(Interval, Option<Pii<Words>>), Problem> {
        let mut wrong = Violations::new();
        let during = field::bookable(&mut wrong, ("/start", self.start), ("/end", self.end), now);
        let reason = self
            .reason
            .as_deref()
            .and_then(|given| Words::paragraphs(&mut wrong, "/reason", given))
            .map(Pii::new);
        Ok((field::accept(wrong, during)?, reason))
    }
}

/// Books an appointment: takes the time, or says whose is taken.
///
/// Where the hospital is paid before, the patient's wallet must have as much; it is taken
/// while the booking is verified. Without it the appointment is cancelled again.
#[utoipa::path(
    post,
    path = "/appointments",
    operation_id = "bookAppointment",
    tag = "scheduling",
    request_body = BookAppointment,
    responses((status = 201, description = "Booked.", body = AppointmentView)),
)]
pub async fn book(
    cx: Cx<BookAppointment>,
    State(scheduling): State<Arc<Scheduling>>,
    Body(request): Body<BookAppointment>,
) -> Outcome {
    let (during, reason) = request.parse(cx.now())?;
    let patient = PatientId::from_uuid(request.patient_id);
    let practitioner = PractitionerId::from_uuid(request.practitioner_id);
    cx.reach_patient(patient)?;
    cx.replayed(&scheduling.db).await?;
    let (service_type, payment_mode) = (request.service_type, request.payment_mode);
    let (admitted, offer) = tokio::join!(
        scheduling
            .admission
            .admit(patient, practitioner, during, service_type),
        scheduling
            .prices
            .offer(patient, service_type, payment_mode, during, None)
    );
    let patient = admitted?;
    let pricing = offer.affordable().map_err(AppointmentError::from)?;
    let order = Order {
        patient,
        practitioner,
        during,
        service_type,
        payment_mode,
        reason,
        series: None,
        replaces: None,
        by: Some(cx.principal()?.user_id),
        pricing,
    };
    let hold = request.hold_id.map(HoldId::from_uuid);
    let mut attempts = Attempts::default();
    loop {
        let outcome = place(&cx, &scheduling, order.clone(), hold).await;
        if !attempts.again(&outcome) {
            return outcome;
        }
    }
}

async fn place(
    cx: &Cx<BookAppointment>,
    scheduling: &Scheduling,
    order: Order,
    hold: Option<HoldId>,
) -> Result<Answer, Halt> {
    let mut tx = cx.begin(&scheduling.db).await?;
    if let Some(hold) = hold {
        check_hold(&mut tx, hold, &order, cx.scope() == Scope::Any).await?;
        tx.cancel_timer(HOLD_EXPIRY, &hold.to_string()).await?;
    }
    let appointment = scheduling
        .placing
        .place(&mut tx, order, hold.map(|id| id.uuid()))
        .await?;
    let location = format!("/api/v1/appointments/{}", appointment.id);
    let version = appointment.version;
    let view = AppointmentView::open(&scheduling.vault, &mut tx, appointment).await?;
    tx.commit(Answer::created(&view).version(version).location(&location))
        .await
}

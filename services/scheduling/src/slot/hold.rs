//! `POST /slots/hold`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_contracts::ids::{PatientId, PractitionerId, UserId};
use galen_eventing::Timers as _;
use galen_kernel::{Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, Halt, Needs, Outcome, Requires};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::expire::HOLD_EXPIRY;
use crate::appointment::error::{AppointmentError, Attempts};
use crate::claim::model::Hold;
use crate::claim::store;
use crate::interval::Interval;
use crate::service_type::ServiceType;
use crate::{Scheduling, field};

/// How many slots patients can hold at a time.
const HOLDS_PER_PATIENT: i64 = 3;

/// A slot to be kept for some minutes.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldSlot {
    /// Whose time.
    pub practitioner_id: Uuid,
    /// From then on; in the future.
    #[schema(example = "2026-03-02T09:00:00+01:00")]
    pub start: Timestamp,
    /// Up to then; 5 minutes to 12 hours after the start.
    #[schema(example = "2026-03-02T09:30:00+01:00")]
    pub end: Timestamp,
    /// What for.
    pub service_type: ServiceType,
    /// For whom; then nobody else can be booked with it.
    pub patient_id: Option<Uuid>,
}

impl Requires for HoldSlot {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

/// A slot that is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hold)]
#[serde(rename_all = "camelCase")]
pub struct HoldView {
    /// Give it as `holdId` when booking.
    pub hold_id: Uuid,
    /// Until then.
    pub expires_at: Timestamp,
}

impl HoldSlot {
    fn parse(&self, now: Timestamp) -> Result<Interval, Problem> {
        let mut wrong = Violations::new();
        let during = field::bookable(&mut wrong, ("/start", self.start), ("/end", self.end), now);
        field::accept(wrong, during)
    }
}

/// Keeps a slot so that nobody else can book it, for some minutes.
#[utoipa::path(
    post,
    path = "/slots/hold",
    operation_id = "holdSlot",
    tag = "scheduling",
    request_body = HoldSlot,
    responses((status = 201, description = "Kept.", body = HoldView)),
)]
pub async fn hold(
    cx: Cx<HoldSlot>,
    State(scheduling): State<Arc<Scheduling>>,
    Body(request): Body<HoldSlot>,
) -> Outcome {
    let now = cx.now();
    let during = request.parse(now)?;
    if let Some(patient) = request.patient_id {
        cx.reach_patient(PatientId::from_uuid(patient))?;
    }
    cx.replayed(&scheduling.db).await?;
    let practitioner = PractitionerId::from_uuid(request.practitioner_id);
    let available = scheduling
        .practitioners
        .availability(practitioner, during, request.service_type)
        .await?;
    available.map_err(AppointmentError::PractitionerUnavailable)?;
    let account = cx.principal()?.user_id;
    let hold = Hold {
        id: cx.clock().id(),
        practitioner,
        during,
        service_type: request.service_type,
        patient: request.patient_id.map(PatientId::from_uuid),
        held_by: Some(account),
        expires_at: now
            .saturating_add(scheduling.settings.hold)
            .unwrap_or(now)
            .min(during.end()),
    };
    let mut attempts = Attempts::default();
    loop {
        let outcome = keep(&cx, &scheduling, &hold, account).await;
        if !attempts.again(&outcome) {
            return outcome;
        }
    }
}

async fn keep(
    cx: &Cx<HoldSlot>,
    scheduling: &Scheduling,
    hold: &Hold,
    account: UserId,
) -> Result<Answer, Halt> {
    let now = cx.now();
    let mut tx = cx.begin(&scheduling.db).await?;
    if cx.scope() != Scope::Any && store::held_by(&mut tx, account, now).await? >= HOLDS_PER_PATIENT
    {
        return Err(Problem::conflict(
            "TOO_MANY_HOLDS",
            "You hold as many slots as you can at a time.",
        )
        .into());
    }
    if !store::keep(&mut tx, hold, now).await? {
        return Err(AppointmentError::SlotTaken.into());
    }
    tx.set_timer(
        HOLD_EXPIRY,
        &hold.id.to_string(),
        hold.expires_at,
        serde_json::Value::Null,
    )
    .await?;
    let view = HoldView {
        hold_id: hold.id.uuid(),
        expires_at: hold.expires_at,
    };
    tx.commit(Answer::created(&view)).await
}

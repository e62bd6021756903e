//! `POST /appointments/{id}/cancel`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::AppointmentId;
use galen_kernel::{Pii, Problem, Violations};
use galen_service::{Answer, Body, Cx, Halt, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::Attempts;
use super::model::{Actor, Cancelling};
use super::transition;
use super::view::AppointmentView;
use super::words::Words;
use crate::Scheduling;

/// An appointment that will not be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelAppointment {
    /// Why, as a code; left out, it follows from who asks.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Z][A-Z0-9_]*$",
        example = "PATIENT_REQUEST"
    )]
    pub reason_code: Option<String>,
    /// Why, in somebody's words.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$",
        example = "Has a cold"
    )]
    pub reason: Option<String>,
}

impl Requires for CancelAppointment {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

impl CancelAppointment {
    /// The cancellation that is asked for.
    ///
    /// # Errors
    /// A 400 with every wrong field.
    pub fn parse(self, by: Actor) -> Result<Cancelling, Problem> {
        let mut wrong = Violations::new();
        if let Some(code) = &self.reason_code {
            let plain = code.starts_with(|c: char| c.is_ascii_uppercase())
                && code
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            wrong.require(
                plain && code.len() <= 64,
                "/reasonCode",
                "INVALID_CODE",
                "must be 1 to 64 of A-Z, 0-9 and _, and begin with a letter",
            );
        }
        let note = self
            .reason
            .as_deref()
            .and_then(|given| Words::paragraphs(&mut wrong, "/reason", given))
            .map(Pii::new);
        wrong.finish()?;
        let usual = if by == Actor::Patient {
            "PATIENT_REQUEST"
        } else {
            "ADMINISTRATIVE"
        };
        Ok(Cancelling {
            reason_code: self.reason_code.unwrap_or_else(|| usual.to_owned()),
            by,
            note,
        })
    }
}

/// Cancels an appointment to which nobody has arrived; patients can until some hours
/// before.
#[utoipa::path(
    post,
    path = "/appointments/{id}/cancel",
    operation_id = "cancelAppointment",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The appointment.")),
    request_body = CancelAppointment,
    responses((status = 200, description = "Cancelled.", body = AppointmentView)),
)]
pub async fn cancel(
    cx: Cx<CancelAppointment>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<AppointmentId>,
    Body(request): Body<CancelAppointment>,
) -> Outcome {
    let wish = request.parse(transition::actor(cx.scope()))?;
    let mut attempts = Attempts::default();
    loop {
        let outcome = call_off(&cx, &scheduling, id, &wish).await;
        if !attempts.again(&outcome) {
            return outcome;
        }
    }
}

async fn call_off(
    cx: &Cx<CancelAppointment>,
    scheduling: &Scheduling,
    id: AppointmentId,
    wish: &Cancelling,
) -> Result<Answer, Halt> {
    let mut tx = cx.begin(&scheduling.db).await?;
    transition::call_off(&scheduling.bookings, &mut tx, id).await?;
    let appointment = transition::load(cx, &mut tx, id).await?;
    let cancelled = transition::cancel(scheduling, &mut tx, appointment, wish, cx.now()).await?;
    transition::finish(scheduling, tx, cancelled).await
}

//! `POST /appointment-series/{id}/cancel`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Body, Cx, Halt, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Series, SeriesId};
use super::{get, store};
use crate::Scheduling;
use crate::appointment::cancel::CancelAppointment;
use crate::appointment::error::{AppointmentError, Attempts};
use crate::appointment::model::{Cancelling, Step};
use crate::appointment::{self, transition};
use crate::patient::reach::reach;

/// The rest of a series that will not be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelSeries {
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
        example = "The knee is well again"
    )]
    pub reason: Option<String>,
}

impl Requires for CancelSeries {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

/// Cancels every appointment of a series to which nobody has arrived and that has not
/// begun; patients keep what is too close to be cancelled by themselves.
#[utoipa::path(
    post,
    path = "/appointment-series/{id}/cancel",
    operation_id = "cancelAppointmentSeries",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The series.")),
    request_body = CancelSeries,
    responses((status = 200, description = "The series with what is left of it.", body = super::view::SeriesView)),
)]
pub async fn cancel(
    cx: Cx<CancelSeries>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<SeriesId>,
    Body(request): Body<CancelSeries>,
) -> Outcome {
    let wish = CancelAppointment {
        reason_code: request.reason_code,
        reason: request.reason,
    };
    let wish = wish.parse(transition::actor(cx.scope()))?;
    let mut attempts = Attempts::default();
    loop {
        let outcome = call_off(&cx, &scheduling, id, &wish).await;
        if !attempts.again(&outcome) {
            return outcome;
        }
    }
}

async fn call_off(
    cx: &Cx<CancelSeries>,
    scheduling: &Scheduling,
    id: SeriesId,
    wish: &Cancelling,
) -> Result<Answer, Halt> {
    let now = cx.now();
    let mut tx = cx.begin(&scheduling.db).await?;
    let series = store::get_for_change(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    reach(cx.scope(), &mut tx, series.patient).await?;
    cx.expect_version(series.version)?;
    if series.cancelled_at.is_some() {
        return Err(
            Problem::conflict("INVALID_TRANSITION", "The status does not allow this.")
                .with_detail("the series is cancelled already")
                .into(),
        );
    }
    for seen in appointment::store::of_series(tx.conn(), id).await? {
        if seen.during.start() <= now
            || seen
                .decide(Step::Cancel, wish.by, now, &scheduling.settings)
                .is_err()
        {
            continue;
        }
        // The process first, then the appointment: everybody locks in this order.
        transition::call_off(&scheduling.bookings, &mut tx, seen.id).await?;
        let current = appointment::store::get_for_change(&mut tx, seen.id)
            .await?
            .filter(|current| current.version == seen.version);
        let current = current.ok_or(AppointmentError::Changed)?;
        transition::cancel(scheduling, &mut tx, current, wish, now).await?;
    }
    store::cancel(&mut tx, &series, now).await?;
    let series = Series {
        cancelled_at: Some(now),
        version: series.version + 1,
        ..series
    };
    let view = get::view(scheduling, &mut tx, &series).await?;
    tx.commit(Answer::ok(&view).version(series.version)).await
}

//! `GET /appointments`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_kernel::{Cursor, Page, Problem, Timestamp, Violations, page};
use galen_service::page::PageView;
use galen_service::{Answer, Cx, Needs, Outcome, Params, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::model::Status;
use super::store::{self, Filter, Position};
use super::view::AppointmentView;
use crate::interval::in_calendar;
use crate::patient::reach::own;
use crate::{Scheduling, field};

/// Which appointments are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindAppointments {
    /// Of this patient, booked under any record that was merged into theirs.
    pub patient_id: Option<Uuid>,
    /// With this practitioner.
    pub practitioner_id: Option<Uuid>,
    /// That begin then or later.
    #[param(example = "2026-03-02T00:00:00+01:00")]
    pub from: Option<Timestamp>,
    /// That begin before.
    #[param(example = "2026-03-03T00:00:00+01:00")]
    pub to: Option<Timestamp>,
    /// In this status.
    pub status: Option<Status>,
    /// That must be moved, or need not.
    pub needs_reschedule: Option<bool>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindAppointments {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentRead);
}

/// Lists appointments by start; patients see their own.
#[utoipa::path(
    get,
    path = "/appointments",
    operation_id = "findAppointments",
    tag = "scheduling",
    params(FindAppointments),
    responses((status = 200, description = "A page.", body = PageView<AppointmentView>)),
)]
pub async fn find(
    cx: Cx<FindAppointments>,
    State(scheduling): State<Arc<Scheduling>>,
    Params(query): Params<FindAppointments>,
) -> Outcome {
    let mut wrong = Violations::new();
    let from = field::bound(&mut wrong, "?from", query.from);
    let to = field::bound(&mut wrong, "?to", query.to);
    wrong.finish()?;
    let limit = page::limit(query.limit)?;
    let after = query
        .cursor
        .as_deref()
        .map(Cursor::decode::<Position>)
        .transpose()?;
    if after.is_some_and(|position| !in_calendar(position.0)) {
        return Err(Problem::invalid_field(
            "?cursor",
            "INVALID_CURSOR",
            "is not a cursor of this list",
        )
        .into());
    }
    let filter = Filter {
        patient: own(cx.scope(), scheduling.db.pool(), query.patient_id).await?,
        practitioner: query.practitioner_id.map(PractitionerId::from_uuid),
        from,
        to,
        status: query.status,
        needs_reschedule: query.needs_reschedule,
    };
    let mut connection = scheduling.db.pool().acquire().await.map_err(Error::from)?;
    let rows = store::find(&mut *connection, &filter, after, limit).await?;
    let position = |appointment: &super::model::Appointment| {
        Position(appointment.during.start(), appointment.id.uuid())
    };
    let page = Page::from_rows(rows, limit, position);
    let items = AppointmentView::open_all(&scheduling.vault, &mut connection, page.items).await?;
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: page.next_cursor,
    }))
}

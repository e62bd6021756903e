//! `GET /waitlist` and `GET /waitlist/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_kernel::{Cursor, Page, Problem, Violations, page, text};
use galen_service::{Answer, Cx, Needs, Outcome, Params, PathIds, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use galen_service::page::PageView;

use super::model::{EntryId, Status};
use super::store::{self, Filter, Position};
use super::view::EntryView;
use crate::Scheduling;
use crate::interval::in_calendar;
use crate::patient::reach::{own, reach};

/// Who waits.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindWaitlist {
    /// This patient.
    pub patient_id: Option<Uuid>,
    /// For this practitioner.
    pub practitioner_id: Option<Uuid>,
    /// For this specialty; case does not matter.
    #[param(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Cardiology"
    )]
    pub specialty: Option<String>,
    /// In this status.
    pub status: Option<Status>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindWaitlist {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentRead);
}

/// One entry.
pub struct GetWaitlistEntry;

impl Requires for GetWaitlistEntry {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentRead);
}

/// Lists the waitlist in its order; patients see themselves.
#[utoipa::path(
    get,
    path = "/waitlist",
    operation_id = "findWaitlist",
    tag = "scheduling",
    params(FindWaitlist),
    responses((status = 200, description = "A page.", body = PageView<EntryView>)),
)]
pub async fn find(
    cx: Cx<FindWaitlist>,
    State(scheduling): State<Arc<Scheduling>>,
    Params(query): Params<FindWaitlist>,
) -> Outcome {
    let mut wrong = Violations::new();
    let specialty = query
        .specialty
        .as_deref()
        .and_then(|given| text::paragraphs(&mut wrong, "?specialty", given, 100));
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
        specialty,
        status: query.status,
    };
    let rows = store::find(scheduling.db.pool(), &filter, after, limit).await?;
    let page = Page::from_rows(rows, limit, Position::of).map(EntryView::from);
    Ok(Answer::ok(&PageView::from(page)))
}

/// Shows one entry.
#[utoipa::path(
    get,
    path = "/waitlist/{id}",
    operation_id = "getWaitlistEntry",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The entry.")),
    responses((status = 200, description = "The entry.", body = EntryView)),
)]
pub async fn get(
    cx: Cx<GetWaitlistEntry>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<EntryId>,
) -> Outcome {
    let mut connection = scheduling.db.pool().acquire().await.map_err(Error::from)?;
    let entry = store::get(&mut *connection, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    reach(cx.scope(), &mut connection, entry.patient).await?;
    let version = entry.version;
    Ok(Answer::ok(&EntryView::from(entry)).version(version))
}

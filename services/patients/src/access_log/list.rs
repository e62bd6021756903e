//! Reading the access log of a patient.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Cursor, Page, Timestamp, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, PathIds, Requires};
use galen_storage::Error;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::break_glass::model::{self, BreakGlass};
use crate::break_glass::store::{self, Position};
use crate::named::named;
use crate::patient::reach::reached;
use crate::{Patients, input};

named! {
    /// In which way a record was reached.
    pub enum AccessKind {
        /// Somebody who does not care for the patient opened it in an emergency.
        BreakGlass = "BREAK_GLASS",
    }
}

/// One access to a patient's record.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PatientAccess)]
pub struct AccessView {
    /// Its id.
    id: Uuid,
    /// In which way.
    kind: AccessKind,
    /// The record that was opened: after a merge, maybe a retired one.
    patient_id: Uuid,
    /// Since when.
    at: Timestamp,
    /// The instant from which it was closed again.
    until: Timestamp,
    /// The account that reached it.
    user_id: Uuid,
    /// The practitioner whom the account belonged to.
    practitioner_id: Uuid,
    /// Why, in their words.
    reason: String,
    /// What was thought of it afterwards; null while nobody has judged it.
    outcome: Option<model::Outcome>,
}

impl From<BreakGlass> for AccessView {
    fn from(glass: BreakGlass) -> Self {
        Self {
            id: glass.id.uuid(),
            kind: AccessKind::BreakGlass,
            patient_id: glass.patient_id.uuid(),
            at: glass.opened_at,
            until: glass.until,
            user_id: glass.user_id.uuid(),
            practitioner_id: glass.practitioner_id.uuid(),
            reason: glass.reason.into(),
            outcome: glass.review.map(|review| review.outcome),
        }
    }
}

/// Which part of the access log.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReadAccessLog {
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where the page before ended.
    cursor: Option<String>,
}

impl Requires for ReadAccessLog {
    const NEEDS: Needs = Needs::Permission(Permission::AccessLogRead);
}

/// Read the access log
///
/// Who broke the glass to the record, when and why, and what was thought of it. Latest
/// first, under all records of the person.
#[utoipa::path(
    get,
    path = "/patients/{id}/access-log",
    operation_id = "readAccessLog",
    tag = "patients",
    params(
        ("id" = uuid::Uuid, Path, description = "Id of the record"),
        ReadAccessLog,
    ),
    responses((status = 200, description = "A page of accesses.", body = PageView<AccessView>)),
)]
pub async fn list(
    cx: Cx<ReadAccessLog>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Params(wanted): Params<ReadAccessLog>,
) -> Outcome {
    let limit = page::limit(wanted.limit)?;
    let after: Option<Position> = wanted.cursor.as_deref().map(Cursor::decode).transpose()?;
    if after.is_some_and(|(at, _)| !input::is_on_record(at)) {
        return Err(input::stray_cursor().into());
    }
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    reached(&cx, &mut connection, id).await?;
    let found = store::page_of_person(&s.vault, &mut connection, id, after, limit).await?;
    let page = Page::from_rows(found, limit, |glass| (glass.opened_at, glass.id.uuid()));
    Ok(Answer::ok(&PageView::from(page.map(AccessView::from))))
}

//! Marking an entry as made in error: what was never true is not deleted.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Text, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{EntryError, EntryId, ErrorMark, Kind};
use super::store;
use super::view::EntryView;
use crate::Patients;
use crate::patient::reach::reached;

/// Marks an entry as made in error.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarkError {
    /// Why.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Wrong patient")
    )]
    reason: String,
}

impl Requires for MarkError {
    const NEEDS: Needs = Needs::Permission(Permission::RecordWrite);
}

async fn mark(
    cx: Cx<MarkError>,
    s: Arc<Patients>,
    kind: Kind,
    (id, entry_id): (PatientId, EntryId),
    request: MarkError,
) -> Outcome {
    let mut violations = Violations::new();
    let reason = Text::line(&mut violations, "/reason", &request.reason);
    violations.finish()?;
    let reason =
        reason.ok_or_else(|| Problem::internal("a field was refused without a violation"))?;
    let mut tx = cx.begin(&s.db).await?;
    reached(&cx, &mut tx, id).await?.writable()?;
    let mut entry = store::find_for_update(&s.vault, &mut tx, id, kind, entry_id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(entry.version)?;
    if entry.error.is_some() {
        return Err(EntryError::InError.into());
    }
    let mark = ErrorMark {
        by: cx.principal()?.user_id,
        at: cx.now(),
        reason,
    };
    store::mark_error(&s.vault, &mut tx, &entry, &mark).await?;
    entry.error = Some(mark);
    entry.version += 1;
    let version = entry.version;
    tx.commit(Answer::ok(&EntryView::from(entry)).version(version))
        .await
}

/// Mark an allergy as entered in error
#[utoipa::path(
    post,
    path = "/patients/{id}/allergies/{entryId}/entered-in-error",
    operation_id = "markAllergyInError",
    tag = "patients",
    params(
        ("id" = uuid::Uuid, Path, description = "Id of the record"),
        ("entryId" = uuid::Uuid, Path, description = "Id of the entry"),
    ),
    request_body = MarkError,
    responses((status = 200, description = "Marked.", body = EntryView)),
)]
pub async fn allergy(
    cx: Cx<MarkError>,
    State(s): State<Arc<Patients>>,
    PathIds(ids): PathIds<(PatientId, EntryId)>,
    Body(request): Body<MarkError>,
) -> Outcome {
    mark(cx, s, Kind::Allergy, ids, request).await
}

/// Mark a condition as entered in error
#[utoipa::path(
    post,
    path = "/patients/{id}/conditions/{entryId}/entered-in-error",
    operation_id = "markConditionInError",
    tag = "patients",
    params(
        ("id" = uuid::Uuid, Path, description = "Id of the record"),
        ("entryId" = uuid::Uuid, Path, description = "Id of the entry"),
    ),
    request_body = MarkError,
    responses((status = 200, description = "Marked.", body = EntryView)),
)]
pub async fn condition(
    cx: Cx<MarkError>,
    State(s): State<Arc<Patients>>,
    PathIds(ids): PathIds<(PatientId, EntryId)>,
    Body(request): Body<MarkError>,
) -> Outcome {
    mark(cx, s, Kind::Condition, ids, request).await
}

/// Mark a note as entered in error
#[utoipa::path(
    post,
    path = "/patients/{id}/notes/{entryId}/entered-in-error",
    operation_id = "markNoteInError",
    tag = "patients",
    params(
        ("id" = uuid::Uuid, Path, description = "Id of the record"),
        ("entryId" = uuid::Uuid, Path, description = "Id of the entry"),
    ),
    request_body = MarkError,
    responses((status = 200, description = "Marked.", body = EntryView)),
)]
pub async fn note(
    cx: Cx<MarkError>,
    State(s): State<Arc<Patients>>,
    PathIds(ids): PathIds<(PatientId, EntryId)>,
    Body(request): Body<MarkError>,
) -> Outcome {
    mark(cx, s, Kind::Note, ids, request).await
}

/// Mark a vital sign as entered in error
#[utoipa::path(
    post,
    path = "/patients/{id}/vitals/{entryId}/entered-in-error",
    operation_id = "markVitalInError",
    tag = "patients",
    params(
        ("id" = uuid::Uuid, Path, description = "Id of the record"),
        ("entryId" = uuid::Uuid, Path, description = "Id of the entry"),
    ),
    request_body = MarkError,
    responses((status = 200, description = "Marked.", body = EntryView)),
)]
pub async fn vital(
    cx: Cx<MarkError>,
    State(s): State<Arc<Patients>>,
    PathIds(ids): PathIds<(PatientId, EntryId)>,
    Body(request): Body<MarkError>,
) -> Outcome {
    mark(cx, s, Kind::Vital, ids, request).await
}

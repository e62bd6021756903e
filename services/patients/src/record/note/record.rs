//! Writing a note, and amending one.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Text, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::model::{EntryId, latest};
use super::super::open::{NewEntry, open, source};
use super::model::{Note, NoteView};
use crate::patient::body::IdentifierBody;
use crate::{Patients, input};

/// Writes a note.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WriteNote {
    /// What it is about.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    title: Option<String>,
    /// What it says; may have several lines.
    #[schema(
        min_length = 1,
        max_length = 20000,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
    )]
    text: String,
    /// When it was true of the patient; now when left out.
    #[schema(format = "date-time")]
    effective_at: Option<String>,
    /// The earlier note that this one takes the place of; that one stays readable.
    #[schema(value_type = Option<uuid::Uuid>)]
    amends: Option<EntryId>,
    /// Its number in another system, so that an import can be repeated.
    identifier: Option<IdentifierBody>,
}

impl Requires for WriteNote {
    const NEEDS: Needs = Needs::Permission(Permission::RecordWrite);
}

/// Write a note
#[utoipa::path(
    post,
    path = "/patients/{id}/notes",
    operation_id = "writeNote",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the record")),
    request_body = WriteNote,
    responses((status = 201, description = "Recorded.", body = NoteView)),
)]
pub async fn record(
    cx: Cx<WriteNote>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Body(request): Body<WriteNote>,
) -> Outcome {
    let now = cx.now();
    let mut violations = Violations::new();
    let title = request
        .title
        .as_ref()
        .and_then(|text| Text::line(&mut violations, "/title", text));
    let text = Text::paragraphs(&mut violations, "/text", &request.text);
    let effective_at = request
        .effective_at
        .as_ref()
        .and_then(|text| input::instant(&mut violations, "/effectiveAt", text, latest(now)));
    let source = source(&mut violations, request.identifier.as_ref(), now);
    violations.finish()?;
    let text = text.ok_or_else(|| Problem::internal("a field was refused without a violation"))?;
    let note = Note { title, text };

    let mut tx = cx.begin(&s.db).await?;
    let new = NewEntry {
        happened_at: effective_at.unwrap_or(now),
        amends: request.amends,
        source,
    };
    let entry = open(&cx, &s.vault, &mut tx, id, new, &note).await?;
    let version = entry.version;
    tx.commit(Answer::created(&NoteView::from((entry, note))).version(version))
        .await
}

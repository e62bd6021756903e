//! Recording a vital sign.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::model::{EntryId, latest};
use super::super::open::{NewEntry, open, source};
use super::model::{Sign, Vital, VitalView};
use crate::patient::body::IdentifierBody;
use crate::{Patients, input};

/// Records a measured vital sign.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordVital {
    /// What was measured.
    kind: Sign,
    /// The value; kept to three decimals. Must be plausible for the kind.
    value: f64,
    /// The unit of the value (UCUM), one of the kind's.
    #[schema(min_length = 1, max_length = 16, examples("/min"))]
    unit: String,
    /// When it was measured; now when left out.
    #[schema(format = "date-time")]
    effective_at: Option<String>,
    /// The earlier entry that this one takes the place of.
    #[schema(value_type = Option<uuid::Uuid>)]
    amends: Option<EntryId>,
    /// Its number in another system, so that an import can be repeated.
    identifier: Option<IdentifierBody>,
}

impl Requires for RecordVital {
    const NEEDS: Needs = Needs::Permission(Permission::RecordWrite);
}

/// Record a vital sign
#[utoipa::path(
    post,
    path = "/patients/{id}/vitals",
    operation_id = "recordVital",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the record")),
    request_body = RecordVital,
    responses((status = 201, description = "Recorded.", body = VitalView)),
)]
pub async fn record(
    cx: Cx<RecordVital>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Body(request): Body<RecordVital>,
) -> Outcome {
    let now = cx.now();
    let mut violations = Violations::new();
    let effective_at = request
        .effective_at
        .as_ref()
        .and_then(|text| input::instant(&mut violations, "/effectiveAt", text, latest(now)));
    let source = source(&mut violations, request.identifier.as_ref(), now);
    let vital = Vital::measure(request.kind, request.value, &request.unit)
        .map_err(|error| {
            let (pointer, code) = error.field();
            violations.push(pointer, code, error.to_string());
        })
        .ok();
    violations.finish()?;
    let vital =
        vital.ok_or_else(|| Problem::internal("a field was refused without a violation"))?;

    let mut tx = cx.begin(&s.db).await?;
    let new = NewEntry {
        happened_at: effective_at.unwrap_or(now),
        amends: request.amends,
        source,
    };
    let entry = open(&cx, &s.vault, &mut tx, id, new, &vital).await?;
    let version = entry.version;
    tx.commit(Answer::created(&VitalView::from((entry, vital))).version(version))
        .await
}

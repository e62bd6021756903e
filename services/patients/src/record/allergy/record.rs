//! Recording an allergy.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Text, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::model::{CodingBody, EntryId, beginning};
use super::super::open::{NewEntry, open, source};
use super::model::{Allergy, AllergyView, Category, Criticality, Status};
use crate::patient::body::IdentifierBody;
use crate::{Patients, input};

/// Records an allergy.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordAllergy {
    /// To what.
    code: CodingBody,
    /// Whether it still is one.
    clinical_status: Status,
    /// What kind.
    category: Option<Category>,
    /// How bad it could become.
    criticality: Option<Criticality>,
    /// What happens.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
    )]
    reaction: Option<String>,
    /// Since when; today at the latest.
    #[schema(format = "date")]
    onset: Option<String>,
    /// The earlier entry that this one takes the place of.
    #[schema(value_type = Option<uuid::Uuid>)]
    amends: Option<EntryId>,
    /// Its number in another system, so that an import can be repeated.
    identifier: Option<IdentifierBody>,
}

impl Requires for RecordAllergy {
    const NEEDS: Needs = Needs::Permission(Permission::RecordWrite);
}

/// Record an allergy
#[utoipa::path(
    post,
    path = "/patients/{id}/allergies",
    operation_id = "recordAllergy",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the record")),
    request_body = RecordAllergy,
    responses((status = 201, description = "Recorded.", body = AllergyView)),
)]
pub async fn record(
    cx: Cx<RecordAllergy>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Body(request): Body<RecordAllergy>,
) -> Outcome {
    let mut violations = Violations::new();
    let code = request.code.read(&mut violations, "/code");
    let reaction = request
        .reaction
        .as_ref()
        .and_then(|text| Text::paragraphs(&mut violations, "/reaction", text));
    let today = cx.now().to_zoned(s.zone.clone()).date();
    let onset = request
        .onset
        .as_ref()
        .and_then(|text| input::day(&mut violations, "/onset", text, input::EARLIEST, today));
    let source = source(&mut violations, request.identifier.as_ref(), cx.now());
    violations.finish()?;
    let code = code.ok_or_else(|| Problem::internal("a field was refused without a violation"))?;
    let RecordAllergy {
        clinical_status,
        category,
        criticality,
        amends,
        ..
    } = request;
    let allergy = Allergy {
        code,
        clinical_status,
        category,
        criticality,
        reaction,
        onset,
    };

    let mut tx = cx.begin(&s.db).await?;
    let happened_at = onset.map_or_else(|| cx.now(), |day| beginning(day, &s.zone, cx.now()));
    let new = NewEntry {
        happened_at,
        amends,
        source,
    };
    let entry = open(&cx, &s.vault, &mut tx, id, new, &allergy).await?;
    let version = entry.version;
    tx.commit(Answer::created(&AllergyView::from((entry, allergy))).version(version))
        .await
}

//! Recording a condition.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::model::{CodingBody, EntryId, beginning};
use super::super::open::{NewEntry, open, source};
use super::model::{Condition, ConditionView, Period, Status};
use crate::patient::body::IdentifierBody;
use crate::{Patients, input};

/// Records a condition.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordCondition {
    /// Which.
    code: CodingBody,
    /// Its course.
    clinical_status: Status,
    /// Since when; today at the latest.
    #[schema(format = "date")]
    onset: Option<String>,
    /// Until when; today at the latest and not before `onset`.
    #[schema(format = "date")]
    abatement: Option<String>,
    /// The earlier entry that this one takes the place of: how a condition changes its
    /// course.
    #[schema(value_type = Option<uuid::Uuid>)]
    amends: Option<EntryId>,
    /// Its number in another system, so that an import can be repeated.
    identifier: Option<IdentifierBody>,
}

impl Requires for RecordCondition {
    const NEEDS: Needs = Needs::Permission(Permission::RecordWrite);
}

/// Record a condition
#[utoipa::path(
    post,
    path = "/patients/{id}/conditions",
    operation_id = "recordCondition",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the record")),
    request_body = RecordCondition,
    responses((status = 201, description = "Recorded.", body = ConditionView)),
)]
pub async fn record(
    cx: Cx<RecordCondition>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Body(request): Body<RecordCondition>,
) -> Outcome {
    let mut violations = Violations::new();
    let code = request.code.read(&mut violations, "/code");
    let today = cx.now().to_zoned(s.zone.clone()).date();
    let onset = request
        .onset
        .as_ref()
        .and_then(|text| input::day(&mut violations, "/onset", text, input::EARLIEST, today));
    let abatement = request
        .abatement
        .as_ref()
        .and_then(|text| input::day(&mut violations, "/abatement", text, input::EARLIEST, today));
    let source = source(&mut violations, request.identifier.as_ref(), cx.now());
    let period = Period::read(&mut violations, onset, abatement);
    violations.finish()?;
    let (code, period) = code
        .zip(period)
        .ok_or_else(|| Problem::internal("a field was refused without a violation"))?;
    let condition = Condition {
        code,
        clinical_status: request.clinical_status,
        period,
    };

    let mut tx = cx.begin(&s.db).await?;
    let happened_at = onset.map_or_else(|| cx.now(), |day| beginning(day, &s.zone, cx.now()));
    let new = NewEntry {
        happened_at,
        amends: request.amends,
        source,
    };
    let entry = open(&cx, &s.vault, &mut tx, id, new, &condition).await?;
    let version = entry.version;
    tx.commit(Answer::created(&ConditionView::from((entry, condition))).version(version))
        .await
}

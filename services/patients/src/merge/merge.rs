//! Merging a record into another one of the same person.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::PatientsMerged;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Violations, text};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Decision, Target};
use super::store;
use crate::duplicate::list::DuplicateStatus;
use crate::patient::reach::reach_everybody;
use crate::patient::view::PatientView;
use crate::{Patients, duplicate, patient};

/// Merges a record into another one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MergePatient {
    /// The record that is to stand for the person.
    #[schema(value_type = uuid::Uuid)]
    into_id: PatientId,
    /// How it is known that the two are one person.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Same passport")
    )]
    reason: String,
}

impl Requires for MergePatient {
    const NEEDS: Needs = Needs::Permission(Permission::PatientMerge);
}

/// Merge two records of one person
///
/// The record of the path retires and points to the one of `intoId`. Both numbers stay
/// valid. Coverages and entries of the retired record are shown under the survivor and
/// are not moved, so that undoing the merge restores exactly what was. Answers the
/// retired record.
#[utoipa::path(
    post,
    path = "/patients/{id}/merge",
    operation_id = "mergePatient",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the record that retires")),
    request_body = MergePatient,
    responses((status = 200, description = "Merged: the retired record.", body = PatientView)),
)]
pub async fn merge(
    cx: Cx<MergePatient>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Body(request): Body<MergePatient>,
) -> Outcome {
    reach_everybody(&cx)?;
    let mut violations = Violations::new();
    let reason = text::line(&mut violations, "/reason", &request.reason, 500).unwrap_or_default();
    violations.finish()?;

    cx.concerns(request.into_id);
    let mut tx = cx.begin(&s.db).await?;
    patient::store::lock(&mut tx, &[id, request.into_id]).await?;
    let retired = patient::store::find(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let survivor = patient::store::find(&mut tx, request.into_id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(retired.version)?;
    let target = Target {
        id: survivor.id,
        status: survivor.status,
        survivor_id: survivor.survivor_id.unwrap_or(survivor.id),
    };
    let event =
        store::history(&mut tx, id)
            .await?
            .merge(retired.status, &target, cx.clock().id())?;

    let decision = Decision {
        by: cx.principal()?.user_id,
        at: cx.now(),
        reason,
    };
    store::append(&mut tx, cx.clock().uuid(), &event, &decision).await?;
    duplicate::store::decide(
        &mut tx,
        (id, survivor.id),
        DuplicateStatus::Merged,
        &decision,
        cx.clock().uuid(),
    )
    .await?;
    tx.publish(&PatientsMerged {
        survivor_id: survivor.id.to_string(),
        retired_id: id.to_string(),
        merge_id: event.merge_id.to_string(),
    });
    let retired = patient::store::find(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let version = retired.version;
    let view = PatientView::open(&s.vault, &mut tx, retired).await?;
    tx.commit(Answer::ok(&view).version(version)).await
}

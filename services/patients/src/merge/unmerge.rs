//! Undoing a merge.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::PatientsUnmerged;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Violations, text};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::Decision;
use super::store;
use crate::duplicate::list::DuplicateStatus;
use crate::patient::reach::reach_everybody;
use crate::patient::view::PatientView;
use crate::{Patients, duplicate, patient};

/// Undoes a merge.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnmergePatient {
    /// How it is known that the two are not one person.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Twin sisters")
    )]
    reason: String,
}

impl Requires for UnmergePatient {
    const NEEDS: Needs = Needs::Permission(Permission::PatientMerge);
}

/// Undo a merge
///
/// The retired record of the path stands on its own again, as it was before the merge.
/// What was recorded under the survivor since then stays with the survivor.
#[utoipa::path(
    post,
    path = "/patients/{id}/unmerge",
    operation_id = "unmergePatient",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the retired record")),
    request_body = UnmergePatient,
    responses((status = 200, description = "Undone: the restored record.", body = PatientView)),
)]
pub async fn unmerge(
    cx: Cx<UnmergePatient>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Body(request): Body<UnmergePatient>,
) -> Outcome {
    reach_everybody(&cx)?;
    let mut violations = Violations::new();
    let reason = text::line(&mut violations, "/reason", &request.reason, 500).unwrap_or_default();
    violations.finish()?;

    let mut tx = cx.begin(&s.db).await?;
    // The survivor is known only after reading; locking it as well keeps the order of
    // ids, and the history is read again under the locks.
    let merged_into = store::history(&mut tx, id).await?.merged_into();
    patient::store::lock(&mut tx, &[id, merged_into.unwrap_or(id)]).await?;
    let restored = patient::store::find(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(restored.version)?;
    let event = store::history(&mut tx, id).await?.unmerge()?;

    let decision = Decision {
        by: cx.principal()?.user_id,
        at: cx.now(),
        reason,
    };
    store::append(&mut tx, cx.clock().uuid(), &event, &decision).await?;
    duplicate::store::decide(
        &mut tx,
        (id, event.survivor_id),
        DuplicateStatus::Reverted,
        &decision,
        cx.clock().uuid(),
    )
    .await?;
    tx.publish(&PatientsUnmerged {
        survivor_id: event.survivor_id.to_string(),
        restored_id: id.to_string(),
        merge_id: event.merge_id.to_string(),
    });
    let restored = patient::store::find(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let version = restored.version;
    let view = PatientView::open(&s.vault, &mut tx, restored).await?;
    tx.commit(Answer::ok(&view).version(version)).await
}

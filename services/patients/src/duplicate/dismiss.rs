//! Deciding that a pair is not one person.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations, text};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::list::{DuplicateStatus, PairView};
use super::store::{self, DuplicateId};
use crate::Patients;
use crate::merge::model::Decision;
use crate::patient::reach::reach_everybody;

/// Dismisses a pair.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DismissDuplicate {
    /// How it is known that the two are not one person.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Father and son")
    )]
    reason: String,
}

impl Requires for DismissDuplicate {
    const NEEDS: Needs = Needs::Permission(Permission::PatientMerge);
}

/// Dismiss a pair
///
/// The two are remembered as different people and are not found again.
#[utoipa::path(
    post,
    path = "/patients/duplicates/{id}/dismiss",
    operation_id = "dismissDuplicate",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the pair")),
    request_body = DismissDuplicate,
    responses((status = 200, description = "Dismissed.", body = PairView)),
)]
pub async fn dismiss(
    cx: Cx<DismissDuplicate>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<DuplicateId>,
    Body(request): Body<DismissDuplicate>,
) -> Outcome {
    reach_everybody(&cx)?;
    let mut violations = Violations::new();
    let reason = text::line(&mut violations, "/reason", &request.reason, 500).unwrap_or_default();
    violations.finish()?;

    let mut tx = cx.begin(&s.db).await?;
    let pair = store::find_for_update(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(pair.version)?;
    if pair.status != DuplicateStatus::Open {
        return Err(
            Problem::conflict("ALREADY_DECIDED", "Somebody has decided about this pair.").into(),
        );
    }
    let decision = Decision {
        by: cx.principal()?.user_id,
        at: cx.now(),
        reason,
    };
    store::dismiss(&mut tx, id, pair.version, &decision).await?;
    let pair = store::find_for_update(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let version = pair.version;
    tx.commit(Answer::ok(&PairView::from(pair)).version(version))
        .await
}

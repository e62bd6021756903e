//! Rejecting the erasure of somebody.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::{Decision, ErasureId};
use super::store;
use super::view::ErasureView;
use crate::Patients;

/// Rejects an erasure.
pub struct RejectErasure;

impl Requires for RejectErasure {
    const NEEDS: Needs = Needs::Permission(Permission::PatientErase);
}

/// Reject the erasure of a person
///
/// By anybody who may approve one; who asked takes the request back in this way.
#[utoipa::path(
    post,
    path = "/erasures/{id}/reject",
    operation_id = "rejectErasure",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the request")),
    responses((status = 200, description = "Rejected: nothing was erased.", body = ErasureView)),
)]
pub async fn reject(
    cx: Cx<RejectErasure>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<ErasureId>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    let erasure = store::find_for_update(&s.vault, &mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.concerns(erasure.patient_id);
    cx.expect_version(erasure.version())?;
    let erasure = erasure.rejected(Decision {
        by: cx.principal()?.user_id,
        at: cx.now(),
    })?;
    store::decide(&mut tx, &erasure).await?;
    let version = erasure.version();
    tx.commit(Answer::ok(&ErasureView::from(erasure)).version(version))
        .await
}

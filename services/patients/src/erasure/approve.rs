//! Approving the erasure of somebody, which carries it out.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::patients::v1::PatientErased;
use galen_eventing::Publish as _;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::{Decision, ErasureId};
use super::store;
use super::view::ErasureView;
use crate::Patients;
use crate::patient::reach::reached_for_update;

/// Approves an erasure.
pub struct ApproveErasure;

impl Requires for ApproveErasure {
    const NEEDS: Needs = Needs::Permission(Permission::PatientErase);
    const STEP_UP: bool = true;
}

/// Approve the erasure of a person
///
/// By somebody else than who asked. It cannot be undone. Needs a recent login.
///
/// From the answer on, the records of the person are gone; moments later their keys are
/// erased as well, in every service, and the request is `DONE`.
#[utoipa::path(
    post,
    path = "/erasures/{id}/approve",
    operation_id = "approveErasure",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the request")),
    responses((status = 200, description = "Erased.", body = ErasureView)),
)]
pub async fn approve(
    cx: Cx<ApproveErasure>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<ErasureId>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    let erasure = store::find_for_update(&s.vault, &mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(erasure.version())?;
    let patient = erasure.patient_id;
    let erasure = erasure.approved(Decision {
        by: cx.principal()?.user_id,
        at: cx.now(),
    })?;
    let records = store::lock_person(&mut tx, patient).await?;
    // Found to be somebody else's after it was asked for: to be asked for anew.
    reached_for_update(&cx, &mut tx, patient)
        .await?
        .writable()?;
    store::decide(&mut tx, &erasure).await?;
    store::forget(&mut tx, &records, cx.now()).await?;
    for record in records {
        cx.concerns(record);
        tx.publish(&PatientErased {
            patient_id: record.to_string(),
        });
    }
    let version = erasure.version();
    tx.commit(Answer::ok(&ErasureView::from(erasure)).version(version))
        .await
}

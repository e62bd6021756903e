//! Asking for the erasure of somebody.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Text, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{self, Erasure};
use super::store;
use super::view::ErasureView;
use crate::Patients;
use crate::patient::reach::reached_for_update;

/// Asks for the erasure of a person.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErasePatient {
    /// Why. Who decides reads it; it is erased with the person.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Asked for it in writing; the retention period has ended")
    )]
    reason: String,
}

impl Requires for ErasePatient {
    const NEEDS: Needs = Needs::Permission(Permission::PatientErase);
    const STEP_UP: bool = true;
}

/// Ask for the erasure of a person
///
/// Nothing happens before somebody else approves. Then it cannot be undone by anybody:
/// who the person is, and all that was ever written about them, cannot be read any more,
/// under this record and those that were merged into it. Their numbers, who did what and
/// when, and their appointments stay. Needs a recent login.
#[utoipa::path(
    post,
    path = "/patients/{id}/erase",
    operation_id = "erasePatient",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the record")),
    request_body = ErasePatient,
    responses((status = 201, description = "Asked for.", body = ErasureView)),
)]
pub async fn request(
    cx: Cx<ErasePatient>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Body(request): Body<ErasePatient>,
) -> Outcome {
    let mut violations = Violations::new();
    let reason = Text::line(&mut violations, "/reason", &request.reason);
    violations.finish()?;
    if reason.is_none() {
        return Err(Problem::internal("a field was refused without a violation").into());
    }
    let mut tx = cx.begin(&s.db).await?;
    reached_for_update(&cx, &mut tx, id).await?.writable()?;
    let erasure = Erasure {
        id: cx.clock().id(),
        patient_id: id,
        reason,
        requested_by: cx.principal()?.user_id,
        requested_at: cx.now(),
        state: model::State::Open,
    };
    store::insert(&s.vault, &mut tx, &erasure).await?;
    cx.about("erasures", erasure.id);
    let version = erasure.version();
    tx.commit(Answer::created(&ErasureView::from(erasure)).version(version))
        .await
}

//! Closing a record.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::PatientDeactivated;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Violations, text};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::reach::reached_for_update;
use super::view::PatientView;
use super::{person, store};
use crate::Patients;

/// Closes a record.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeactivatePatient {
    /// Why.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Moved away")
    )]
    reason: String,
}

impl Requires for DeactivatePatient {
    const NEEDS: Needs = Needs::Permission(Permission::PatientWrite);
}

/// What the event says: the words of the reason may be personal.
const REASON_CODE: &str = "CLOSED_BY_STAFF";

/// Close a record
///
/// No appointments can be booked any more; what was recorded stays. Staff only.
#[utoipa::path(
    post,
    path = "/patients/{id}/deactivate",
    operation_id = "deactivatePatient",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the record")),
    request_body = DeactivatePatient,
    responses((status = 200, description = "Closed.", body = PatientView)),
)]
pub async fn deactivate(
    cx: Cx<DeactivatePatient>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Body(request): Body<DeactivatePatient>,
) -> Outcome {
    let mut violations = Violations::new();
    let reason = text::line(&mut violations, "/reason", &request.reason, 500);
    violations.finish()?;
    let mut tx = cx.begin(&s.db).await?;
    let patient = reached_for_update(&cx, &mut tx, id).await?;
    if matches!(cx.scope(), Scope::Own { .. }) {
        return Err(Problem::forbidden().into());
    }
    cx.expect_version(patient.version)?;
    patient.deactivatable()?;
    let mut person = person::open(&s.vault, &mut tx, &patient).await?;
    person.deactivation_reason = reason;
    store::deactivate(&mut tx, &s.vault, &patient, &person, cx.now()).await?;
    tx.publish(&PatientDeactivated {
        patient_id: id.to_string(),
        reason_code: REASON_CODE.to_owned(),
    });
    let patient = store::find(&mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let version = patient.version;
    let view = PatientView::of(patient, person);
    tx.commit(Answer::ok(&view).version(version)).await
}

//! Reading one record.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_contracts::ids::PatientId;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;

use super::reach::reached;
use super::store;
use super::view::PatientView;
use crate::Patients;

/// Reads a record.
pub struct ReadPatient;

impl Requires for ReadPatient {
    const NEEDS: Needs = Needs::Permission(Permission::PatientRead);
}

/// Read a patient
///
/// A merged record is still there, with the status MERGED and the record that stands
/// for the person in `mergedIntoId`.
#[utoipa::path(
    get,
    path = "/patients/{id}",
    operation_id = "getPatient",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the record")),
    responses((status = 200, description = "The patient.", body = PatientView)),
)]
pub async fn read(
    cx: Cx<ReadPatient>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
) -> Outcome {
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let patient = reached(&cx, &mut connection, id).await?;
    let version = patient.version;
    let view = PatientView::open(&s.vault, &mut connection, patient).await?;
    Ok(Answer::ok(&view).version(version))
}

/// Read your own record
///
/// The record that your account is tied to, after following merges.
#[utoipa::path(
    get,
    path = "/patients/me",
    operation_id = "getMyPatient",
    tag = "patients",
    responses((status = 200, description = "The patient.", body = PatientView)),
)]
pub async fn me(cx: Cx<ReadPatient>, State(s): State<Arc<Patients>>) -> Outcome {
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let principal = cx.principal()?;
    let claimed = match cx.scope() {
        Scope::Own { patient, .. } => patient,
        Scope::Any | Scope::Care { .. } => principal.patient_id,
    };
    let id = store::of_user(&mut connection, principal.user_id, claimed)
        .await?
        .ok_or_else(Problem::not_found)?;
    let patient = store::find(&mut connection, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let version = patient.version;
    let view = PatientView::open(&s.vault, &mut connection, patient).await?;
    Ok(Answer::ok(&view).version(version))
}

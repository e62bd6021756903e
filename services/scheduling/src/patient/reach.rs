//! How far a caller reaches, across records that are one person.

use galen_access::Scope;
use galen_contracts::ids::PatientId;
use galen_kernel::Problem;
use galen_service::records;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// 404 unless the patient is within reach, under any of the ids they had.
///
/// # Errors
/// 404, or when the database fails.
pub async fn reach(scope: Scope, db: &mut PgConnection, patient: PatientId) -> Result<(), Problem> {
    if scope.covers_patient(patient) {
        return Ok(());
    }
    let Some(own) = scope.own_patient() else {
        return Err(Problem::not_found());
    };
    let ids = records::ids_of(db, own).await?;
    if ids.contains(&patient.uuid()) {
        Ok(())
    } else {
        Err(Problem::not_found())
    }
}

/// The ids that a list is bounded to: those of the wished patient, and for patients
/// their own; `None` when it is not bounded.
///
/// # Errors
/// 404 when the wished patient is out of reach.
pub async fn own(
    scope: Scope,
    db: &PgPool,
    wished: Option<Uuid>,
) -> Result<Option<Vec<Uuid>>, Problem> {
    if scope == Scope::Any {
        return match wished {
            None => Ok(None),
            Some(wished) => Ok(Some(
                records::ids_of(db, PatientId::from_uuid(wished)).await?,
            )),
        };
    }
    let own = match scope.own_patient() {
        Some(own) => records::ids_of(db, own).await?,
        None => Vec::new(),
    };
    if wished.is_some_and(|wished| !own.contains(&wished)) {
        return Err(Problem::not_found());
    }
    Ok(Some(own))
}

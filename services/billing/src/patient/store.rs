//! All SQL about merged records.

use galen_contracts::ids::PatientId;
use galen_storage::Error;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

/// Every id that a person has, from any one of them, itself included.
///
/// # Errors
/// When the database fails.
pub async fn ids_of(db: impl PgExecutor<'_>, patient: PatientId) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar("select ids_of_patient($1)")
        .bind(patient.uuid())
        .fetch_all(db)
        .await?)
}

/// Notes that a record was merged into another one. Repeating it changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn merge(
    db: &mut PgConnection,
    retired: PatientId,
    survivor: PatientId,
    merge: Uuid,
) -> Result<(), Error> {
    sqlx::query(
        "insert into patient_alias (retired_id, survivor_id, merge_id) values ($1, $2, $3)
         on conflict (retired_id) do update set survivor_id = excluded.survivor_id, merge_id = excluded.merge_id",
    )
    .bind(retired.uuid())
    .bind(survivor.uuid())
    .bind(merge)
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets a merge that was undone; nothing happens when it is not known.
///
/// # Errors
/// When the database fails.
pub async fn unmerge(db: &mut PgConnection, restored: PatientId) -> Result<(), Error> {
    sqlx::query("delete from patient_alias where retired_id = $1")
        .bind(restored.uuid())
        .execute(db)
        .await?;
    Ok(())
}

//! All SQL about merged records.

use galen_contracts::ids::PatientId;
use galen_storage::{Columns as _, Error};
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

/// Moves the claims on a retired record's time to the survivor, so that one person
/// is not booked twice at a time under two ids. Where the survivor is busy already,
/// the claim stays as it is; those appointments are returned, for a person to move.
///
/// # Errors
/// When the database fails.
pub async fn move_claims(
    db: &mut PgConnection,
    from: PatientId,
    to: PatientId,
) -> Result<Vec<Uuid>, Error> {
    let rows = sqlx::query(
        "with moved as (
             update claim c
             set patient_id = $2
             where c.patient_id = $1 and c.kind = 'APPOINTMENT'
               and not exists (
                   select from claim o
                   where o.patient_id = $2 and o.kind = 'APPOINTMENT'
                     and tstzrange(o.start_at, o.end_at) && tstzrange(c.start_at, c.end_at)
               )
             returning c.id
         )
         select c.id from claim c
         where c.patient_id = $1 and c.kind = 'APPOINTMENT' and c.id not in (select id from moved)
         order by c.start_at",
    )
    .bind(from.uuid())
    .bind(to.uuid())
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| row.col("id")).collect()
}

/// Gives the claims of a restored record's own appointments back to it, where they
/// are not in each other's way; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn restore_claims(db: &mut PgConnection, restored: PatientId) -> Result<u64, Error> {
    let restored = sqlx::query(
        "update claim c
         set patient_id = $1
         from appointment a
         where a.id = c.id and a.patient_id in (select ids_of_patient($1)) and c.patient_id <> $1
           and not exists (
               select from claim o
               where o.patient_id = $1 and o.kind = 'APPOINTMENT'
                 and tstzrange(o.start_at, o.end_at) && tstzrange(c.start_at, c.end_at)
           )",
    )
    .bind(restored.uuid())
    .execute(db)
    .await?
    .rows_affected();
    Ok(restored)
}

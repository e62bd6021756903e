//! All SQL about the claims of merged records.

use galen_contracts::ids::PatientId;
use galen_storage::{Columns as _, Error};
use sqlx::PgConnection;
use uuid::Uuid;

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

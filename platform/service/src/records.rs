//! Which records are one person: what services keep of merges.
//!
//! Each of them has a table `patient_alias` of its own, with the edges as the patients
//! service reported them, so that a merge can be undone, and a function `ids_of_patient`
//! that follows them.

use galen_contracts::convert::{self, WireError};
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::PatientsMerged;
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

/// A record was merged into another one.
#[derive(Debug, Clone, Copy)]
pub struct Merge {
    /// The one that is no longer used.
    pub retired: PatientId,
    /// The one that stands for both.
    pub survivor: PatientId,
    id: Uuid,
}

impl Merge {
    /// Reads what the patients service reports.
    ///
    /// # Errors
    /// When one of its ids is none.
    pub fn read(event: &PatientsMerged) -> Result<Self, WireError> {
        Ok(Self {
            retired: convert::id("retired_id", &event.retired_id)?,
            survivor: convert::id("survivor_id", &event.survivor_id)?,
            id: convert::id::<()>("merge_id", &event.merge_id)?.uuid(),
        })
    }

    /// Notes it. Repeating it changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(self, db: &mut PgConnection) -> Result<(), Error> {
        sqlx::query(
            "insert into patient_alias (retired_id, survivor_id, merge_id) values ($1, $2, $3)
             on conflict (retired_id) do update set survivor_id = excluded.survivor_id, merge_id = excluded.merge_id",
        )
        .bind(self.retired.uuid())
        .bind(self.survivor.uuid())
        .bind(self.id)
        .execute(db)
        .await?;
        Ok(())
    }
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

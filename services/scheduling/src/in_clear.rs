//! Seals what an earlier version stored in clear, when the service starts: in batches,
//! so that a start that is stopped goes on where it was. A later version drops the
//! columns in clear, and this file with them.

use std::collections::HashSet;

use galen_contracts::ids::{AppointmentId, PatientId};
use galen_storage::{Columns as _, Db, Error};
use galen_vault::{Column, DataKey, Sealed, Subject, Vault};
use sqlx::postgres::PgRow;

use crate::appointment::words::{NOTE, REASON, Words};

/// Rows in one transaction.
const BATCH: i64 = 200;

/// Seals what is said in clear about appointments.
///
/// # Errors
/// When the database fails, or a row holds what its column cannot hold.
pub(crate) async fn seal(db: &Db, vault: &Vault) -> Result<(), galen_vault::Error> {
    loop {
        let mut tx = db.pool().begin().await?;
        let rows = sqlx::query(
            "select id, patient_id, reason, cancellation_note from appointment
             where reason is not null or cancellation_note is not null
             order by id limit $1 for update",
        )
        .bind(BATCH)
        .fetch_all(&mut *tx)
        .await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut patients = HashSet::with_capacity(rows.len());
        for row in &rows {
            patients.insert(Subject::from(row.id::<PatientId>("patient_id")?));
        }
        // Those that are missing are made at once, and remembered for what follows.
        vault.keys_of(&mut tx, &Vec::from_iter(patients)).await?;
        for row in &rows {
            let patient: PatientId = row.id("patient_id")?;
            let id: AppointmentId = row.id("id")?;
            let key = vault.key_of(&mut tx, patient).await?;
            let done = sqlx::query(
                "update appointment
                 set sealed_reason = coalesce($2, sealed_reason), reason = null,
                     sealed_cancellation_note = coalesce($3, sealed_cancellation_note), cancellation_note = null
                 where id = $1",
            )
            .bind(id.uuid())
            .bind(sealed(&key, &REASON, id, row, "reason")?)
            .bind(sealed(&key, &NOTE, id, row, "cancellation_note")?)
            .execute(&mut *tx)
            .await?;
            Error::unless_rows("seal what is in clear", 1, done.rows_affected())?;
        }
        tx.commit().await?;
        tracing::info!(
            rows = rows.len(),
            "what was said about appointments is sealed"
        );
    }
}

fn sealed(
    key: &DataKey,
    column: &Column<Words>,
    id: AppointmentId,
    row: &PgRow,
    clear: &'static str,
) -> Result<Option<Sealed<Words>>, galen_vault::Error> {
    let Some(text) = row.opt_text(clear)? else {
        return Ok(None);
    };
    let words = Words::try_from(text).map_err(|_| Error::Inconsistent { column: clear })?;
    key.seal(column, id, &words).map(Some)
}

//! Seals, at the first start after the upgrade, what earlier versions stored in the
//! clear.
//!
//! The table of the clear exists from the migration to the end of this: it is dropped
//! rather than emptied, and with it what the database knows about its contents
//! (statistics, rows that are no longer visible). Each batch is a transaction of its
//! own; whoever is stopped goes on at the next start, and of two processes that start
//! at once one waits for the other.

use galen_storage::Db;
use galen_vault::{Error, Subject, Vault};
use sqlx::types::Json;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::person::Person;
use super::store;

/// Persons in one transaction.
const BATCH: i64 = 200;

/// Seals everybody who is in the clear; returns how many were.
///
/// # Errors
/// When the database or the master keys fail. What was sealed stays sealed.
pub async fn seal_everybody(db: &Db, vault: &Vault) -> Result<u64, Error> {
    let mut sealed = 0;
    loop {
        let mut tx = db.pool().begin().await?;
        sqlx::query("select pg_advisory_xact_lock(hashtextextended('patients.sealing', 0))")
            .execute(&mut *tx)
            .await?;
        // Asked of the catalogue itself: what is cached of it may be older than the lock.
        let is_there: bool = sqlx::query_scalar(
            "select exists (select from pg_class where relname = 'patient_in_clear' and relnamespace = current_schema()::regnamespace)",
        )
        .fetch_one(&mut *tx)
        .await?;
        if !is_there {
            return Ok(sealed);
        }
        let batch = seal_some(&mut tx, vault).await?;
        if batch == 0 {
            sqlx::query("alter table patient validate constraint patient_is_sealed")
                .execute(&mut *tx)
                .await?;
            sqlx::query("drop table patient_in_clear")
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        sealed += batch;
    }
}

async fn seal_some(connection: &mut PgConnection, vault: &Vault) -> Result<u64, Error> {
    let rows = sqlx::query("select id, person from patient_in_clear order by id limit $1")
        .bind(BATCH)
        .fetch_all(&mut *connection)
        .await?;
    let mut persons: Vec<(Uuid, Person)> = Vec::with_capacity(rows.len());
    for row in &rows {
        let Json(person): Json<Person> = row.try_get("person")?;
        persons.push((row.try_get("id")?, person));
    }
    let ids: Vec<Uuid> = persons.iter().map(|(id, _)| *id).collect();
    let subjects: Vec<Subject> = ids.iter().copied().map(Subject::from).collect();
    vault.keys_of(connection, &subjects).await?;
    store::seal(connection, vault, &persons).await?;
    let done = sqlx::query("delete from patient_in_clear where id = any($1)")
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

//! All SQL of payers.

use std::collections::BTreeMap;

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Kind, Payer, PayerError, PayerId};

/// Where a page ended: name, id.
pub type Position = (String, Uuid);

fn read(row: &PgRow) -> Result<Payer, Error> {
    Ok(Payer {
        id: row.id("id")?,
        name: row.text("name")?,
        kind: Kind::read(&row.text("kind")?).ok_or(Error::Inconsistent {
            column: "billing.payer.kind",
        })?,
        identifier: row.opt_text("identifier")?,
        active: row.col("active")?,
        version: row.col("version")?,
    })
}

/// Stores a new payer.
///
/// # Errors
/// When the identifier is taken, or the database fails.
pub async fn insert(db: &mut PgConnection, payer: &Payer, at: Timestamp) -> Result<(), PayerError> {
    sqlx::query(
        "insert into payer (id, name, kind, identifier, active, registered_at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(payer.id.uuid())
    .bind(&payer.name)
    .bind(payer.kind.name())
    .bind(&payer.identifier)
    .bind(payer.active)
    .bind(ts(at))
    .execute(db)
    .await
    .map_err(Error::from)?;
    Ok(())
}

/// Reads one.
///
/// # Errors
/// When the database fails.
pub async fn get(db: impl PgExecutor<'_>, id: PayerId) -> Result<Option<Payer>, Error> {
    let row = sqlx::query("select * from payer where id = $1")
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Locks one and reads it.
///
/// # Errors
/// When the database fails.
pub async fn get_for_update(db: &mut PgConnection, id: PayerId) -> Result<Option<Payer>, Error> {
    let row = sqlx::query("select * from payer where id = $1 for update")
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Writes a changed payer over the version that was loaded.
///
/// # Errors
/// When the identifier is taken, or the database fails.
pub async fn update(db: &mut PgConnection, payer: &Payer) -> Result<(), PayerError> {
    let done = sqlx::query(
        "update payer set name = $3, identifier = $4, active = $5, version = version + 1
         where id = $1 and version = $2",
    )
    .bind(payer.id.uuid())
    .bind(payer.version)
    .bind(&payer.name)
    .bind(&payer.identifier)
    .bind(payer.active)
    .execute(db)
    .await
    .map_err(Error::from)?;
    Error::unless_rows("update payer", 1, done.rows_affected())?;
    Ok(())
}

/// A page of payers by name and id.
///
/// # Errors
/// When the database fails.
pub async fn page(
    db: impl PgExecutor<'_>,
    after: Option<&Position>,
    limit: u16,
) -> Result<Vec<Payer>, Error> {
    sqlx::query(
        "select * from payer
         where $1::text is null or (name, id) > ($1, $2)
         order by name, id
         limit $3",
    )
    .bind(after.map(|(name, _)| name))
    .bind(after.map(|(_, id)| id))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// What some payers are called.
///
/// # Errors
/// When the database fails.
pub async fn names(db: impl PgExecutor<'_>, ids: &[Uuid]) -> Result<BTreeMap<Uuid, String>, Error> {
    sqlx::query("select id, name from payer where id = any($1)")
        .bind(ids)
        .fetch_all(db)
        .await?
        .iter()
        .map(|row| Ok((row.col("id")?, row.text("name")?)))
        .collect()
}

//! All SQL of coverages.

use galen_contracts::ids::PatientId;
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, SqlDate, Ts};
use galen_vault::{Column, Keyring, Sealed, SealedColumn, Vault};
use jiff::civil::Date;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::model::{Card, Coverage, CoverageError, CoverageId, CoverageTerms};

/// What is on the card.
pub(crate) const CARD: Column<Card> = Column::new("patients", "coverage", "card");

/// What is sealed of coverages.
pub(crate) const SEALED: SealedColumn = SealedColumn {
    place: CARD.place(),
    row: "id",
    subject: "t.patient_id",
};

/// Adds a coverage.
///
/// # Errors
/// When it overlaps another one, or the card cannot be sealed.
pub async fn insert(
    vault: &Vault,
    connection: &mut PgConnection,
    id: CoverageId,
    patient: PatientId,
    terms: &CoverageTerms,
    recorded_at: Timestamp,
) -> Result<(), CoverageError> {
    let key = vault.key_of(connection, patient).await?;
    sqlx::query(
        "insert into coverage (id, patient_id, plan_id, card, valid_from, valid_to, priority, recorded_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id.uuid())
    .bind(patient.uuid())
    .bind(&terms.plan_id)
    .bind(key.seal(&CARD, id, &terms.card)?)
    .bind(SqlDate::from(terms.valid_from))
    .bind(terms.valid_to.map(SqlDate::from))
    .bind(terms.priority)
    .bind(Ts::from(recorded_at))
    .execute(connection)
    .await
    .map_err(Error::from)?;
    Ok(())
}

/// Locks a coverage of a record (or of one merged into it) and loads it.
///
/// # Errors
/// When the database fails, or the card does not open.
pub async fn find_for_update(
    vault: &Vault,
    connection: &mut PgConnection,
    patient: PatientId,
    id: CoverageId,
) -> Result<Option<Coverage>, galen_vault::Error> {
    let row = sqlx::query(
        "select * from coverage where id = $1 and patient_id in (select records_of($2)) for update",
    )
    .bind(id.uuid())
    .bind(patient.uuid())
    .fetch_optional(&mut *connection)
    .await?;
    Ok(opened(vault, connection, row.as_slice()).await?.pop())
}

/// Writes changed terms over the version that was loaded.
///
/// # Errors
/// When it overlaps another one now, or the card cannot be sealed.
pub async fn update(
    vault: &Vault,
    connection: &mut PgConnection,
    coverage: &Coverage,
) -> Result<(), CoverageError> {
    let terms = &coverage.terms;
    let key = vault.key_of(connection, coverage.patient_id).await?;
    let done = sqlx::query(
        "update coverage set card = $3, valid_to = $4, priority = $5, version = version + 1
         where id = $1 and version = $2",
    )
    .bind(coverage.id.uuid())
    .bind(coverage.version)
    .bind(key.seal(&CARD, coverage.id, &terms.card)?)
    .bind(terms.valid_to.map(SqlDate::from))
    .bind(terms.priority)
    .execute(connection)
    .await
    .map_err(Error::from)?;
    Error::unless_rows("update coverage", 1, done.rows_affected())?;
    Ok(())
}

/// Where a page ended: priority, first day, id.
pub type Position = (i16, Date, Uuid);

/// A page of the coverages of a record and of those merged into it, in the order of
/// paying.
///
/// # Errors
/// When the database fails, or a card does not open.
pub async fn page(
    vault: &Vault,
    connection: &mut PgConnection,
    patient: PatientId,
    on: Option<Date>,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Coverage>, galen_vault::Error> {
    let rows = sqlx::query(
        "select * from coverage
         where patient_id in (select records_of($1))
           and ($2::date is null or daterange(valid_from, valid_to) @> $2)
           and ($3::smallint is null or (priority, valid_from, id) > ($3, $4, $5))
         order by priority, valid_from, id
         limit $6",
    )
    .bind(patient.uuid())
    .bind(on.map(SqlDate::from))
    .bind(after.map(|(priority, _, _)| priority))
    .bind(after.map(|(_, from, _)| SqlDate::from(from)))
    .bind(after.map(|(_, _, id)| id))
    .bind(i64::from(limit) + 1)
    .fetch_all(&mut *connection)
    .await?;
    opened(vault, connection, &rows).await
}

/// All coverages of a person, in the order of paying.
///
/// # Errors
/// When the database fails, or a card does not open.
pub async fn of_person(
    vault: &Vault,
    connection: &mut PgConnection,
    patient: PatientId,
    on: Option<Date>,
) -> Result<Vec<Coverage>, galen_vault::Error> {
    let rows = sqlx::query(
        "select * from coverage
         where patient_id in (select records_of($1))
           and ($2::date is null or daterange(valid_from, valid_to) @> $2)
         order by priority, valid_from, id",
    )
    .bind(patient.uuid())
    .bind(on.map(SqlDate::from))
    .fetch_all(&mut *connection)
    .await?;
    opened(vault, connection, &rows).await
}

async fn opened(
    vault: &Vault,
    connection: &mut PgConnection,
    rows: &[PgRow],
) -> Result<Vec<Coverage>, galen_vault::Error> {
    let cards: Vec<Sealed<Card>> = rows
        .iter()
        .map(|row| row.col("card"))
        .collect::<Result<_, Error>>()?;
    let ring = vault.keyring(connection, &cards).await?;
    rows.iter()
        .zip(&cards)
        .map(|(row, card)| from_row(&ring, row, card))
        .collect()
}

fn from_row(
    ring: &Keyring,
    row: &PgRow,
    card: &Sealed<Card>,
) -> Result<Coverage, galen_vault::Error> {
    let (id, patient_id): (CoverageId, PatientId) = (row.id("id")?, row.id("patient_id")?);
    Ok(Coverage {
        id,
        patient_id,
        terms: CoverageTerms {
            plan_id: row.text("plan_id")?,
            card: ring.open(&CARD, patient_id, id, card)?.into_inner(),
            valid_from: row.date("valid_from")?,
            valid_to: row.opt_date("valid_to")?,
            priority: row.col("priority")?,
        },
        version: row.col("version")?,
    })
}

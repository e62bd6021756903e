//! All SQL of what an allergy says.

use galen_storage::{Error, SqlDate};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::super::model::{Coding, Entry, EntryId};
use super::super::store::{Wanted, entry, page as entries, select_entries};
use super::model::{Allergy, Category, Criticality, Status};

/// Adds what an entry says.
pub async fn insert(
    connection: &mut PgConnection,
    id: EntryId,
    allergy: &Allergy,
) -> Result<(), Error> {
    sqlx::query(
        "insert into allergy (entry_id, code_system, code, code_display, clinical_status, category, criticality, reaction, onset)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id.uuid())
    .bind(&allergy.code.system)
    .bind(&allergy.code.code)
    .bind(&allergy.code.display)
    .bind(allergy.clinical_status.name())
    .bind(allergy.category.map(Category::name))
    .bind(allergy.criticality.map(Criticality::name))
    .bind(&allergy.reaction)
    .bind(allergy.onset.map(SqlDate::from))
    .execute(connection)
    .await?;
    Ok(())
}

/// A page of the allergies of a record, latest first.
pub async fn page(
    connection: &mut PgConnection,
    wanted: Wanted,
) -> Result<Vec<(Entry, Allergy)>, Error> {
    const STATEMENT: &str = select_entries!(
        "c.code_system, c.code, c.code_display, c.clinical_status, c.category, c.criticality, c.reaction, c.onset",
        "allergy"
    );
    let rows = entries(connection, STATEMENT, wanted).await?;
    rows.iter()
        .map(|row| Ok((entry(row)?, allergy(row)?)))
        .collect()
}

fn allergy(row: &PgRow) -> Result<Allergy, Error> {
    let inconsistent = |column| Error::Inconsistent { column };
    let category: Option<&str> = row.try_get("category")?;
    let criticality: Option<&str> = row.try_get("criticality")?;
    Ok(Allergy {
        code: Coding {
            system: row.try_get("code_system")?,
            code: row.try_get("code")?,
            display: row.try_get("code_display")?,
        },
        clinical_status: Status::from_name(row.try_get("clinical_status")?)
            .ok_or_else(|| inconsistent("patients.allergy.clinical_status"))?,
        category: category
            .map(|name| {
                Category::from_name(name).ok_or_else(|| inconsistent("patients.allergy.category"))
            })
            .transpose()?,
        criticality: criticality
            .map(|name| {
                Criticality::from_name(name)
                    .ok_or_else(|| inconsistent("patients.allergy.criticality"))
            })
            .transpose()?,
        reaction: row.try_get("reaction")?,
        onset: row
            .try_get::<Option<SqlDate>, _>("onset")?
            .map(SqlDate::to_jiff),
    })
}

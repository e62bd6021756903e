//! All SQL of what a vital sign says.

use galen_storage::Error;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::super::model::{Entry, EntryId};
use super::super::store::{Wanted, entry, page as entries, select_entries};
use super::model::{Sign, Vital};

/// Adds what an entry says.
pub async fn insert(
    connection: &mut PgConnection,
    id: EntryId,
    vital: &Vital,
) -> Result<(), Error> {
    sqlx::query("insert into vital (entry_id, loinc, value, unit) values ($1, $2, $3::float8, $4)")
        .bind(id.uuid())
        .bind(vital.sign.loinc())
        .bind(vital.value)
        .bind(&vital.unit)
        .execute(connection)
        .await?;
    Ok(())
}

/// A page of the vital signs of a record, latest first.
pub async fn page(
    connection: &mut PgConnection,
    wanted: Wanted,
) -> Result<Vec<(Entry, Vital)>, Error> {
    const STATEMENT: &str = select_entries!("c.loinc, c.value::float8 as value, c.unit", "vital");
    let rows = entries(connection, STATEMENT, wanted).await?;
    rows.iter()
        .map(|row| Ok((entry(row)?, vital(row)?)))
        .collect()
}

fn vital(row: &PgRow) -> Result<Vital, Error> {
    let sign = Sign::from_loinc(row.try_get("loinc")?).ok_or(Error::Inconsistent {
        column: "patients.vital.loinc",
    })?;
    Ok(Vital {
        sign,
        value: row.try_get("value")?,
        unit: row.try_get("unit")?,
    })
}

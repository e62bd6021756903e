//! All SQL of what a condition says.

use galen_storage::{Error, SqlDate};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::super::model::{Coding, Entry, EntryId};
use super::super::store::{Wanted, entry, page as entries, select_entries};
use super::model::{Condition, Status};

/// Adds what an entry says.
pub async fn insert(
    connection: &mut PgConnection,
    id: EntryId,
    condition: &Condition,
) -> Result<(), Error> {
    sqlx::query(
        "insert into condition (entry_id, code_system, code, code_display, clinical_status, onset, abatement)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id.uuid())
    .bind(&condition.code.system)
    .bind(&condition.code.code)
    .bind(&condition.code.display)
    .bind(condition.clinical_status.name())
    .bind(condition.onset.map(SqlDate::from))
    .bind(condition.abatement.map(SqlDate::from))
    .execute(connection)
    .await?;
    Ok(())
}

/// A page of the conditions of a record, latest first.
pub async fn page(
    connection: &mut PgConnection,
    wanted: Wanted,
) -> Result<Vec<(Entry, Condition)>, Error> {
    const STATEMENT: &str = select_entries!(
        "c.code_system, c.code, c.code_display, c.clinical_status, c.onset, c.abatement",
        "condition"
    );
    let rows = entries(connection, STATEMENT, wanted).await?;
    rows.iter()
        .map(|row| Ok((entry(row)?, condition(row)?)))
        .collect()
}

fn condition(row: &PgRow) -> Result<Condition, Error> {
    let status = Status::from_name(row.try_get("clinical_status")?);
    Ok(Condition {
        code: Coding {
            system: row.try_get("code_system")?,
            code: row.try_get("code")?,
            display: row.try_get("code_display")?,
        },
        clinical_status: status.ok_or(Error::Inconsistent {
            column: "patients.condition.clinical_status",
        })?,
        onset: row
            .try_get::<Option<SqlDate>, _>("onset")?
            .map(SqlDate::to_jiff),
        abatement: row
            .try_get::<Option<SqlDate>, _>("abatement")?
            .map(SqlDate::to_jiff),
    })
}

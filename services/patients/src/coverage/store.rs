//! All SQL of coverages.

use galen_contracts::ids::PatientId;
use galen_kernel::Timestamp;
use galen_storage::{Error, SqlDate, Ts};
use jiff::civil::Date;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::model::{Coverage, CoverageError, CoverageId, CoverageTerms};

/// Adds a coverage.
pub async fn insert(
    connection: &mut PgConnection,
    id: CoverageId,
    patient: PatientId,
    terms: &CoverageTerms,
    recorded_at: Timestamp,
) -> Result<(), CoverageError> {
    sqlx::query(
        "insert into coverage (id, patient_id, plan_id, policy_number, payer_name, valid_from, valid_to, priority, recorded_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id.uuid())
    .bind(patient.uuid())
    .bind(&terms.plan_id)
    .bind(&terms.policy_number)
    .bind(&terms.payer_name)
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
pub async fn find_for_update(
    connection: &mut PgConnection,
    patient: PatientId,
    id: CoverageId,
) -> Result<Option<Coverage>, Error> {
    let row = sqlx::query(
        "select * from coverage where id = $1 and patient_id in (select records_of($2)) for update",
    )
    .bind(id.uuid())
    .bind(patient.uuid())
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// Writes changed terms over the version that was loaded.
pub async fn update(
    connection: &mut PgConnection,
    coverage: &Coverage,
) -> Result<(), CoverageError> {
    let terms = &coverage.terms;
    let done = sqlx::query(
        "update coverage set policy_number = $3, payer_name = $4, valid_to = $5, priority = $6, version = version + 1
         where id = $1 and version = $2",
    )
    .bind(coverage.id.uuid())
    .bind(coverage.version)
    .bind(&terms.policy_number)
    .bind(&terms.payer_name)
    .bind(terms.valid_to.map(SqlDate::from))
    .bind(terms.priority)
    .execute(connection)
    .await
    .map_err(Error::from)?;
    match done.rows_affected() {
        1 => Ok(()),
        actual => Err(Error::RowsAffected {
            operation: "update coverage",
            expected: 1,
            actual,
        }
        .into()),
    }
}

/// Where a page ended: priority, first day, id.
pub type Position = (i16, Date, Uuid);

/// A page of the coverages of a record and of those merged into it, in the order of
/// paying.
pub async fn page(
    connection: &mut PgConnection,
    patient: PatientId,
    on: Option<Date>,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Coverage>, Error> {
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
    .fetch_all(connection)
    .await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &PgRow) -> Result<Coverage, Error> {
    Ok(Coverage {
        id: CoverageId::from_uuid(row.try_get("id")?),
        patient_id: PatientId::from_uuid(row.try_get("patient_id")?),
        terms: CoverageTerms {
            plan_id: row.try_get("plan_id")?,
            policy_number: row.try_get("policy_number")?,
            payer_name: row.try_get("payer_name")?,
            valid_from: row.try_get::<SqlDate, _>("valid_from")?.to_jiff(),
            valid_to: row
                .try_get::<Option<SqlDate>, _>("valid_to")?
                .map(SqlDate::to_jiff),
            priority: row.try_get("priority")?,
        },
        version: row.try_get("version")?,
    })
}

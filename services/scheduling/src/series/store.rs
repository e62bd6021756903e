//! All SQL about series.

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};

use super::model::{Conflict, Frequency, Reason, Recurrence, Series, SeriesId, length};
use crate::claim::store::service_type;
use crate::interval::Interval;

macro_rules! select {
    ($rest:expr) => {
        concat!(
            "select id, patient_id, practitioner_id, first_start, duration_minutes, service_type, frequency, every, occurrences,
                    created_by, created_at, cancelled_at, version
             from series ",
            $rest
        )
    };
}

fn read(row: &PgRow) -> Result<Series, Error> {
    let inconsistent = |column| move || Error::Inconsistent { column };
    let first = Interval::lasting(
        row.instant("first_start")?,
        length(row.col("duration_minutes")?),
    );
    let recurrence = Recurrence {
        first: first.ok_or_else(inconsistent("scheduling.series.first_start"))?,
        frequency: Frequency::named(row.col("frequency")?)
            .ok_or_else(inconsistent("scheduling.series.frequency"))?,
        every: row.col("every")?,
        count: row.col("occurrences")?,
    };
    Ok(Series {
        id: row.id("id")?,
        patient: row.id("patient_id")?,
        practitioner: row.id("practitioner_id")?,
        service_type: service_type(row)?,
        recurrence,
        created_by: row.id("created_by")?,
        created_at: row.instant("created_at")?,
        cancelled_at: row.opt_instant("cancelled_at")?,
        version: row.col("version")?,
    })
}

/// Writes a new series.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut PgConnection, new: &Series) -> Result<(), Error> {
    sqlx::query(
        "insert into series (id, patient_id, practitioner_id, first_start, duration_minutes, service_type, frequency, every, occurrences,
                             created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(new.id.uuid())
    .bind(new.patient.uuid())
    .bind(new.practitioner.uuid())
    .bind(ts(new.recurrence.first.start()))
    .bind(i16::try_from(new.recurrence.first.length().as_mins()).map_err(|_| Error::Inconsistent { column: "scheduling.series.duration_minutes" })?)
    .bind(new.service_type.name())
    .bind(new.recurrence.frequency.name())
    .bind(new.recurrence.every)
    .bind(new.recurrence.count)
    .bind(new.created_by.uuid())
    .bind(ts(new.created_at))
    .execute(db)
    .await?;
    Ok(())
}

/// Notes which occurrences were not booked.
///
/// # Errors
/// When the database fails.
pub async fn insert_conflicts(
    db: &mut PgConnection,
    series: SeriesId,
    conflicts: &[Conflict],
) -> Result<(), Error> {
    sqlx::query(
        "insert into series_conflict (series_id, start_at, reason)
         select $1, new.start_at, new.reason from unnest($2::timestamptz[], $3::text[]) as new (start_at, reason)",
    )
    .bind(series.uuid())
    .bind(conflicts.iter().map(|conflict| ts(conflict.start)).collect::<Vec<_>>())
    .bind(conflicts.iter().map(|conflict| conflict.reason.name()).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Reads one.
///
/// # Errors
/// When the database fails.
pub async fn get(db: impl PgExecutor<'_>, id: SeriesId) -> Result<Option<Series>, Error> {
    let row = sqlx::query(select!("where id = $1"))
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Reads one, locked against other changes.
///
/// # Errors
/// When the database fails.
pub async fn get_for_change(db: &mut PgConnection, id: SeriesId) -> Result<Option<Series>, Error> {
    let row = sqlx::query(select!("where id = $1 for update"))
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The occurrences that were not booked, by start.
///
/// # Errors
/// When the database fails.
pub async fn conflicts(db: impl PgExecutor<'_>, id: SeriesId) -> Result<Vec<Conflict>, Error> {
    let rows = sqlx::query(
        "select start_at, reason from series_conflict where series_id = $1 order by start_at",
    )
    .bind(id.uuid())
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let reason = Reason::named(row.col("reason")?).ok_or(Error::Inconsistent {
                column: "scheduling.series_conflict.reason",
            })?;
            Ok(Conflict {
                start: row.instant("start_at")?,
                reason,
            })
        })
        .collect()
}

/// Notes that the rest of a series was cancelled.
///
/// # Errors
/// When another version is stored, or the database fails.
pub async fn cancel(db: &mut PgConnection, series: &Series, at: Timestamp) -> Result<(), Error> {
    let written = sqlx::query(
        "update series set cancelled_at = $3, version = version + 1 where id = $1 and version = $2",
    )
    .bind(series.id.uuid())
    .bind(series.version)
    .bind(ts(at))
    .execute(db)
    .await?
    .rows_affected();
    Error::unless_rows("cancel series", 1, written)
}

//! All SQL about weekly patterns.

use galen_contracts::ids::PractitionerId;
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, date, ts};
use jiff::civil::Date;
use jiff_sqlx::Time as SqlTime;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Day, Pattern, PatternId, Timetable};
use crate::shift::model::ShiftKind;

fn read(row: &PgRow) -> Result<Pattern, Error> {
    let kind: &str = row.col("kind")?;
    let weekdays: Vec<i16> = row.col("weekdays")?;
    let weekdays: Option<Vec<Day>> = weekdays.into_iter().map(Day::numbered).collect();
    Ok(Pattern {
        id: row.id("id")?,
        practitioner: row.id("practitioner_id")?,
        kind: ShiftKind::named(kind).ok_or(Error::Inconsistent {
            column: "staff.shift_pattern.kind",
        })?,
        timetable: Timetable {
            weekdays: weekdays.ok_or(Error::Inconsistent {
                column: "staff.shift_pattern.weekdays",
            })?,
            start_time: row.col::<SqlTime>("start_time")?.to_jiff(),
            end_time: row.col::<SqlTime>("end_time")?.to_jiff(),
            valid_from: row.date("valid_from")?,
            valid_to: row.opt_date("valid_to")?,
            weeks_interval: row.col("weeks_interval")?,
        },
        planned_until: row.date("planned_until")?,
        version: row.col("version")?,
    })
}

/// Stores a new pattern.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut PgConnection, pattern: &Pattern, at: Timestamp) -> Result<(), Error> {
    let timetable = &pattern.timetable;
    sqlx::query(
        "insert into shift_pattern (id, practitioner_id, weekdays, start_time, end_time, kind, valid_from, valid_to,
                                    weeks_interval, planned_until, version, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(pattern.id.uuid())
    .bind(pattern.practitioner.uuid())
    .bind(timetable.weekdays.iter().map(|day| day.number()).collect::<Vec<i16>>())
    .bind(SqlTime::from(timetable.start_time))
    .bind(SqlTime::from(timetable.end_time))
    .bind(pattern.kind.name())
    .bind(date(timetable.valid_from))
    .bind(timetable.valid_to.map(date))
    .bind(timetable.weeks_interval)
    .bind(date(pattern.planned_until))
    .bind(pattern.version)
    .bind(ts(at))
    .execute(db)
    .await?;
    Ok(())
}

/// A page of a practitioner's patterns in force, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: impl PgExecutor<'_>,
    practitioner: PractitionerId,
    after: Option<Uuid>,
    limit: u16,
) -> Result<Vec<Pattern>, Error> {
    sqlx::query(
        "select id, practitioner_id, weekdays, start_time, end_time, kind, valid_from, valid_to, weeks_interval, planned_until, version
         from shift_pattern
         where practitioner_id = $1 and ended_at is null and ($2::uuid is null or id > $2)
         order by id
         limit $3",
    )
    .bind(practitioner.uuid())
    .bind(after)
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Reads a practitioner's pattern in force, locked against other changes.
///
/// # Errors
/// When the database fails.
pub async fn get_for_change(
    db: &mut PgConnection,
    practitioner: PractitionerId,
    id: PatternId,
) -> Result<Option<Pattern>, Error> {
    let row = sqlx::query(
        "select id, practitioner_id, weekdays, start_time, end_time, kind, valid_from, valid_to, weeks_interval, planned_until, version
         from shift_pattern
         where id = $1 and practitioner_id = $2 and ended_at is null
         for update",
    )
    .bind(id.uuid())
    .bind(practitioner.uuid())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Ends a pattern.
///
/// # Errors
/// When the version is another, or the database fails.
pub async fn end(db: &mut PgConnection, pattern: &Pattern, at: Timestamp) -> Result<(), Error> {
    let ended = sqlx::query("update shift_pattern set ended_at = $3, version = version + 1 where id = $1 and version = $2 and ended_at is null")
        .bind(pattern.id.uuid())
        .bind(pattern.version)
        .bind(ts(at))
        .execute(db)
        .await?
        .rows_affected();
    Error::unless_rows("end shift pattern", 1, ended)
}

/// Practitioners with patterns that have not been planned up to a day, by id.
///
/// # Errors
/// When the database fails.
pub async fn practitioners_to_extend(
    db: impl PgExecutor<'_>,
    until: Date,
    after: Option<Uuid>,
    limit: u16,
) -> Result<Vec<PractitionerId>, Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select distinct p.id
         from shift_pattern t
         join practitioner p on p.id = t.practitioner_id
         where t.ended_at is null and t.planned_until < $1 and (t.valid_to is null or t.valid_to >= t.planned_until)
           and p.active and ($2::uuid is null or p.id > $2)
         order by p.id
         limit $3",
    )
    .bind(date(until))
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(PractitionerId::from_uuid).collect())
}

/// A practitioner's patterns that have not been planned up to a day, locked.
///
/// # Errors
/// When the database fails.
pub async fn get_to_extend(
    db: &mut PgConnection,
    practitioner: PractitionerId,
    until: Date,
) -> Result<Vec<Pattern>, Error> {
    sqlx::query(
        "select id, practitioner_id, weekdays, start_time, end_time, kind, valid_from, valid_to, weeks_interval, planned_until, version
         from shift_pattern
         where practitioner_id = $1 and ended_at is null and planned_until < $2 and (valid_to is null or valid_to >= planned_until)
         order by id
         for update",
    )
    .bind(practitioner.uuid())
    .bind(date(until))
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Notes how far a pattern has been planned. That is no change of the pattern: its
/// version stays.
///
/// # Errors
/// When somebody else planned it meanwhile, or the database fails.
pub async fn planned_until(
    db: &mut PgConnection,
    pattern: &Pattern,
    until: Date,
) -> Result<(), Error> {
    let updated = sqlx::query("update shift_pattern set planned_until = $3 where id = $1 and planned_until = $2 and ended_at is null")
        .bind(pattern.id.uuid())
        .bind(date(pattern.planned_until))
        .bind(date(until))
        .execute(db)
        .await?
        .rows_affected();
    Error::unless_rows("extend shift pattern", 1, updated)
}

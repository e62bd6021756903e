//! All SQL about shifts.

use std::collections::HashSet;

use galen_contracts::ids::PractitionerId;
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, SqlDate, Ts, ts};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Shift, ShiftId, ShiftKind};
use crate::interval::Interval;
use crate::pattern::model::PatternId;

/// A position in the list: start, id.
#[derive(Serialize, Deserialize)]
pub struct Position(pub Timestamp, pub Uuid);

fn read(row: &PgRow) -> Result<Shift, Error> {
    let kind: &str = row.col("kind")?;
    let during = Interval::new(row.instant("start_at")?, row.instant("end_at")?);
    let pattern: Option<PatternId> = row.opt_id("pattern_id")?;
    Ok(Shift {
        id: row.id("id")?,
        practitioner: row.id("practitioner_id")?,
        kind: ShiftKind::named(kind).ok_or(Error::Inconsistent {
            column: "staff.shift.kind",
        })?,
        during: during.map_err(|_| Error::Inconsistent {
            column: "staff.shift.end_at",
        })?,
        origin: pattern.zip(row.opt_date("pattern_date")?),
        version: row.col("version")?,
    })
}

/// Plans as many of the shifts as do not overlap active ones or each other, and
/// tells which those are.
///
/// # Errors
/// When the database fails.
pub async fn plan(
    db: &mut PgConnection,
    shifts: &[Shift],
    at: Timestamp,
) -> Result<HashSet<ShiftId>, Error> {
    let ids: Vec<Uuid> = shifts.iter().map(|shift| shift.id.uuid()).collect();
    let practitioners: Vec<Uuid> = shifts
        .iter()
        .map(|shift| shift.practitioner.uuid())
        .collect();
    let kinds: Vec<&str> = shifts.iter().map(|shift| shift.kind.name()).collect();
    let starts: Vec<Ts> = shifts
        .iter()
        .map(|shift| shift.during.start().into())
        .collect();
    let ends: Vec<Ts> = shifts
        .iter()
        .map(|shift| shift.during.end().into())
        .collect();
    let patterns: Vec<Option<Uuid>> = shifts
        .iter()
        .map(|shift| shift.origin.map(|(pattern, _)| pattern.uuid()))
        .collect();
    let dates: Vec<Option<SqlDate>> = shifts
        .iter()
        .map(|shift| shift.origin.map(|(_, date)| date.into()))
        .collect();
    let planned: Vec<Uuid> = sqlx::query_scalar(
        "insert into shift (id, practitioner_id, kind, start_at, end_at, pattern_id, pattern_date, planned_at)
         select new.id, new.practitioner_id, new.kind, new.start_at, new.end_at, new.pattern_id, new.pattern_date, $8
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::uuid[], $7::date[])
              as new (id, practitioner_id, kind, start_at, end_at, pattern_id, pattern_date)
         order by new.start_at, new.id
         on conflict do nothing
         returning id",
    )
    .bind(ids)
    .bind(practitioners)
    .bind(kinds)
    .bind(starts)
    .bind(ends)
    .bind(patterns)
    .bind(dates)
    .bind(ts(at))
    .fetch_all(db)
    .await?;
    Ok(planned.into_iter().map(ShiftId::from_uuid).collect())
}

/// Reads an active shift of a practitioner, locked against other changes.
///
/// # Errors
/// When the database fails.
pub async fn get_for_change(
    db: &mut PgConnection,
    practitioner: PractitionerId,
    id: ShiftId,
) -> Result<Option<Shift>, Error> {
    let row = sqlx::query(
        "select id, practitioner_id, kind, start_at, end_at, pattern_id, pattern_date, version
         from shift
         where id = $1 and practitioner_id = $2 and status = 'ACTIVE'
         for update",
    )
    .bind(id.uuid())
    .bind(practitioner.uuid())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Cancels an active shift.
///
/// # Errors
/// When the version is another, or the database fails.
pub async fn cancel(db: &mut PgConnection, shift: &Shift, at: Timestamp) -> Result<(), Error> {
    let cancelled = sqlx::query(
        "update shift
         set status = 'CANCELLED', cancelled_at = $3, version = version + 1
         where id = $1 and version = $2 and status = 'ACTIVE'",
    )
    .bind(shift.id.uuid())
    .bind(shift.version)
    .bind(ts(at))
    .execute(db)
    .await?
    .rows_affected();
    Error::unless_rows("cancel shift", 1, cancelled)
}

/// Cancels the shifts of a pattern that have not begun, and tells which, by start.
///
/// # Errors
/// When the database fails.
pub async fn cancel_future_of(
    db: &mut PgConnection,
    pattern: PatternId,
    now: Timestamp,
) -> Result<Vec<ShiftId>, Error> {
    let cancelled: Vec<Uuid> = sqlx::query_scalar(
        "with cancelled as (
             update shift
             set status = 'CANCELLED', cancelled_at = $2, version = version + 1
             where pattern_id = $1 and status = 'ACTIVE' and start_at > $2
             returning id, start_at
         )
         select id from cancelled order by start_at, id",
    )
    .bind(pattern.uuid())
    .bind(ts(now))
    .fetch_all(db)
    .await?;
    Ok(cancelled.into_iter().map(ShiftId::from_uuid).collect())
}

/// A page of active shifts that reach into `[from, to)`, by start and id.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: impl PgExecutor<'_>,
    practitioner: PractitionerId,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    after: Option<&Position>,
    limit: u16,
) -> Result<Vec<Shift>, Error> {
    sqlx::query(
        "select id, practitioner_id, kind, start_at, end_at, pattern_id, pattern_date, version
         from shift
         where practitioner_id = $1 and status = 'ACTIVE'
           and ($2::timestamptz is null or (end_at > $2 and start_at > $2 - interval '36 hours'))
           and ($3::timestamptz is null or start_at < $3)
           and ($4::timestamptz is null or (start_at, id) > ($4, $5))
         order by start_at, id
         limit $6",
    )
    .bind(practitioner.uuid())
    .bind(from.map(ts))
    .bind(to.map(ts))
    .bind(after.map(|position| ts(position.0)))
    .bind(after.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

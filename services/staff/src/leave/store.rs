//! All SQL about leave.

use galen_contracts::ids::PractitionerId;
use galen_kernel::{Pii, Timestamp};
use galen_storage::{Columns as _, Error, ts};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Decision, Leave, LeaveError, LeaveId, LeaveKind, LeaveStatus};
use crate::interval::Interval;

/// Which leaves are wanted; `None` does not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// That end after it.
    pub from: Option<Timestamp>,
    /// That begin before it.
    pub to: Option<Timestamp>,
    /// That stand there.
    pub status: Option<LeaveStatus>,
}

/// A position in the list: start, id.
#[derive(Serialize, Deserialize)]
pub struct Position(pub Timestamp, pub Uuid);

fn read(row: &PgRow) -> Result<Leave, Error> {
    let (kind, status): (&str, &str) = (row.col("kind")?, row.col("status")?);
    let during = Interval::new(row.instant("start_at")?, row.instant("end_at")?);
    let decision = row
        .opt_id("decided_by")?
        .zip(row.opt_instant("decided_at")?);
    Ok(Leave {
        id: row.id("id")?,
        practitioner: row.id("practitioner_id")?,
        kind: LeaveKind::named(kind).ok_or(Error::Inconsistent {
            column: "staff.leave_request.kind",
        })?,
        reason: row.opt_text("reason")?.map(Pii::new),
        during: during.map_err(|_| Error::Inconsistent {
            column: "staff.leave_request.end_at",
        })?,
        status: LeaveStatus::named(status).ok_or(Error::Inconsistent {
            column: "staff.leave_request.status",
        })?,
        requested_by: row.id("requested_by")?,
        requested_at: row.instant("requested_at")?,
        decision: decision.map(|(by, at)| Decision { by, at }),
        withdrawn_at: row.opt_instant("withdrawn_at")?,
        version: row.col("version")?,
    })
}

/// Stores a new request.
///
/// # Errors
/// [`LeaveError::Overlap`], or when the database fails.
pub async fn insert(db: &mut PgConnection, leave: &Leave) -> Result<(), LeaveError> {
    let inserted = sqlx::query(
        "insert into leave_request (id, practitioner_id, kind, reason, start_at, end_at, status, requested_by, requested_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(leave.id.uuid())
    .bind(leave.practitioner.uuid())
    .bind(leave.kind.name())
    .bind(leave.reason.as_ref().map(Pii::expose))
    .bind(ts(leave.during.start()))
    .bind(ts(leave.during.end()))
    .bind(leave.status.name())
    .bind(leave.requested_by.uuid())
    .bind(ts(leave.requested_at))
    .bind(leave.version)
    .execute(db)
    .await;
    match inserted.map_err(Error::from) {
        Ok(_) => Ok(()),
        Err(error) if error.constraint() == Some("leave_overlap") => Err(LeaveError::Overlap),
        Err(error) => Err(error.into()),
    }
}

/// Reads a leave of a practitioner.
///
/// # Errors
/// When the database fails.
pub async fn get(
    db: impl PgExecutor<'_>,
    practitioner: PractitionerId,
    id: LeaveId,
) -> Result<Option<Leave>, Error> {
    let row = sqlx::query(
        "select id, practitioner_id, kind, reason, start_at, end_at, status, requested_by, requested_at,
                decided_by, decided_at, withdrawn_at, version
         from leave_request
         where id = $1 and practitioner_id = $2",
    )
    .bind(id.uuid())
    .bind(practitioner.uuid())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Writes a decided or withdrawn leave over its former version. The caller read it
/// under the practitioner's lock.
///
/// # Errors
/// When the version is another, or the database fails.
pub async fn update(db: &mut PgConnection, before: &Leave, after: &Leave) -> Result<(), Error> {
    let updated = sqlx::query(
        "update leave_request
         set status = $3, decided_by = $4, decided_at = $5, withdrawn_at = $6, version = $7
         where id = $1 and version = $2",
    )
    .bind(after.id.uuid())
    .bind(before.version)
    .bind(after.status.name())
    .bind(after.decision.map(|decision| decision.by.uuid()))
    .bind(after.decision.map(|decision| ts(decision.at)))
    .bind(after.withdrawn_at.map(ts))
    .bind(after.version)
    .execute(db)
    .await?
    .rows_affected();
    Error::unless_rows("update leave", 1, updated)
}

/// A page of a practitioner's leaves by start and id.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: impl PgExecutor<'_>,
    practitioner: PractitionerId,
    filter: &Filter,
    after: Option<&Position>,
    limit: u16,
) -> Result<Vec<Leave>, Error> {
    sqlx::query(
        "select id, practitioner_id, kind, reason, start_at, end_at, status, requested_by, requested_at,
                decided_by, decided_at, withdrawn_at, version
         from leave_request
         where practitioner_id = $1
           and ($2::timestamptz is null or end_at > $2)
           and ($3::timestamptz is null or start_at < $3)
           and ($4::text is null or status = $4)
           and ($5::timestamptz is null or (start_at, id) > ($5, $6))
         order by start_at, id
         limit $7",
    )
    .bind(practitioner.uuid())
    .bind(filter.from.map(ts))
    .bind(filter.to.map(ts))
    .bind(filter.status.map(LeaveStatus::name))
    .bind(after.map(|position| ts(position.0)))
    .bind(after.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

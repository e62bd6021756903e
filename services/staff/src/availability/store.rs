//! All SQL about availability: the facts of the rule, and the verifications that
//! were answered.

use galen_contracts::ids::PractitionerId;
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, Ts, ts};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Facts, Unavailable};
use crate::interval::Interval;
use crate::shift::model::ShiftKind;

/// Reads what the rule needs, in one statement, from the indexes that keep shifts
/// and leaves from overlapping; `None` when there is no such practitioner. Shifts on
/// call make nobody available and are left out.
///
/// # Errors
/// When the database fails.
pub async fn facts(
    db: impl PgExecutor<'_>,
    practitioner: PractitionerId,
    wanted: Interval,
) -> Result<Option<Facts>, Error> {
    let row = sqlx::query(
        "select p.active, s.kinds, s.starts, s.ends, l.starts as leave_starts, l.ends as leave_ends
         from practitioner p,
              lateral (select coalesce(array_agg(s.kind), '{}') as kinds,
                              coalesce(array_agg(s.start_at), '{}') as starts,
                              coalesce(array_agg(s.end_at), '{}') as ends
                       from shift s
                       where s.practitioner_id = p.id and s.status = 'ACTIVE' and s.kind <> 'ON_CALL'
                         and tstzrange(s.start_at, s.end_at) && tstzrange($2, $3)) s,
              lateral (select coalesce(array_agg(l.start_at), '{}') as starts, coalesce(array_agg(l.end_at), '{}') as ends
                       from leave_request l
                       where l.practitioner_id = p.id and l.status = 'APPROVED'
                         and tstzrange(l.start_at, l.end_at) && tstzrange($2, $3)) l
         where p.id = $1",
    )
    .bind(practitioner.uuid())
    .bind(ts(wanted.start()))
    .bind(ts(wanted.end()))
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let kinds: Vec<String> = row.col("kinds")?;
    let shifts = intervals(row.col("starts")?, row.col("ends")?, "staff.shift.end_at")?;
    let shifts = kinds.iter().zip(shifts).map(|(kind, during)| {
        let kind = ShiftKind::named(kind).ok_or(Error::Inconsistent {
            column: "staff.shift.kind",
        })?;
        Ok((kind, during))
    });
    Ok(Some(Facts {
        active: row.col("active")?,
        shifts: shifts.collect::<Result<_, Error>>()?,
        leaves: intervals(
            row.col("leave_starts")?,
            row.col("leave_ends")?,
            "staff.leave_request.end_at",
        )?,
    }))
}

fn intervals(starts: Vec<Ts>, ends: Vec<Ts>, column: &'static str) -> Result<Vec<Interval>, Error> {
    let interval = |(start, end): (Ts, Ts)| {
        Interval::new(start.to_jiff(), end.to_jiff()).map_err(|_| Error::Inconsistent { column })
    };
    starts.into_iter().zip(ends).map(interval).collect()
}

/// An answered verification.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    /// The step's command.
    pub command_id: Uuid,
    /// The process that asked.
    pub process_id: Uuid,
    /// About whom.
    pub practitioner: PractitionerId,
    /// What was answered.
    pub verdict: Result<(), Unavailable>,
}

/// Notes an answer; `false` when the command was answered before.
///
/// # Errors
/// When the database fails.
pub async fn record(
    db: &mut PgConnection,
    answered: &Answered,
    at: Timestamp,
) -> Result<bool, Error> {
    let recorded = sqlx::query(
        "insert into answered_command (command_id, process_id, practitioner_id, available, reason_code, answered_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (command_id) do nothing",
    )
    .bind(answered.command_id)
    .bind(answered.process_id)
    .bind(answered.practitioner.uuid())
    .bind(answered.verdict.is_ok())
    .bind(answered.verdict.err().map(Unavailable::code))
    .bind(ts(at))
    .execute(db)
    .await?
    .rows_affected();
    Ok(recorded == 1)
}

/// Forgets answers from before an instant, and tells how many.
///
/// # Errors
/// When the database fails.
pub async fn forget_before(db: impl PgExecutor<'_>, at: Timestamp) -> Result<u64, Error> {
    Ok(
        sqlx::query("delete from answered_command where answered_at < $1")
            .bind(ts(at))
            .execute(db)
            .await?
            .rows_affected(),
    )
}

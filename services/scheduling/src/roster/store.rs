//! All SQL about the roster.

use galen_contracts::ids::PractitionerId;
use galen_storage::{Columns as _, Error, date, ts};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::claim::store::during;
use crate::field::specialty_key;
use crate::interval::Interval;
use crate::service_type::ServiceType;

/// A shift, as staff planned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Staff's id of it.
    pub id: Uuid,
    /// When.
    pub during: Interval,
    /// `CLINIC`, `NIGHT`, `SURGERY` or `ON_CALL`.
    pub kind: &'static str,
}

/// The days (UTC) under which the roster finds what touches an interval of at most
/// half a day: that of the start and that of the end. What covers the interval is
/// found under the first already.
#[must_use]
pub fn days_of(wanted: Interval) -> [Date; 2] {
    [wanted.start(), wanted.end()].map(|at| TimeZone::UTC.to_datetime(at).date())
}

/// Whether a service is offered in operating shifts, and in those only. The rule is
/// staff's; the roster follows it so that what is offered here is not refused there.
#[must_use]
pub const fn operates(service: ServiceType) -> bool {
    matches!(service, ServiceType::Surgery)
}

/// Writes what a practitioner practises, and that they do.
///
/// # Errors
/// When the database fails.
pub async fn put_practitioner(
    db: &mut PgConnection,
    id: PractitionerId,
    specialty: &str,
    department: &str,
) -> Result<(), Error> {
    sqlx::query(
        "insert into practitioner (id, specialty, specialty_key, department, active) values ($1, $2, $3, $4, true)
         on conflict (id) do update
         set specialty = excluded.specialty, specialty_key = excluded.specialty_key, department = excluded.department",
    )
    .bind(id.uuid())
    .bind(specialty)
    .bind(specialty_key(specialty))
    .bind(department)
    .execute(db)
    .await?;
    Ok(())
}

/// A practitioner no longer practises here.
///
/// # Errors
/// When the database fails.
pub async fn deactivate(db: &mut PgConnection, id: PractitionerId) -> Result<(), Error> {
    sqlx::query("update practitioner set active = false where id = $1")
        .bind(id.uuid())
        .execute(db)
        .await?;
    Ok(())
}

/// Adds shifts; those that are known stay as they are.
///
/// # Errors
/// When the database fails.
pub async fn add_shifts(
    db: &mut PgConnection,
    practitioner: PractitionerId,
    shifts: &[Shift],
) -> Result<(), Error> {
    sqlx::query(
        "insert into working_time (shift_id, practitioner_id, kind, start_at, end_at)
         select new.id, $1, new.kind, new.start_at, new.end_at
         from unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[]) as new (id, kind, start_at, end_at)
         on conflict (shift_id) do nothing",
    )
    .bind(practitioner.uuid())
    .bind(shifts.iter().map(|shift| shift.id).collect::<Vec<_>>())
    .bind(shifts.iter().map(|shift| shift.kind).collect::<Vec<_>>())
    .bind(shifts.iter().map(|shift| ts(shift.during.start())).collect::<Vec<_>>())
    .bind(shifts.iter().map(|shift| ts(shift.during.end())).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Removes a shift; when it was, if it was known.
///
/// # Errors
/// When the database fails.
pub async fn remove_shift(db: &mut PgConnection, shift: Uuid) -> Result<Option<Interval>, Error> {
    let row =
        sqlx::query("delete from working_time where shift_id = $1 returning start_at, end_at")
            .bind(shift)
            .fetch_optional(db)
            .await?;
    row.map(|row| during(&row, "start_at", "end_at"))
        .transpose()
}

/// Adds a leave.
///
/// # Errors
/// When the database fails.
pub async fn add_leave(
    db: &mut PgConnection,
    practitioner: PractitionerId,
    leave: Uuid,
    away: Interval,
) -> Result<(), Error> {
    sqlx::query("insert into absence (leave_id, practitioner_id, start_at, end_at) values ($1, $2, $3, $4) on conflict (leave_id) do nothing")
        .bind(leave)
        .bind(practitioner.uuid())
        .bind(ts(away.start()))
        .bind(ts(away.end()))
        .execute(db)
        .await?;
    Ok(())
}

/// Removes a leave; when it was, if it was known.
///
/// # Errors
/// When the database fails.
pub async fn remove_leave(db: &mut PgConnection, leave: Uuid) -> Result<Option<Interval>, Error> {
    let row = sqlx::query("delete from absence where leave_id = $1 returning start_at, end_at")
        .bind(leave)
        .fetch_optional(db)
        .await?;
    row.map(|row| during(&row, "start_at", "end_at"))
        .transpose()
}

/// Folds a practitioner's working time and absences anew where something changed.
///
/// Pieces that touch the change are folded with it, so that what is stored stays
/// merged. Nothing beyond them can be: stored pieces of one kind never touch each
/// other, and a piece of another kind is an edge that no merging crosses.
///
/// # Errors
/// When the database fails.
pub async fn fold(
    db: &mut PgConnection,
    practitioner: PractitionerId,
    changed: Interval,
) -> Result<(), Error> {
    let row = sqlx::query(
        "select least($2, min(start_at)) as start_at, greatest($3, max(end_at)) as end_at
         from roster
         where practitioner_id = $1 and start_at <= $3 and end_at >= $2",
    )
    .bind(practitioner.uuid())
    .bind(ts(changed.start()))
    .bind(ts(changed.end()))
    .fetch_one(&mut *db)
    .await?;
    let reach = during(&row, "start_at", "end_at")?;
    sqlx::query(
        "delete from roster where practitioner_id = $1 and start_at >= $2 and end_at <= $3",
    )
    .bind(practitioner.uuid())
    .bind(ts(reach.start()))
    .bind(ts(reach.end()))
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "with work as (
             select kind = 'SURGERY' as operating, range_agg(tstzrange(greatest(start_at, $2), least(end_at, $3))) as times
             from working_time
             where practitioner_id = $1 and start_at < $3 and end_at > $2 and kind <> 'ON_CALL'
             group by operating
         ), away as (
             select coalesce(range_agg(tstzrange(greatest(start_at, $2), least(end_at, $3))), '{}') as times
             from absence
             where practitioner_id = $1 and start_at < $3 and end_at > $2
         ), piece as (
             select unnest(work.times - away.times) as during, operating, false as on_leave from work, away
             union all
             select unnest(work.times * away.times), operating, true from work, away
         )
         insert into roster (day, practitioner_id, operating, on_leave, start_at, end_at)
         select touched::date, $1, operating, on_leave, lower(during), upper(during)
         from piece,
              generate_series(
                  date_trunc('day', lower(during) at time zone 'UTC'),
                  (upper(during) at time zone 'UTC') - interval '1 microsecond',
                  interval '1 day'
              ) as touched",
    )
    .bind(practitioner.uuid())
    .bind(ts(reach.start()))
    .bind(ts(reach.end()))
    .execute(db)
    .await?;
    Ok(())
}

/// For each of some intervals, in their order, whether an active practitioner is
/// present all the time and offers the service.
///
/// # Errors
/// When the database fails.
pub async fn covered(
    db: impl PgExecutor<'_>,
    practitioner: PractitionerId,
    service: ServiceType,
    wanted: &[Interval],
) -> Result<Vec<bool>, Error> {
    let rows = sqlx::query(
        "select exists (
             select from roster r join practitioner p on p.id = r.practitioner_id
             where r.day = w.day and r.practitioner_id = $1 and not r.on_leave and r.operating = $5 and p.active
               and r.start_at <= w.start_at and r.end_at >= w.end_at
         ) as covered
         from unnest($2::date[], $3::timestamptz[], $4::timestamptz[]) with ordinality as w (day, start_at, end_at, place)
         order by w.place",
    )
    .bind(practitioner.uuid())
    .bind(wanted.iter().map(|w| date(days_of(*w)[0])).collect::<Vec<_>>())
    .bind(wanted.iter().map(|w| ts(w.start())).collect::<Vec<_>>())
    .bind(wanted.iter().map(|w| ts(w.end())).collect::<Vec<_>>())
    .bind(operates(service))
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| row.col("covered")).collect()
}

/// When active practitioners (one, or all of a specialty) are present in a window and
/// offer the service, by practitioner and time.
///
/// # Errors
/// When the database fails.
pub async fn present(
    db: impl PgExecutor<'_>,
    practitioner: Option<PractitionerId>,
    specialty: Option<&str>,
    service: ServiceType,
    window: Interval,
) -> Result<Vec<(Uuid, Interval)>, Error> {
    let rows = sqlx::query(
        "select distinct r.practitioner_id, r.start_at, r.end_at
         from practitioner p
         join roster r on r.practitioner_id = p.id
         where p.active and ($1::uuid is null or p.id = $1) and ($2::text is null or p.specialty_key = $2)
           and r.day between ($3 at time zone 'UTC')::date and ($4 at time zone 'UTC')::date
           and not r.on_leave and r.operating = $5 and r.start_at < $4 and r.end_at > $3
         order by r.practitioner_id, r.start_at",
    )
    .bind(practitioner.map(|id| id.uuid()))
    .bind(specialty.map(specialty_key))
    .bind(ts(window.start()))
    .bind(ts(window.end()))
    .bind(operates(service))
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.col("practitioner_id")?,
                during(row, "start_at", "end_at")?,
            ))
        })
        .collect()
}

/// When a shift is that is not known to be cancelled.
///
/// # Errors
/// When the database fails.
pub async fn shift(db: impl PgExecutor<'_>, shift: Uuid) -> Result<Option<Interval>, Error> {
    let row = sqlx::query("select start_at, end_at from working_time where shift_id = $1")
        .bind(shift)
        .fetch_optional(db)
        .await?;
    row.map(|row| during(&row, "start_at", "end_at"))
        .transpose()
}

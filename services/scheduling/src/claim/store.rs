//! All SQL about claims on time; the claim of a new appointment is written together
//! with it, in the appointments' store.

use galen_contracts::ids::{AppointmentId, PatientId, PractitionerId, UserId};
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Hold, HoldId, Obstacle};
use crate::interval::Interval;
use crate::service_type::ServiceType;

pub(crate) fn during(row: &PgRow, start: &str, end: &'static str) -> Result<Interval, Error> {
    Interval::new(row.instant(start)?, row.instant(end)?)
        .map_err(|_| Error::Inconsistent { column: end })
}

pub(crate) fn service_type(row: &PgRow) -> Result<ServiceType, Error> {
    ServiceType::named(row.col("service_type")?).ok_or(Error::Inconsistent {
        column: "service_type",
    })
}

/// Keeps a time as a hold or an offer, unless it is taken. What has expired is
/// dropped first, so that it is never in the way.
///
/// # Errors
/// When the database fails.
pub async fn keep(db: &mut PgConnection, hold: &Hold, now: Timestamp) -> Result<bool, Error> {
    let [before, first, last] = hold.during.half_days();
    let kind = if hold.held_by.is_some() {
        "HOLD"
    } else {
        "OFFER"
    };
    let kept = sqlx::query(
        "with expired as (
             delete from claim
             where half_day in ($11, $12, $13) and practitioner_id = $3 and start_at < $6 and end_at > $5 and expires_at <= $10
             returning 1
         )
         insert into claim (id, kind, practitioner_id, patient_id, start_at, end_at, service_type, held_by, expires_at)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9
         from (select count(*) from expired) as dropped
         on conflict do nothing",
    )
    .bind(hold.id.uuid())
    .bind(kind)
    .bind(hold.practitioner.uuid())
    .bind(hold.patient.map(|id| id.uuid()))
    .bind(ts(hold.during.start()))
    .bind(ts(hold.during.end()))
    .bind(hold.service_type.name())
    .bind(hold.held_by.map(|id| id.uuid()))
    .bind(ts(hold.expires_at))
    .bind(ts(now))
    .bind(before)
    .bind(first)
    .bind(last)
    .execute(db)
    .await?
    .rows_affected();
    Ok(kept == 1)
}

/// Reads a hold, locked against its expiry.
///
/// # Errors
/// When the database fails.
pub async fn get_hold(db: &mut PgConnection, id: HoldId) -> Result<Option<Hold>, Error> {
    let row = sqlx::query(
        "select id, practitioner_id, patient_id, start_at, end_at, service_type, held_by, expires_at
         from claim
         where id = $1 and kind = 'HOLD'
         for update",
    )
    .bind(id.uuid())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read_hold).transpose()
}

fn read_hold(row: &PgRow) -> Result<Hold, Error> {
    Ok(Hold {
        id: row.id("id")?,
        practitioner: row.id("practitioner_id")?,
        during: during(row, "start_at", "end_at")?,
        service_type: service_type(row)?,
        patient: row.opt_id("patient_id")?,
        held_by: row.opt_id("held_by")?,
        expires_at: row.instant("expires_at")?,
    })
}

/// How many slots an account holds.
///
/// # Errors
/// When the database fails.
pub async fn held_by(db: &mut PgConnection, account: UserId, now: Timestamp) -> Result<i64, Error> {
    let held = sqlx::query_scalar(
        "select count(*) from claim where held_by = $1 and kind = 'HOLD' and expires_at > $2",
    );
    Ok(held
        .bind(account.uuid())
        .bind(ts(now))
        .fetch_one(db)
        .await?)
}

/// Gives up a hold or an offer, whatever its age; what it kept, if it was there.
///
/// # Errors
/// When the database fails.
pub async fn release(
    db: &mut PgConnection,
    id: HoldId,
) -> Result<Option<(PractitionerId, Interval)>, Error> {
    let row = sqlx::query("delete from claim where id = $1 and kind <> 'APPOINTMENT' returning practitioner_id, start_at, end_at")
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        Ok((
            row.id("practitioner_id")?,
            during(&row, "start_at", "end_at")?,
        ))
    })
    .transpose()
}

/// Drops a hold that is over; what it kept, if it was still there.
///
/// # Errors
/// When the database fails.
pub async fn expire_hold(
    db: &mut PgConnection,
    id: HoldId,
    now: Timestamp,
) -> Result<Option<(PractitionerId, Interval)>, Error> {
    let row = sqlx::query("delete from claim where id = $1 and kind = 'HOLD' and expires_at <= $2 returning practitioner_id, start_at, end_at")
        .bind(id.uuid())
        .bind(ts(now))
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        Ok((
            row.id("practitioner_id")?,
            during(&row, "start_at", "end_at")?,
        ))
    })
    .transpose()
}

/// Takes the time of an appointment again that had given it up, unless it is taken.
///
/// # Errors
/// When the database fails.
pub async fn retake(db: &mut PgConnection, appointment: AppointmentId) -> Result<bool, Error> {
    let taken = sqlx::query(
        "insert into claim (id, kind, practitioner_id, patient_id, start_at, end_at)
         select id, 'APPOINTMENT', practitioner_id, patient_id, start_at, end_at from appointment where id = $1
         on conflict do nothing",
    )
    .bind(appointment.uuid())
    .execute(db)
    .await?
    .rows_affected();
    Ok(taken == 1)
}

/// Whose time is taken in an interval; the practitioner's first.
///
/// # Errors
/// When the database fails.
pub async fn in_the_way(
    db: &mut PgConnection,
    practitioner: PractitionerId,
    patient: PatientId,
    wanted: Interval,
) -> Result<Option<Obstacle>, Error> {
    let row = sqlx::query(
        "select exists (
                    select from claim
                    where practitioner_id = $1 and tstzrange(start_at, end_at) && tstzrange($3, $4)
                ) as of_practitioner,
                exists (
                    select from claim
                    where patient_id = $2 and kind = 'APPOINTMENT' and tstzrange(start_at, end_at) && tstzrange($3, $4)
                ) as of_patient",
    )
    .bind(practitioner.uuid())
    .bind(patient.uuid())
    .bind(ts(wanted.start()))
    .bind(ts(wanted.end()))
    .fetch_one(db)
    .await?;
    Ok(
        match (row.col("of_practitioner")?, row.col("of_patient")?) {
            (true, _) => Some(Obstacle::Practitioner),
            (false, true) => Some(Obstacle::Patient),
            (false, false) => None,
        },
    )
}

/// The taken times of practitioners that reach into a window, by practitioner.
///
/// # Errors
/// When the database fails.
pub async fn taken(
    db: impl PgExecutor<'_>,
    practitioners: &[Uuid],
    window: Interval,
    now: Timestamp,
) -> Result<Vec<(Uuid, Interval)>, Error> {
    let [first, _, last] = window.half_days();
    sqlx::query(
        "select practitioner_id, start_at, end_at
         from claim
         where practitioner_id = any($1)
           and half_day between $5 and $6
           and start_at < $3 and end_at > $2
           and (expires_at is null or expires_at > $4)
         order by practitioner_id, start_at",
    )
    .bind(practitioners)
    .bind(ts(window.start()))
    .bind(ts(window.end()))
    .bind(ts(now))
    .bind(first)
    .bind(last)
    .fetch_all(db)
    .await?
    .iter()
    .map(|row| {
        Ok((
            row.col("practitioner_id")?,
            during(row, "start_at", "end_at")?,
        ))
    })
    .collect()
}

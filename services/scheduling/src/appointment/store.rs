//! All SQL about appointments.

use galen_contracts::ids::{AppointmentId, PatientId, PractitionerId};
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, ts};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Actor, Appointment, Cancellation, SeriesId, Status};
use crate::claim::store::{during, service_type};
use crate::interval::Interval;
use crate::price::{PriceStatus, Pricing, Quote};
use crate::service_type::PaymentMode;

/// The columns of an appointment `a`.
macro_rules! columns {
    () => {
        "a.id, a.patient_id, a.practitioner_id, a.start_at, a.end_at, a.service_type, a.payment_mode, a.sealed_reason, a.status,
         a.ground_lost, a.cancelled_for, a.cancelled_by, a.sealed_cancellation_note, a.replaces_id, a.replaced_by_id, a.series_id,
         a.booked_by, a.booked_at, a.price_currency, a.patient_share, a.insurer_share, a.prepayment, a.price_status, a.version"
    };
}

/// Selects appointments `a`.
macro_rules! select {
    ($rest:expr) => {
        concat!("select ", columns!(), " ", $rest)
    };
}

/// A page of appointments `a` of which a condition holds.
macro_rules! page {
    ($whose:literal) => {
        select!(concat!(
            "from appointment a where ",
            $whose,
            " and a.start_at >= coalesce($3, '-infinity') and a.start_at < coalesce($4, 'infinity')
              and ($5::text is null or a.status = $5)
              and ($6::boolean is null or (a.ground_lost is not null) = $6)
              and (a.start_at, a.id) > (coalesce($7, '-infinity'), coalesce($8, '00000000-0000-0000-0000-000000000000'))
            order by a.start_at, a.id
            limit $9"
        ))
    };
}

/// A position in the list: start, id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(pub Timestamp, pub Uuid);

/// Which appointments are looked for.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of a patient, under any of the ids they had.
    pub patient: Option<Vec<Uuid>>,
    /// With a practitioner.
    pub practitioner: Option<PractitionerId>,
    /// That begin at or after.
    pub from: Option<Timestamp>,
    /// That begin before.
    pub to: Option<Timestamp>,
    /// In this status.
    pub status: Option<Status>,
    /// Must be moved, or need not.
    pub needs_reschedule: Option<bool>,
}

fn read(row: &PgRow) -> Result<Appointment, Error> {
    let cancelled_by: Option<&str> = row.col("cancelled_by")?;
    let cancellation = match (row.opt_text("cancelled_for")?, cancelled_by) {
        (Some(reason_code), Some(by)) => Some(Cancellation {
            reason_code,
            by: Actor::named(by).ok_or(Error::Inconsistent {
                column: "scheduling.appointment.cancelled_by",
            })?,
            note: row.col("sealed_cancellation_note")?,
        }),
        _ => None,
    };
    Ok(Appointment {
        id: row.id("id")?,
        patient: row.id("patient_id")?,
        practitioner: row.id("practitioner_id")?,
        during: during(row, "start_at", "end_at")?,
        service_type: service_type(row)?,
        payment_mode: PaymentMode::named(row.col("payment_mode")?).ok_or(Error::Inconsistent {
            column: "scheduling.appointment.payment_mode",
        })?,
        reason: row.col("sealed_reason")?,
        status: Status::named(row.col("status")?).ok_or(Error::Inconsistent {
            column: "scheduling.appointment.status",
        })?,
        ground_lost: row.opt_text("ground_lost")?,
        cancellation,
        replaces: row.opt_id("replaces_id")?,
        replaced_by: row.opt_id("replaced_by_id")?,
        series: row.opt_id("series_id")?,
        booked_by: row.opt_id("booked_by")?,
        booked_at: row.instant("booked_at")?,
        pricing: pricing(row)?,
        version: row.col("version")?,
    })
}

fn pricing(row: &PgRow) -> Result<Pricing, Error> {
    let status = PriceStatus::named(row.col("price_status")?);
    let quote = quote(row)?;
    status
        .and_then(|status| Pricing::of(status, quote))
        .ok_or(Error::Inconsistent {
            column: "scheduling.appointment.price_status",
        })
}

fn quote(row: &PgRow) -> Result<Option<Quote>, Error> {
    let Some(currency) = row.opt_text("price_currency")? else {
        return Ok(None);
    };
    Ok(Some(Quote {
        currency: currency.parse().map_err(|_| Error::Inconsistent {
            column: "scheduling.appointment.price_currency",
        })?,
        patient: row.col("patient_share")?,
        insurer: row.col("insurer_share")?,
        prepayment: row.col("prepayment")?,
    }))
}

fn read_all(rows: &[PgRow]) -> Result<Vec<Appointment>, Error> {
    rows.iter().map(read).collect()
}

/// Takes the time and writes the appointment, in one statement; `false` when the
/// time of the practitioner or of the patient is taken. Holds that have expired and
/// the claims given up in exchange are dropped first.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &mut PgConnection,
    new: &Appointment,
    given_up: Option<Uuid>,
    now: Timestamp,
) -> Result<bool, Error> {
    let [before, first, last] = new.during.half_days();
    let quote = new.pricing.quote();
    let booked = sqlx::query(
        "with expired as (
             delete from claim
             where half_day in ($15, $16, $17) and practitioner_id = $3 and start_at < $5 and end_at > $4 and expires_at <= $14
             returning 1
         ), given_up as (
             delete from claim where id = $13 returning 1
         ), taken as (
             insert into claim (id, kind, practitioner_id, patient_id, start_at, end_at)
             select $1, 'APPOINTMENT', $3, $2, $4, $5
             from (select count(*) from expired) as dropped, (select count(*) from given_up) as exchanged
             on conflict do nothing
             returning id
         )
         insert into appointment (id, patient_id, practitioner_id, start_at, end_at, service_type, payment_mode, sealed_reason,
                                  status, replaces_id, series_id, booked_by, booked_at, price_currency, patient_share, insurer_share, prepayment,
                                  price_status)
         select id, $2, $3, $4, $5, $6, $7, $8, 'BOOKED', $9, $10, $11, $12, $18, $19, $20, $21, $22 from taken",
    )
    .bind(new.id.uuid())
    .bind(new.patient.uuid())
    .bind(new.practitioner.uuid())
    .bind(ts(new.during.start()))
    .bind(ts(new.during.end()))
    .bind(new.service_type.name())
    .bind(new.payment_mode.name())
    .bind(new.reason.as_ref())
    .bind(new.replaces.map(|id| id.uuid()))
    .bind(new.series.map(|id| id.uuid()))
    .bind(new.booked_by.map(|id| id.uuid()))
    .bind(ts(new.booked_at))
    .bind(given_up)
    .bind(ts(now))
    .bind(before)
    .bind(first)
    .bind(last)
    .bind(quote.as_ref().map(|quote| quote.currency.code()))
    .bind(quote.map(|quote| quote.patient))
    .bind(quote.map(|quote| quote.insurer))
    .bind(quote.map(|quote| quote.prepayment))
    .bind(new.pricing.status().name())
    .execute(db)
    .await?
    .rows_affected();
    Ok(booked == 1)
}

/// Notes what billing said about the price that was waited for; says whether one was.
///
/// # Errors
/// When the database fails.
pub async fn price(
    db: &mut PgConnection,
    id: AppointmentId,
    pricing: Pricing,
) -> Result<bool, Error> {
    let quote = pricing.quote();
    let written = sqlx::query(
        "update appointment
         set price_status = $2, price_currency = $3, patient_share = $4, insurer_share = $5, prepayment = $6
         where id = $1 and price_status = 'PENDING'",
    )
    .bind(id.uuid())
    .bind(pricing.status().name())
    .bind(quote.as_ref().map(|quote| quote.currency.code()))
    .bind(quote.map(|quote| quote.patient))
    .bind(quote.map(|quote| quote.insurer))
    .bind(quote.map(|quote| quote.prepayment))
    .execute(db)
    .await?
    .rows_affected();
    Ok(written == 1)
}

/// Reads one.
///
/// # Errors
/// When the database fails.
pub async fn get(db: impl PgExecutor<'_>, id: AppointmentId) -> Result<Option<Appointment>, Error> {
    let row = sqlx::query(select!("from appointment a where a.id = $1"))
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Reads one, locked against other changes.
///
/// # Errors
/// When the database fails.
pub async fn get_for_change(
    db: &mut PgConnection,
    id: AppointmentId,
) -> Result<Option<Appointment>, Error> {
    let row = sqlx::query(select!("from appointment a where a.id = $1 for update"))
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Writes what may change of an appointment, over the version before it, and gives
/// its time free when it is no longer open.
///
/// # Errors
/// When another version is stored, or the database fails.
pub async fn change(db: &mut PgConnection, changed: &Appointment) -> Result<(), Error> {
    let cancellation = changed.cancellation.as_ref();
    let written = sqlx::query(
        "with released as (
             delete from claim where id = $1 and not $9
         )
         update appointment
         set status = $2, ground_lost = $3, cancelled_for = $4, cancelled_by = $5, sealed_cancellation_note = $6,
             replaced_by_id = $7, version = $8
         where id = $1 and version = $8 - 1",
    )
    .bind(changed.id.uuid())
    .bind(changed.status.name())
    .bind(&changed.ground_lost)
    .bind(cancellation.map(|c| c.reason_code.as_str()))
    .bind(cancellation.map(|c| c.by.name()))
    .bind(cancellation.and_then(|c| c.note.as_ref()))
    .bind(changed.replaced_by.map(|id| id.uuid()))
    .bind(changed.version)
    .bind(changed.status.is_open())
    .execute(db)
    .await?
    .rows_affected();
    Error::unless_rows("change appointment", 1, written)
}

/// A page by start and id. Each of the three orders has its index.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Appointment>, Error> {
    // Each condition names both parameters, so that all three take the same ones.
    let sql = if filter.patient.is_some() {
        page!("a.patient_id = any($1) and ($2::uuid is null or a.practitioner_id = $2)")
    } else if filter.practitioner.is_some() {
        page!("$1::uuid[] is null and a.practitioner_id = $2")
    } else {
        page!("$1::uuid[] is null and $2::uuid is null")
    };
    let rows = sqlx::query(sql)
        .bind(filter.patient.as_deref())
        .bind(filter.practitioner.map(|id| id.uuid()))
        .bind(filter.from.map(ts))
        .bind(filter.to.map(ts))
        .bind(filter.status.map(Status::name))
        .bind(filter.needs_reschedule)
        .bind(after.map(|position| ts(position.0)))
        .bind(after.map(|position| position.1))
        .bind(i64::from(limit) + 1)
        .fetch_all(db)
        .await?;
    read_all(&rows)
}

/// Open appointments of a practitioner that overlap an interval, by start.
///
/// # Errors
/// When the database fails.
pub async fn open_within(
    db: impl PgExecutor<'_>,
    practitioner: PractitionerId,
    window: Interval,
) -> Result<Vec<Appointment>, Error> {
    let rows = sqlx::query(select!(
        "from appointment a
         where a.practitioner_id = $1
           and a.start_at < $3 and a.start_at > $2 - interval '12 hours' and a.end_at > $2
           and a.status in ('BOOKED', 'CONFIRMED', 'CHECKED_IN', 'IN_CONSULTATION')
         order by a.start_at, a.id"
    ))
    .bind(practitioner.uuid())
    .bind(ts(window.start()))
    .bind(ts(window.end()))
    .fetch_all(db)
    .await?;
    read_all(&rows)
}

/// Which appointments ahead are looked at when a practitioner's time changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Those that have theirs.
    Kept,
    /// Those that lost theirs, for a reason of the practitioner's.
    Lost,
}

/// Why an appointment must be moved when two records of one person are both booked.
pub const PATIENT_BUSY: &str = "PATIENT_BUSY";

/// Appointments of a practitioner that have not begun and to which nobody has
/// arrived, that overlap an interval (or all), by start.
///
/// # Errors
/// When the database fails.
pub async fn ahead_of_practitioner(
    db: impl PgExecutor<'_>,
    practitioner: PractitionerId,
    window: Option<Interval>,
    ground: Ground,
    now: Timestamp,
) -> Result<Vec<Appointment>, Error> {
    let rows = sqlx::query(select!(
        "from appointment a
         where a.practitioner_id = $1
           and a.start_at >= $5 and a.start_at > coalesce($2 - interval '12 hours', '-infinity')
           and a.start_at < coalesce($3, 'infinity') and a.end_at > coalesce($2, '-infinity')
           and a.status in ('BOOKED', 'CONFIRMED')
           and case when $4 then a.ground_lost <> $6 else a.ground_lost is null end
         order by a.start_at, a.id"
    ))
    .bind(practitioner.uuid())
    .bind(window.map(|window| ts(window.start())))
    .bind(window.map(|window| ts(window.end())))
    .bind(ground == Ground::Lost)
    .bind(ts(now))
    .bind(PATIENT_BUSY)
    .fetch_all(db)
    .await?;
    read_all(&rows)
}

/// The appointments of these patients that have not begun and to which nobody has
/// arrived, by start.
///
/// # Errors
/// When the database fails.
pub async fn ahead_of_patient(
    db: &mut PgConnection,
    patients: &[Uuid],
    now: Timestamp,
) -> Result<Vec<AppointmentId>, Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select id from appointment
         where patient_id = any($1) and start_at >= $2 and status in ('BOOKED', 'CONFIRMED')
         order by start_at, id",
    )
    .bind(patients)
    .bind(ts(now))
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(AppointmentId::from_uuid).collect())
}

/// Removes what was said about why a patient comes or does not, from every appointment
/// that was booked for this record. Repeating it changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn forget_reasons(db: &mut PgConnection, patient: PatientId) -> Result<(), Error> {
    sqlx::query(
        "update appointment set sealed_reason = null, sealed_cancellation_note = null, version = version + 1
         where patient_id = $1 and num_nonnulls(sealed_reason, sealed_cancellation_note) > 0",
    )
    .bind(patient.uuid())
    .execute(db)
    .await?;
    Ok(())
}

/// The appointments of a series, by start.
///
/// # Errors
/// When the database fails.
pub async fn of_series(
    db: impl PgExecutor<'_>,
    series: SeriesId,
) -> Result<Vec<Appointment>, Error> {
    let rows = sqlx::query(select!(
        "from appointment a where a.series_id = $1 order by a.start_at, a.id"
    ))
    .bind(series.uuid())
    .fetch_all(db)
    .await?;
    read_all(&rows)
}

/// Marks up to `limit` appointments as missed that ended at or before `before`
/// without anybody arriving, gives their time free, and returns them. What another
/// transaction holds is left for the next time.
///
/// # Errors
/// When the database fails.
pub async fn mark_missed(
    db: &mut PgConnection,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Appointment>, Error> {
    let rows = sqlx::query(concat!(
        "with due as (
             select a.id
             from claim c
             join appointment a on a.id = c.id
             where c.kind = 'APPOINTMENT' and c.end_at <= $1 and a.status in ('BOOKED', 'CONFIRMED')
             order by c.end_at
             limit $2
             for update of a skip locked
         ), released as (
             delete from claim using due where claim.id = due.id
         )
         update appointment a
         set status = 'NO_SHOW', version = a.version + 1
         from due
         where a.id = due.id
         returning ",
        columns!()
    ))
    .bind(ts(before))
    .bind(limit)
    .fetch_all(db)
    .await?;
    read_all(&rows)
}

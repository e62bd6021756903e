//! All SQL about the waitlist.

use galen_contracts::ids::PractitionerId;
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, ts};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Entry, EntryId, Offer, State, Status, Wish};
use crate::claim::store::{during, service_type};
use crate::field::specialty_key;
use crate::interval::Interval;
use crate::service_type::PaymentMode;

/// Selects entries `e`.
macro_rules! select {
    ($rest:expr) => {
        concat!(
            "select e.id, e.patient_id, e.practitioner_id, e.specialty, e.service_type, e.payment_mode, e.earliest, e.latest,
                    e.status, e.offer_id, e.offer_practitioner_id, e.offer_start, e.offer_end, e.offer_expires_at,
                    e.appointment_id, e.created_at, e.version ",
            $rest
        )
    };
}

/// A position in the list, and in the queue: since when, id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(pub Timestamp, pub Uuid);

impl Position {
    /// An entry's.
    #[must_use]
    pub const fn of(entry: &Entry) -> Self {
        Self(entry.created_at, entry.id.uuid())
    }
}

/// Which entries are looked for.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of a patient, under any of the ids they had.
    pub patient: Option<Vec<Uuid>>,
    /// For a practitioner.
    pub practitioner: Option<PractitionerId>,
    /// For a specialty.
    pub specialty: Option<String>,
    /// In this status.
    pub status: Option<Status>,
}

fn read(row: &PgRow) -> Result<Entry, Error> {
    let missing = |column| move || Error::Inconsistent { column };
    let practitioner: Option<PractitionerId> = row.opt_id("practitioner_id")?;
    let wish = match practitioner {
        Some(practitioner) => Wish::Practitioner(practitioner),
        None => Wish::Specialty(
            row.opt_text("specialty")?
                .ok_or_else(missing("scheduling.waitlist_entry.specialty"))?,
        ),
    };
    let state = match Status::named(row.col("status")?)
        .ok_or_else(missing("scheduling.waitlist_entry.status"))?
    {
        Status::Waiting => State::Waiting,
        Status::Offered => State::Offered(Offer {
            id: row.id("offer_id")?,
            practitioner: row.id("offer_practitioner_id")?,
            during: during(row, "offer_start", "offer_end")?,
            expires_at: row.instant("offer_expires_at")?,
        }),
        Status::Booked => State::Booked(row.id("appointment_id")?),
        Status::Expired => State::Expired,
        Status::Withdrawn => State::Withdrawn,
    };
    Ok(Entry {
        id: row.id("id")?,
        patient: row.id("patient_id")?,
        wish,
        service_type: service_type(row)?,
        payment_mode: PaymentMode::named(row.col("payment_mode")?)
            .ok_or_else(missing("scheduling.waitlist_entry.payment_mode"))?,
        window: during(row, "earliest", "latest")?,
        state,
        created_at: row.instant("created_at")?,
        version: row.col("version")?,
    })
}

/// Writes a new entry.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut PgConnection, new: &Entry) -> Result<(), Error> {
    let (practitioner, specialty) = match &new.wish {
        Wish::Practitioner(id) => (Some(id.uuid()), None),
        Wish::Specialty(specialty) => (None, Some(specialty.as_str())),
    };
    sqlx::query(
        "insert into waitlist_entry (id, patient_id, practitioner_id, specialty, specialty_key, service_type, payment_mode,
                                     earliest, latest, minutes, status, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'WAITING', $11)",
    )
    .bind(new.id.uuid())
    .bind(new.patient.uuid())
    .bind(practitioner)
    .bind(specialty)
    .bind(specialty.map(specialty_key))
    .bind(new.service_type.name())
    .bind(new.payment_mode.name())
    .bind(ts(new.window.start()))
    .bind(ts(new.window.end()))
    .bind(new.service_type.minutes())
    .bind(ts(new.created_at))
    .execute(db)
    .await?;
    Ok(())
}

/// Reads one.
///
/// # Errors
/// When the database fails.
pub async fn get(db: impl PgExecutor<'_>, id: EntryId) -> Result<Option<Entry>, Error> {
    let row = sqlx::query(select!("from waitlist_entry e where e.id = $1"))
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Reads one, locked against other changes.
///
/// # Errors
/// When the database fails.
pub async fn get_for_change(db: &mut PgConnection, id: EntryId) -> Result<Option<Entry>, Error> {
    let row = sqlx::query(select!("from waitlist_entry e where e.id = $1 for update"))
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Writes where an entry stands, over the version before it.
///
/// # Errors
/// When another version is stored, or the database fails.
pub async fn change(db: &mut PgConnection, changed: &Entry) -> Result<(), Error> {
    let offer = if let State::Offered(offer) = &changed.state {
        Some(offer)
    } else {
        None
    };
    let appointment = if let State::Booked(appointment) = changed.state {
        Some(appointment.uuid())
    } else {
        None
    };
    let written = sqlx::query(
        "update waitlist_entry
         set status = $2, offer_id = $3, offer_practitioner_id = $4, offer_start = $5, offer_end = $6, offer_expires_at = $7,
             appointment_id = $8, version = $9
         where id = $1 and version = $9 - 1",
    )
    .bind(changed.id.uuid())
    .bind(changed.state.status().name())
    .bind(offer.map(|offer| offer.id.uuid()))
    .bind(offer.map(|offer| offer.practitioner.uuid()))
    .bind(offer.map(|offer| ts(offer.during.start())))
    .bind(offer.map(|offer| ts(offer.during.end())))
    .bind(offer.map(|offer| ts(offer.expires_at)))
    .bind(appointment)
    .bind(changed.version)
    .execute(db)
    .await?
    .rows_affected();
    Error::unless_rows("change waitlist entry", 1, written)
}

/// The first entry behind a position in the queue for whom a free time of a
/// practitioner has room, locked; entries that somebody else is at are passed over.
///
/// # Errors
/// When the database fails.
pub async fn next_in_line(
    db: &mut PgConnection,
    practitioner: PractitionerId,
    operating: bool,
    free: Interval,
    behind: Option<Position>,
) -> Result<Option<Entry>, Error> {
    let row = sqlx::query(select!(
        "from waitlist_entry e
         where e.status = 'WAITING'
           and (e.practitioner_id = $1 or e.specialty_key = (select p.specialty_key from practitioner p where p.id = $1))
           and (e.service_type = 'SURGERY') = $6
           and greatest(e.earliest, $2) + e.minutes * interval '1 minute' <= least(e.latest, $3)
           and (e.created_at, e.id) > (coalesce($4, '-infinity'), coalesce($5, '00000000-0000-0000-0000-000000000000'))
           and not exists (
               select from claim c
               where c.patient_id = e.patient_id and c.kind = 'APPOINTMENT'
                 and tstzrange(c.start_at, c.end_at)
                     && tstzrange(greatest(e.earliest, $2), greatest(e.earliest, $2) + e.minutes * interval '1 minute')
           )
         order by e.created_at, e.id
         limit 1
         for update of e skip locked"
    ))
    .bind(practitioner.uuid())
    .bind(ts(free.start()))
    .bind(ts(free.end()))
    .bind(behind.map(|position| ts(position.0)))
    .bind(behind.map(|position| position.1))
    .bind(operating)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// A page in the order of the queue.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Entry>, Error> {
    let rows = sqlx::query(select!(
        "from waitlist_entry e
         where ($1::uuid[] is null or e.patient_id = any($1))
           and ($2::uuid is null or e.practitioner_id = $2)
           and ($3::text is null or e.specialty_key = $3)
           and ($4::text is null or e.status = $4)
           and (e.created_at, e.id) > (coalesce($5, '-infinity'), coalesce($6, '00000000-0000-0000-0000-000000000000'))
         order by e.created_at, e.id
         limit $7"
    ))
    .bind(filter.patient.as_deref())
    .bind(filter.practitioner.map(|id| id.uuid()))
    .bind(filter.specialty.as_deref().map(specialty_key))
    .bind(filter.status.map(Status::name))
    .bind(after.map(|position| ts(position.0)))
    .bind(after.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// The entries of a patient that wait or have an offer, locked.
///
/// # Errors
/// When the database fails.
pub async fn open_of_patient(
    db: &mut PgConnection,
    patients: &[Uuid],
) -> Result<Vec<Entry>, Error> {
    let rows = sqlx::query(select!(
        "from waitlist_entry e
         where e.patient_id = any($1) and e.status in ('WAITING', 'OFFERED')
         order by e.created_at, e.id
         for update"
    ))
    .bind(patients)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// Ends up to `limit` entries that waited until it was too late; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn end_overdue(
    db: impl PgExecutor<'_>,
    now: Timestamp,
    limit: i64,
) -> Result<u64, Error> {
    let ended = sqlx::query(
        "with overdue as (
             select id from waitlist_entry
             where status = 'WAITING' and latest <= $1
             order by latest
             limit $2
             for update skip locked
         )
         update waitlist_entry e
         set status = 'EXPIRED', version = e.version + 1
         from overdue
         where e.id = overdue.id",
    )
    .bind(ts(now))
    .bind(limit)
    .execute(db)
    .await?
    .rows_affected();
    Ok(ended)
}

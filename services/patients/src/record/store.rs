//! The SQL of entries. What an entry says is sealed in a table of its kind; whose it is,
//! of which kind and when is not.

use galen_contracts::ids::PatientId;
use galen_kernel::{Text, Timestamp};
use galen_storage::{Columns as _, Error, Ts};
use galen_vault::column::Place;
use galen_vault::{Blind, BlindIndex, Column, Keyring, Sealed, SealedColumn, Vault};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::allergy::model::Allergy;
use super::condition::model::Condition;
use super::model::{Entry, EntryError, EntryId, ErrorMark, Kind};
use super::note::model::Note;
use super::vital::model::Vital;
use crate::patient::demographics::Identifier;

/// What the entries of one kind say.
///
/// Architecture invariant: no constraint of the database sees it. Whatever a column of
/// its own would be checked for, its type holds, and reading refuses what it does not
/// hold.
pub trait Content: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind.
    const KIND: Kind;
    /// Where it is sealed.
    const COLUMN: Column<Self>;
    /// Made by `insert_content`.
    const INSERT: &'static str;
    /// Made by `select_entries`.
    const PAGE: &'static str;
}

/// `insert` of what one entry says: `$1` the entry, `$2` the content.
macro_rules! insert_content {
    ($table:literal) => {
        concat!(
            "insert into ",
            $table,
            " (entry_id, content) values ($1, $2)"
        )
    };
}
pub(crate) use insert_content;

/// `select` of the entries of one kind, as seen from one record: `$1` the record, `$2`
/// whether to show what no longer stands, `$3` and `$4` where the page before ended,
/// `$5` how many.
///
/// An amendment counts within the records of the person that is looked at, so that
/// undoing a merge shows each of the two what it had.
macro_rules! select_entries {
    ($table:literal) => {
        concat!(
            "with person (id) as (select records_of($1))
             select e.*, amendment.id as amended_by, c.content
             from entry e join ",
            $table,
            " c on c.entry_id = e.id
             left join entry amendment on amendment.amends = e.id and amendment.error_marked_at is null
                                      and amendment.patient_id in (select id from person)
             where e.patient_id in (select id from person)
               and ($2 or (amendment.id is null and e.error_marked_at is null))
               and ($3::timestamptz is null or (e.happened_at, e.id) < ($3, $4))
             order by e.happened_at desc, e.id desc
             limit $5"
        )
    };
}
pub(crate) use select_entries;

/// The number of an entry in another system.
pub(crate) const SOURCE_VALUE: Column<String> =
    Column::new("patients", "entry", "sealed_source_value");

/// Why an entry was a mistake.
pub(crate) const ERROR_REASON: Column<Text<500>> =
    Column::new("patients", "entry", "sealed_error_reason");

/// The number of an entry in another system, with the name of that system before it:
/// equal numbers of two systems have different indexes.
const SOURCE_INDEX: Blind = Blind::new(
    Place {
        schema: "patients",
        table: "entry",
        column: "source_value_index",
    },
    str::to_owned,
);

/// What is sealed of the clinical record.
pub(crate) const SEALED: &[SealedColumn] = &[
    of_entry(Allergy::COLUMN.place()),
    of_entry(Condition::COLUMN.place()),
    of_entry(Note::COLUMN.place()),
    of_entry(Vital::COLUMN.place()),
    SealedColumn {
        place: SOURCE_VALUE.place(),
        row: "id",
        subject: "t.patient_id",
    },
    SealedColumn {
        place: ERROR_REASON.place(),
        row: "id",
        subject: "t.patient_id",
    },
];

const fn of_entry(place: Place) -> SealedColumn {
    SealedColumn {
        place,
        row: "entry_id",
        subject: "(select e.patient_id from entry e where e.id = t.entry_id)",
    }
}

/// What an entry's number in another system is found by.
pub(crate) fn source_index(vault: &Vault, system: &str, value: &str) -> BlindIndex {
    vault.index(&SOURCE_INDEX, &format!("{system}\0{value}"))
}

/// Where a page of entries ended.
pub type Position = (Timestamp, Uuid);

/// Which page of entries to read.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The record.
    pub patient: PatientId,
    /// Also what was amended or made in error.
    pub history: bool,
    /// Where the page before ended.
    pub after: Option<Position>,
    /// How many.
    pub limit: u16,
}

/// A page of the entries of one kind, latest first, and one more.
///
/// # Errors
/// When the database fails, or what is stored does not open.
pub async fn page<C: Content>(
    vault: &Vault,
    connection: &mut PgConnection,
    wanted: Wanted,
) -> Result<Vec<(Entry, C)>, galen_vault::Error> {
    let rows = sqlx::query(C::PAGE)
        .bind(wanted.patient.uuid())
        .bind(wanted.history)
        .bind(wanted.after.map(|(at, _)| Ts::from(at)))
        .bind(wanted.after.map(|(_, id)| id))
        .bind(i64::from(wanted.limit) + 1)
        .fetch_all(&mut *connection)
        .await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in &rows {
        keys.extend(row.col::<Sealed<C>>("content")?.key_id());
        keys.extend(keys_of_head(row)?);
    }
    let ring = vault.keyring_of(connection, keys).await?;
    rows.iter()
        .map(|row| {
            let entry = entry(&ring, row)?;
            let content = row.col::<Sealed<C>>("content")?;
            let content = ring.open(&C::COLUMN, entry.patient_id, entry.id.uuid(), &content)?;
            Ok((entry, content.into_inner()))
        })
        .collect()
}

/// The keys that open the columns of any entry.
fn keys_of_head(row: &PgRow) -> Result<impl Iterator<Item = Uuid> + use<>, Error> {
    let source: Option<Sealed<String>> = row.col("sealed_source_value")?;
    let reason: Option<Sealed<Text<500>>> = row.col("sealed_error_reason")?;
    let source = source.and_then(|sealed| sealed.key_id());
    let reason = reason.and_then(|sealed| sealed.key_id());
    Ok(source.into_iter().chain(reason))
}

/// Reads the columns of any entry.
fn entry(ring: &Keyring, row: &PgRow) -> Result<Entry, galen_vault::Error> {
    let (id, patient_id): (EntryId, PatientId) = (row.id("id")?, row.id("patient_id")?);
    let error = match (
        row.opt_id("error_marked_by")?,
        row.opt_instant("error_marked_at")?,
        row.col::<Option<Sealed<Text<500>>>>("sealed_error_reason")?,
    ) {
        (Some(by), Some(at), Some(reason)) => Some(ErrorMark {
            by,
            at,
            reason: ring
                .open(&ERROR_REASON, patient_id, id.uuid(), &reason)?
                .into_inner(),
        }),
        _ => None,
    };
    let source = match (
        row.opt_text("source_system")?,
        row.col::<Option<Sealed<String>>>("sealed_source_value")?,
    ) {
        (Some(system), Some(value)) => Some(Identifier {
            system,
            value: ring
                .open(&SOURCE_VALUE, patient_id, id.uuid(), &value)?
                .into_inner(),
        }),
        _ => None,
    };
    Ok(Entry {
        id,
        patient_id,
        happened_at: row.instant("happened_at")?,
        recorded_by: row.id("recorded_by")?,
        recorded_at: row.instant("recorded_at")?,
        amends: row.opt_id("amends")?,
        amended_by: row.opt_id("amended_by")?,
        source,
        error,
        version: row.try_get("version").map_err(Error::from)?,
    })
}

/// Adds an entry with what it says.
///
/// # Errors
/// When its number in another system is taken, or the entry that it amends was amended
/// in the meantime; when it cannot be sealed.
pub async fn insert<C: Content>(
    vault: &Vault,
    connection: &mut PgConnection,
    entry: &Entry,
    content: &C,
) -> Result<(), EntryError> {
    let key = vault.key_of(connection, entry.patient_id).await?;
    let source = entry.source.as_ref();
    let sealed_source = source
        .map(|source| key.seal(&SOURCE_VALUE, entry.id.uuid(), &source.value))
        .transpose()?;
    let source_index = source.map(|source| source_index(vault, &source.system, &source.value));
    sqlx::query(
        "insert into entry (id, patient_id, kind, happened_at, recorded_by, recorded_at, amends, source_system, sealed_source_value, source_value_index)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(entry.id.uuid())
    .bind(entry.patient_id.uuid())
    .bind(C::KIND.name())
    .bind(Ts::from(entry.happened_at))
    .bind(entry.recorded_by.uuid())
    .bind(Ts::from(entry.recorded_at))
    .bind(entry.amends.map(|id| id.uuid()))
    .bind(source.map(|source| &source.system))
    .bind(sealed_source)
    .bind(source_index.as_ref().map(BlindIndex::bytes))
    .execute(&mut *connection)
    .await
    .map_err(Error::from)?;
    sqlx::query(C::INSERT)
        .bind(entry.id.uuid())
        .bind(key.seal(&C::COLUMN, entry.id.uuid(), content)?)
        .execute(connection)
        .await
        .map_err(Error::from)?;
    Ok(())
}

/// Locks an entry of a kind in a record (or in one merged into it) and loads it.
///
/// # Errors
/// When the database fails, or what is stored does not open.
pub async fn find_for_update(
    vault: &Vault,
    connection: &mut PgConnection,
    patient: PatientId,
    kind: Kind,
    id: EntryId,
) -> Result<Option<Entry>, galen_vault::Error> {
    sqlx::query("select id from entry where id = $1 for no key update")
        .bind(id.uuid())
        .execute(&mut *connection)
        .await?;
    let row = sqlx::query(
        "with person (id) as (select records_of($2))
         select e.*, amendment.id as amended_by
         from entry e
         left join entry amendment on amendment.amends = e.id and amendment.error_marked_at is null
                                  and amendment.patient_id in (select id from person)
         where e.id = $1 and e.kind = $3 and e.patient_id in (select id from person)
         limit 1",
    )
    .bind(id.uuid())
    .bind(patient.uuid())
    .bind(kind.name())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let keys = keys_of_head(&row)?.collect();
    let ring = vault.keyring_of(connection, keys).await?;
    entry(&ring, &row).map(Some)
}

/// Marks the version of an entry that was loaded as made in error.
///
/// # Errors
/// When somebody else changed it, or the reason cannot be sealed.
pub async fn mark_error(
    vault: &Vault,
    connection: &mut PgConnection,
    entry: &Entry,
    mark: &ErrorMark,
) -> Result<(), galen_vault::Error> {
    let key = vault.key_of(connection, entry.patient_id).await?;
    let done = sqlx::query(
        "update entry set error_marked_by = $3, error_marked_at = $4, sealed_error_reason = $5, version = version + 1
         where id = $1 and version = $2 and error_marked_at is null",
    )
    .bind(entry.id.uuid())
    .bind(entry.version)
    .bind(mark.by.uuid())
    .bind(Ts::from(mark.at))
    .bind(key.seal(&ERROR_REASON, entry.id.uuid(), &mark.reason)?)
    .execute(connection)
    .await?;
    Error::unless_rows("mark entry as made in error", 1, done.rows_affected())?;
    Ok(())
}

//! The SQL that all kinds of entries share; what a kind says is in its own `store.rs`.

use galen_contracts::ids::{PatientId, UserId};
use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::model::{Entry, EntryError, EntryId, ErrorMark, Kind};
use crate::patient::demographics::Identifier;

/// `select` of the entries of one kind, as seen from one record: `$1` the record, `$2`
/// whether to show what no longer stands, `$3` and `$4` where the page before ended,
/// `$5` how many. The kind's table is `c`, its columns are the first argument.
///
/// An amendment counts within the records of the person that is looked at, so that
/// undoing a merge shows each of the two what it had.
macro_rules! select_entries {
    ($columns:literal, $table:literal) => {
        concat!(
            "with person (id) as (select records_of($1))
             select e.*, amendment.id as amended_by, ",
            $columns,
            " from entry e join ",
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

/// Runs a statement made by `select_entries`.
pub async fn page(
    connection: &mut PgConnection,
    statement: &'static str,
    wanted: Wanted,
) -> Result<Vec<PgRow>, Error> {
    Ok(sqlx::query(statement)
        .bind(wanted.patient.uuid())
        .bind(wanted.history)
        .bind(wanted.after.map(|(at, _)| Ts::from(at)))
        .bind(wanted.after.map(|(_, id)| id))
        .bind(i64::from(wanted.limit) + 1)
        .fetch_all(connection)
        .await?)
}

/// Reads the columns of any entry.
pub fn entry(row: &PgRow) -> Result<Entry, Error> {
    let error = match (
        row.try_get::<Option<Uuid>, _>("error_marked_by")?,
        row.try_get::<Option<Ts>, _>("error_marked_at")?,
    ) {
        (Some(by), Some(at)) => Some(ErrorMark {
            by: UserId::from_uuid(by),
            at: at.to_jiff(),
            reason: row.try_get("error_reason")?,
        }),
        _ => None,
    };
    let source = match (row.try_get("source_system")?, row.try_get("source_value")?) {
        (Some(system), Some(value)) => Some(Identifier { system, value }),
        _ => None,
    };
    Ok(Entry {
        id: EntryId::from_uuid(row.try_get("id")?),
        patient_id: PatientId::from_uuid(row.try_get("patient_id")?),
        happened_at: row.try_get::<Ts, _>("happened_at")?.to_jiff(),
        recorded_by: UserId::from_uuid(row.try_get("recorded_by")?),
        recorded_at: row.try_get::<Ts, _>("recorded_at")?.to_jiff(),
        amends: row
            .try_get::<Option<Uuid>, _>("amends")?
            .map(EntryId::from_uuid),
        amended_by: row
            .try_get::<Option<Uuid>, _>("amended_by")?
            .map(EntryId::from_uuid),
        source,
        error,
        version: row.try_get("version")?,
    })
}

/// Adds an entry; its kind's table says what it says.
pub async fn insert(
    connection: &mut PgConnection,
    kind: Kind,
    entry: &Entry,
) -> Result<(), EntryError> {
    sqlx::query(
        "insert into entry (id, patient_id, kind, happened_at, recorded_by, recorded_at, amends, source_system, source_value)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(entry.id.uuid())
    .bind(entry.patient_id.uuid())
    .bind(kind.name())
    .bind(Ts::from(entry.happened_at))
    .bind(entry.recorded_by.uuid())
    .bind(Ts::from(entry.recorded_at))
    .bind(entry.amends.map(|id| id.uuid()))
    .bind(entry.source.as_ref().map(|source| &source.system))
    .bind(entry.source.as_ref().map(|source| &source.value))
    .execute(connection)
    .await
    .map_err(Error::from)?;
    Ok(())
}

/// Locks an entry of a kind in a record (or in one merged into it) and loads it.
pub async fn find_for_update(
    connection: &mut PgConnection,
    patient: PatientId,
    kind: Kind,
    id: EntryId,
) -> Result<Option<Entry>, Error> {
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
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(entry).transpose()
}

/// Marks an entry as made in error.
pub async fn mark_error(
    connection: &mut PgConnection,
    id: EntryId,
    version: i64,
    mark: &ErrorMark,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update entry set error_marked_by = $3, error_marked_at = $4, error_reason = $5, version = version + 1
         where id = $1 and version = $2 and error_marked_at is null",
    )
    .bind(id.uuid())
    .bind(version)
    .bind(mark.by.uuid())
    .bind(Ts::from(mark.at))
    .bind(&mark.reason)
    .execute(connection)
    .await?;
    match done.rows_affected() {
        1 => Ok(()),
        actual => Err(Error::RowsAffected {
            operation: "mark entry as made in error",
            expected: 1,
            actual,
        }),
    }
}

//! The table of data keys and all SQL about it.

use std::ops::Range;

use galen_kernel::Timestamp;
use galen_storage::{Migration, Ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;

use crate::Error;
use crate::master::MasterId;
use crate::seal::Subject;

/// The table of data keys, for every schema that has sealed columns.
pub const DATA_KEYS: Migration = Migration {
    name: "0000_data_key",
    sql: include_str!("data_key.sql"),
};

/// A data key as it is stored.
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) subject: Subject,
    pub(crate) version: i32,
    /// `None` when it was erased.
    pub(crate) wrapped: Option<(MasterId, Vec<u8>)>,
}

impl Row {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let master: Option<String> = row.try_get("master")?;
        Ok(Self {
            id: row.try_get("id")?,
            subject: row.try_get::<Uuid, _>("subject")?.into(),
            version: row.try_get("version")?,
            wrapped: master.map(MasterId::new).zip(row.try_get("wrapped")?),
        })
    }
}

fn all(rows: &[PgRow]) -> Result<Vec<Row>, Error> {
    Ok(rows.iter().map(Row::read).collect::<Result<_, _>>()?)
}

pub(crate) async fn by_ids(executor: impl PgExecutor<'_>, ids: &[Uuid]) -> Result<Vec<Row>, Error> {
    all(&sqlx::query(
        "select id, subject, version, master, wrapped from data_key where id = any($1)",
    )
    .bind(ids)
    .fetch_all(executor)
    .await?)
}

pub(crate) async fn latest(
    executor: impl PgExecutor<'_>,
    subject: Subject,
) -> Result<Option<Row>, Error> {
    let row = sqlx::query(
        "select id, subject, version, master, wrapped from data_key
         where subject = $1 order by version desc limit 1",
    )
    .bind(subject.uuid())
    .fetch_optional(executor)
    .await?;
    Ok(row.as_ref().map(Row::read).transpose()?)
}

pub(crate) async fn latest_of(
    executor: impl PgExecutor<'_>,
    subjects: &[Subject],
) -> Result<Vec<Row>, Error> {
    let subjects: Vec<Uuid> = subjects.iter().map(|subject| subject.uuid()).collect();
    all(&sqlx::query(
        "select distinct on (subject) id, subject, version, master, wrapped from data_key
         where subject = any($1) order by subject, version desc",
    )
    .bind(subjects)
    .fetch_all(executor)
    .await?)
}

/// Keeps masters from being forgotten until the transaction ends.
pub(crate) async fn hold_masters(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("select pg_advisory_xact_lock_shared(data_key_masters())")
        .execute(connection)
        .await?;
    Ok(())
}

/// Waits until nobody wraps, and keeps everybody from it until the transaction ends.
pub(crate) async fn stop_wrapping(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("select pg_advisory_xact_lock(data_key_masters())")
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds data keys, unless their versions are there. The database refuses those of
/// subjects that were erased.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    rows: &[Row],
    now: Timestamp,
) -> Result<(), Error> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let subjects: Vec<Uuid> = rows.iter().map(|row| row.subject.uuid()).collect();
    let versions: Vec<i32> = rows.iter().map(|row| row.version).collect();
    let wrapped = || rows.iter().map(|row| row.wrapped.as_ref());
    let masters: Vec<Option<&str>> = wrapped().map(|w| w.map(|(m, _)| m.as_str())).collect();
    let keys: Vec<Option<&[u8]>> = wrapped().map(|w| w.map(|(_, k)| k.as_slice())).collect();
    let inserted = sqlx::query(
        "insert into data_key (id, subject, version, master, wrapped, created_at)
         select n.*, $6 from unnest($1::uuid[], $2::uuid[], $3::int4[], $4::text[], $5::bytea[]) as n
         on conflict (subject, version) do nothing",
    )
    .bind(ids)
    .bind(subjects)
    .bind(versions)
    .bind(masters)
    .bind(keys)
    .bind(Ts::from(now))
    .execute(connection)
    .await
    .map_err(galen_storage::Error::from);
    match inserted {
        Err(error) if error.constraint() == Some("data_key_subject_erased") => Err(Error::Erased),
        inserted => Ok(inserted.map(|_| ())?),
    }
}

/// Removes the keys of a subject, and leaves a mark that keeps new ones out.
pub(crate) async fn erase(
    connection: &mut PgConnection,
    subject: Subject,
    mark: Uuid,
    now: Timestamp,
) -> Result<Vec<Uuid>, Error> {
    sqlx::query("select pg_advisory_xact_lock(data_key_subject($1))")
        .bind(subject.uuid())
        .execute(&mut *connection)
        .await?;
    let erased = sqlx::query_scalar(
        "update data_key set master = null, wrapped = null, erased_at = $2
         where subject = $1 and wrapped is not null
         returning id",
    )
    .bind(subject.uuid())
    .bind(Ts::from(now))
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query(
        "insert into data_key (id, subject, version, created_at, erased_at)
         select $1, $2, 1, $3, $3 where not exists (select from data_key where subject = $2)",
    )
    .bind(mark)
    .bind(subject.uuid())
    .bind(Ts::from(now))
    .execute(connection)
    .await?;
    Ok(erased)
}

/// The subjects of a range that have keys and were not erased.
pub(crate) async fn with_keys(
    executor: impl PgExecutor<'_>,
    subjects: &Range<Uuid>,
) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar(
        "select distinct subject from data_key
         where subject >= $1 and subject < $2 and wrapped is not null order by subject",
    )
    .bind(subjects.start)
    .bind(subjects.end)
    .fetch_all(executor)
    .await?)
}

/// How many subjects have keys.
pub(crate) async fn count_subjects(executor: impl PgExecutor<'_>) -> Result<i64, Error> {
    let sql = "select count(distinct subject) from data_key where wrapped is not null";
    Ok(sqlx::query_scalar(sql).fetch_one(executor).await?)
}

/// Some subjects that have keys, in order.
pub(crate) async fn subjects_after(
    executor: impl PgExecutor<'_>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar(
        "select distinct subject from data_key
         where subject > $1 and wrapped is not null order by subject limit $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(executor)
    .await?)
}

/// Locks some data keys that another master than this wraps.
pub(crate) async fn under_other_masters(
    connection: &mut PgConnection,
    master: &MasterId,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    all(&sqlx::query(
        "select id, subject, version, master, wrapped from data_key
         where master <> $1 order by id limit $2 for no key update",
    )
    .bind(master.as_str())
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// Stores data keys that were wrapped anew.
pub(crate) async fn rewrapped(
    connection: &mut PgConnection,
    keys: &[(Uuid, MasterId, Vec<u8>)],
) -> Result<(), Error> {
    let ids: Vec<Uuid> = keys.iter().map(|(id, _, _)| *id).collect();
    let masters: Vec<&str> = keys.iter().map(|(_, master, _)| master.as_str()).collect();
    let wrapped: Vec<&[u8]> = keys.iter().map(|(_, _, key)| key.as_slice()).collect();
    let actual = sqlx::query(
        "update data_key k set master = n.master, wrapped = n.wrapped
         from unnest($1::uuid[], $2::text[], $3::bytea[]) as n (id, master, wrapped)
         where k.id = n.id and k.wrapped is not null",
    )
    .bind(ids)
    .bind(masters)
    .bind(wrapped)
    .execute(connection)
    .await?
    .rows_affected();
    galen_storage::Error::unless_rows("wrap data keys anew", keys.len() as u64, actual)?;
    Ok(())
}

/// How many data keys each master wraps.
pub(crate) async fn per_master(
    executor: impl PgExecutor<'_>,
) -> Result<Vec<(MasterId, i64)>, Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select master, count(*) from data_key where master is not null group by master order by master",
    )
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(master, count)| (MasterId::new(master), count))
        .collect())
}

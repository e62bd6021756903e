//! New data keys for old, and what they sealed sealed anew, while everybody goes on
//! reading and writing.
//!
//! 1. [`renew`] gives every subject a new version of its data key; what is written from
//!    now on is sealed with it. A running process remembers a key for a minute, so it
//!    seals with the version before for that long.
//! 2. [`reseal`] opens what older versions sealed and seals it with the newest, in
//!    batches; it can stop and go on anywhere.
//!
//! Older versions stay: they open what is in backups, and what is sealed with them is
//! found ([`outdated`]), whenever it was written.

use galen_storage::{Db, Error as StorageError};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use crate::column::{Sealed, SealedColumn};
use crate::vault::Vault;
use crate::{Error, store};

/// Values in one transaction, and subjects looked up at a time.
const BATCH: i64 = 200;

/// How much of a column is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outdated {
    /// Values.
    pub values: i64,
    /// Those that an older version of their subject's key seals, leaving out who was erased.
    pub outdated: i64,
}

/// SQL that holds for values `t` of a column which an older version of a key seals.
fn is_outdated(column: &SealedColumn) -> String {
    format!(
        "exists (select from data_key k
                 join data_key n on n.subject = k.subject and n.version > k.version and n.wrapped is not null
                 where octet_length(t.{name}) >= {shortest} and k.wrapped is not null
                   and k.id = encode(substr(t.{name}, 2, 16), 'hex')::uuid)",
        name = column.place.column,
        shortest = crate::seal::SHORTEST,
    )
}

/// Counts the values of a column.
///
/// # Errors
/// When the database fails.
pub async fn outdated(db: &Db, column: &SealedColumn) -> Result<Outdated, Error> {
    let sql = format!(
        "select count(t.{name}), count(*) filter (where t.{name} is not null and {outdated}) from {table} t",
        name = column.place.column,
        table = column.place.table,
        outdated = is_outdated(column),
    );
    let (values, outdated) = sqlx::query_as(AssertSqlSafe(sql))
        .fetch_one(db.pool())
        .await?;
    Ok(Outdated { values, outdated })
}

/// How many subjects of a schema have keys.
///
/// # Errors
/// When the database fails.
pub async fn subjects(db: &Db) -> Result<i64, Error> {
    store::count_subjects(db.pool()).await
}

/// Gives every subject of a schema a new version of its data key; `progress` hears how
/// many have one so far.
///
/// # Errors
/// When the database or the master keys fail. What was done stays done.
pub async fn renew(
    db: &Db,
    vault: &Vault,
    mut progress: impl FnMut(u64) + Send,
) -> Result<u64, Error> {
    let mut done = 0;
    let mut after = Uuid::nil();
    loop {
        let subjects = store::subjects_after(db.pool(), after, BATCH).await?;
        let Some(last) = subjects.last() else {
            return Ok(done);
        };
        after = *last;
        for subject in subjects {
            match vault.rotate(subject).await {
                Ok(_) => done += 1,
                // In between.
                Err(Error::Erased) => {}
                Err(error) => return Err(error),
            }
        }
        progress(done);
    }
}

/// Seals what older versions of keys sealed with the newest; `progress` hears how many
/// values were done so far. A value that somebody writes in between is left to them.
///
/// # Errors
/// When a value does not open, and when the database or the master keys fail. What was
/// done stays done.
pub async fn reseal(
    db: &Db,
    vault: &Vault,
    column: &SealedColumn,
    mut progress: impl FnMut(u64) + Send,
) -> Result<u64, Error> {
    let SealedColumn {
        place,
        row,
        subject,
    } = column;
    let (table, name) = (place.table, place.column);
    let find = format!(
        "select t.{row}, ({subject}), t.{name} from {table} t
         where t.{row} > $1 and t.{name} is not null and {outdated}
         order by t.{row} limit {BATCH}",
        outdated = is_outdated(column),
    );
    let replace = format!(
        "update {table} t set {name} = n.new
         from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as n (id, old, new)
         where t.{row} = n.id and t.{name} = n.old",
    );
    let mut done = 0;
    let mut after = Uuid::nil();
    loop {
        let mut tx = db.pool().begin().await?;
        let rows = sqlx::query(AssertSqlSafe(find.as_str()))
            .bind(after)
            .fetch_all(&mut *tx)
            .await?;
        let Some(last) = rows.last() else {
            return Ok(done);
        };
        after = last.try_get(0)?;
        let values: Vec<(Uuid, Uuid, Sealed<()>)> = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
            .collect::<Result<_, sqlx::Error>>()?;
        let ring = vault
            .keyring(&mut tx, values.iter().map(|(_, _, sealed)| sealed))
            .await?;
        let (mut ids, mut old, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for (id, subject, sealed) in &values {
            let text = match ring.open_bytes(*place, (*subject).into(), *id, sealed) {
                Ok(text) => text,
                // In between.
                Err(Error::Erased) => continue,
                Err(error) => return Err(error),
            };
            let key = match vault.key_of(&mut tx, *subject).await {
                Ok(key) => key,
                Err(Error::Erased) => continue,
                Err(error) => return Err(error),
            };
            ids.push(*id);
            old.push(sealed.bytes().to_vec());
            new.push(key.seal_bytes(*place, *id, text)?);
        }
        done += sqlx::query(AssertSqlSafe(replace.as_str()))
            .bind(ids)
            .bind(old)
            .bind(new)
            .execute(&mut *tx)
            .await?
            .rows_affected();
        tx.commit().await.map_err(StorageError::from)?;
        progress(done);
    }
}

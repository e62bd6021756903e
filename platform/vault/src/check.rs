//! What `galen verify` asks about sealed columns.

use galen_storage::Db;
use sqlx::AssertSqlSafe;

use crate::column::SealedColumn;
use crate::master::MasterKeys;
use crate::{Error, store};

/// Sealed values of a column without a key of their subject: at most `limit` of them.
/// Those of erased subjects have one, which opens nothing.
///
/// # Errors
/// When the database fails.
pub async fn without_key(db: &Db, column: &SealedColumn, limit: u16) -> Result<Vec<String>, Error> {
    let SealedColumn {
        place,
        row,
        subject,
    } = column;
    let (table, name) = (place.table, place.column);
    // A value that is too short to be sealed names no key.
    let sql = format!(
        "select '{place} of ' || t.{row} || ' has no key of its subject' from {table} t
         where t.{name} is not null
           and not exists (select from data_key k
                           where k.subject = ({subject}) and octet_length(t.{name}) >= {shortest}
                             and uuid_send(k.id) = substr(t.{name}, 2, 16))
         order by 1 limit {limit}",
        shortest = crate::seal::SHORTEST,
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_all(db.pool())
        .await?)
}

/// Masters that wrap data keys and are not there.
///
/// # Errors
/// When the database or the master keys fail.
pub async fn missing_masters(db: &Db, masters: &dyn MasterKeys) -> Result<Vec<String>, Error> {
    let known = masters.ids().await?;
    Ok(store::per_master(db.pool())
        .await?
        .into_iter()
        .filter(|(master, _)| !known.contains(master))
        .map(|(master, keys)| format!("{keys} data keys are under {master}, which is not there"))
        .collect())
}

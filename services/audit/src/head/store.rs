//! SQL of the signed heads.

use galen_storage::{Columns as _, Error, ts};
use sqlx::{PgConnection, PgExecutor};

use super::model::Head;
use crate::tree::store::signed;

/// The size of the last head; 0 when there is none.
pub(crate) async fn last_size(db: &mut PgConnection) -> Result<u64, Error> {
    let size: i64 = sqlx::query_scalar("select coalesce(max(size), 0) from head")
        .fetch_one(db)
        .await?;
    Ok(size.unsigned_abs())
}

/// Publishes a head.
pub(crate) async fn insert(db: &mut PgConnection, head: &Head, note: &str) -> Result<(), Error> {
    sqlx::query("insert into head (size, at, root, note) values ($1, $2, $3, $4)")
        .bind(signed(head.size))
        .bind(ts(head.at))
        .bind(&head.root.0[..])
        .bind(note)
        .execute(db)
        .await?;
    Ok(())
}

/// The note of the last head.
pub(crate) async fn last(db: impl PgExecutor<'_>) -> Result<Option<String>, Error> {
    let sql = "select note from head order by size desc limit 1";
    Ok(sqlx::query_scalar(sql).fetch_optional(db).await?)
}

/// The notes of all heads, smallest first, with the size and the root that stand
/// beside them.
pub(crate) async fn all(db: &mut PgConnection) -> Result<Vec<(i64, String)>, Error> {
    let rows = sqlx::query("select size, note from head order by size")
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| Ok((row.col("size")?, row.text("note")?)))
        .collect()
}

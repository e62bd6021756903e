//! SQL of the tree.

use std::collections::HashMap;

use galen_storage::{Columns as _, Error, ts};
use sqlx::PgConnection;

use super::growth::{Subtree, peaks};
use super::hash::Hash;
use crate::entry::model::Entry;
use crate::entry::store::hash;

/// How far the tree has come; see the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) size: u64,
    pub(crate) floor: i64,
    /// Everything that was drawn up to `drawn` is committed or never will be.
    pub(crate) settled: bool,
    pub(crate) drawn: i64,
    /// The table was written in this cluster, whose transaction ids it holds.
    pub(crate) at_home: bool,
}

/// Whether nobody else places entries until the transaction ends.
pub(crate) async fn claim(db: &mut PgConnection) -> Result<bool, Error> {
    let sql = "select pg_try_advisory_xact_lock(hashtextextended('audit.place', 0))";
    Ok(sqlx::query_scalar(sql).fetch_one(db).await?)
}

/// The last number that an entry was drawn with; 0 when none was.
pub(crate) async fn last_drawn(db: &mut PgConnection) -> Result<i64, Error> {
    let sql = "select case when is_called then last_value else 0 end from entry_seq_seq";
    Ok(sqlx::query_scalar(sql).fetch_one(db).await?)
}

/// How far the tree has come, as of a snapshot that is taken now.
pub(crate) async fn progress(db: &mut PgConnection) -> Result<Progress, Error> {
    let row = sqlx::query(
        "select size, floor, drawn, system = c.system_identifier as at_home,
                system = c.system_identifier and pg_snapshot_xmin(pg_current_snapshot()) >= drawn_before as settled
         from progress, pg_control_system() as c",
    )
    .fetch_one(db)
    .await?;
    Ok(Progress {
        size: size(row.col("size")?)?,
        floor: row.col("floor")?,
        settled: row.col("settled")?,
        drawn: row.col("drawn")?,
        at_home: row.col("at_home")?,
    })
}

/// How many leaves the tree has.
pub(crate) async fn tree_size(db: &mut PgConnection) -> Result<u64, Error> {
    size(
        sqlx::query_scalar("select size from progress")
            .fetch_one(db)
            .await?,
    )
}

fn size(stored: i64) -> Result<u64, Error> {
    u64::try_from(stored).map_err(|_| Error::Inconsistent {
        column: "audit.progress.size",
    })
}

/// Moves on from `before`. With `floor`, everything below it is placed for good,
/// and `drawn` is what to settle next: this transaction gets its id now, after
/// `drawn` was read, so whoever drew is older.
pub(crate) async fn advance(
    db: &mut PgConnection,
    before: u64,
    size: u64,
    settle: Option<(i64, i64)>,
) -> Result<(), Error> {
    let (floor, drawn) = settle.unzip();
    let moved = sqlx::query(
        "update progress set size = $2, floor = coalesce($3, floor), drawn = coalesce($4, drawn),
             drawn_before = case when $4 is null then drawn_before else pg_current_xact_id() end,
             system = (select system_identifier from pg_control_system())
         where size = $1",
    )
    .bind(signed(before))
    .bind(signed(size))
    .bind(floor)
    .bind(drawn)
    .execute(db)
    .await?
    .rows_affected();
    Error::unless_rows("moving the audit tree on", 1, moved)
}

/// Stores leaves from `first` on, with what they are found by.
pub(crate) async fn insert_leaves(
    db: &mut PgConnection,
    first: u64,
    leaves: &[(Entry, Hash)],
) -> Result<(), Error> {
    let at: Vec<_> = leaves.iter().map(|(entry, _)| ts(entry.at)).collect();
    let seqs: Vec<i64> = leaves.iter().map(|(entry, _)| entry.seq).collect();
    let kinds: Vec<&str> = leaves.iter().map(|(entry, _)| &*entry.kind).collect();
    let hashes: Vec<&[u8]> = leaves.iter().map(|(_, hash)| &hash.0[..]).collect();
    sqlx::query(
        "insert into leaf (index, seq, hash, kind, at)
         select $1 + u.n - 1, u.seq, u.hash, u.kind, u.at
         from unnest($2::bigint[], $3::bytea[], $4::text[], $5::timestamptz[]) with ordinality as u (seq, hash, kind, at, n)",
    )
    .bind(signed(first))
    .bind(seqs)
    .bind(hashes)
    .bind(kinds)
    .bind(at)
    .execute(&mut *db)
    .await?;

    let (mut names, mut indexes) = (Vec::new(), Vec::new());
    for ((entry, _), index) in leaves.iter().zip(first..) {
        for name in entry.mentions() {
            names.push(name);
            indexes.push(signed(index));
        }
    }
    sqlx::query("insert into mention (name, index) select * from unnest($1::text[], $2::bigint[])")
        .bind(names)
        .bind(indexes)
        .execute(db)
        .await?;
    Ok(())
}

/// Stores complete subtrees, leaves left out.
pub(crate) async fn insert_subtrees(
    db: &mut PgConnection,
    subtrees: &[Subtree],
) -> Result<(), Error> {
    let levels: Vec<i16> = subtrees.iter().map(|s| i16::from(s.level)).collect();
    let indexes: Vec<i64> = subtrees.iter().map(|s| signed(s.index)).collect();
    let hashes: Vec<&[u8]> = subtrees.iter().map(|s| &s.hash.0[..]).collect();
    sqlx::query(
        "insert into subtree (level, index, hash) select * from unnest($1::smallint[], $2::bigint[], $3::bytea[])",
    )
    .bind(levels)
    .bind(indexes)
    .bind(hashes)
    .execute(db)
    .await?;
    Ok(())
}

/// The hashes of complete subtrees, leaves among them; those that are not stored
/// are left out.
pub(crate) async fn subtrees(
    db: &mut PgConnection,
    wanted: &[(u8, u64)],
) -> Result<HashMap<(u8, u64), Hash>, Error> {
    let levels: Vec<i16> = wanted.iter().map(|(level, _)| i16::from(*level)).collect();
    let indexes: Vec<i64> = wanted.iter().map(|(_, index)| signed(*index)).collect();
    let rows = sqlx::query(
        "select w.level, w.index, coalesce(l.hash, s.hash) as hash
         from unnest($1::smallint[], $2::bigint[]) as w (level, index)
         left join leaf l on w.level = 0 and l.index = w.index
         left join subtree s on s.level = w.level and s.index = w.index
         where l.hash is not null or s.hash is not null",
    )
    .bind(levels)
    .bind(indexes)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let (level, index): (i16, i64) = (row.col("level")?, row.col("index")?);
            let place = u8::try_from(level).ok().zip(u64::try_from(index).ok());
            let place = place.ok_or(Error::Inconsistent {
                column: "audit.subtree.level",
            })?;
            Ok((place, hash(row, "hash")?))
        })
        .collect()
}

/// The hashes of the peaks of the tree of a size, which must be stored.
pub(crate) async fn stored_peaks(db: &mut PgConnection, size: u64) -> Result<Vec<Hash>, Error> {
    complete(db, &peaks(size)).await
}

/// The hashes of complete subtrees that must be stored, in the wanted order.
pub(crate) async fn complete(
    db: &mut PgConnection,
    wanted: &[(u8, u64)],
) -> Result<Vec<Hash>, Error> {
    let found = subtrees(db, wanted).await?;
    wanted
        .iter()
        .map(|place| {
            found.get(place).copied().ok_or(Error::Inconsistent {
                column: "audit.subtree",
            })
        })
        .collect()
}

/// As PostgreSQL counts.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("a tree has fewer than 2^63 leaves")
}

//! SQL of the entries.

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};

use super::model::Entry;
use crate::tree::hash::Hash;

/// An entry in its place.
pub(crate) struct Placed {
    pub(crate) index: i64,
    pub(crate) hash: Hash,
    pub(crate) entry: Entry,
}

/// Which entries.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Who acted.
    pub(crate) actor: Option<String>,
    /// What it was done to, or whose data it was.
    pub(crate) subject: Option<String>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// Placed entries, newest first, before an index.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    before: Option<i64>,
    limit: u16,
) -> Result<Vec<Placed>, Error> {
    // A custom plan each time: most filters are absent, and those that are there
    // decide where to begin.
    let rows = sqlx::query(
        "select l.index, l.hash, e.*
         from leaf l join entry e on e.seq = l.seq
         where ($1::bigint is null or l.index < $1)
           and ($2::text is null or exists (select from mention m where m.name = $2 and m.index = l.index))
           and ($3::text is null or exists (select from mention m where m.name = $3 and m.index = l.index))
           and ($2::text is null or e.actor = $2)
           and ($3::text is null or e.subject = $3 or $3 = any (e.patients::text[]))
           and ($4::text is null or l.kind = $4)
           and ($5::timestamptz is null or l.at >= $5)
           and ($6::timestamptz is null or l.at < $6)
         order by l.index desc
         limit $7",
    )
    .persistent(false)
    .bind(before)
    .bind(&filter.actor)
    .bind(&filter.subject)
    .bind(filter.kind)
    .bind(filter.from.map(ts))
    .bind(filter.to.map(ts))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Placed {
                index: row.col("index")?,
                hash: hash(row, "hash")?,
                entry: read(row)?,
            })
        })
        .collect()
}

/// Entries without a leaf, from `floor` on, in the order of their numbers.
pub(crate) async fn unplaced(
    db: &mut PgConnection,
    floor: i64,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let rows = sqlx::query(
        "select e.* from entry e
         where e.seq >= $1 and not exists (select from leaf l where l.seq = e.seq)
         order by e.seq limit $2",
    )
    .bind(floor)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// A leaf with its entry, unless that is gone.
pub(crate) struct Leaf {
    pub(crate) index: i64,
    pub(crate) hash: Hash,
    pub(crate) entry: Option<Entry>,
}

/// Leaves in order, from an index on.
pub(crate) async fn leaves(
    db: &mut PgConnection,
    from: i64,
    limit: i64,
) -> Result<Vec<Leaf>, Error> {
    let rows = sqlx::query(
        "select l.index, l.hash, e.id is not null as found, e.*
         from leaf l left join entry e on e.seq = l.seq
         where l.index >= $1 order by l.index limit $2",
    )
    .bind(from)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Leaf {
                index: row.col("index")?,
                hash: hash(row, "hash")?,
                entry: if row.col("found")? {
                    Some(read(row)?)
                } else {
                    None
                },
            })
        })
        .collect()
}

/// How many entries have no place although others that are younger by so much have
/// one, and the number of the first.
pub(crate) async fn forgotten(
    db: &mut PgConnection,
    seconds: f64,
) -> Result<(i64, Option<i64>), Error> {
    let row = sqlx::query(
        "select count(*) as n, min(e.seq) as first from entry e
         where not exists (select from leaf l where l.seq = e.seq)
           and e.at < (select max(at) from leaf) - make_interval(secs => $1)",
    )
    .bind(seconds)
    .fetch_one(db)
    .await?;
    Ok((row.col("n")?, row.col("first")?))
}

pub(crate) fn hash(row: &PgRow, column: &'static str) -> Result<Hash, Error> {
    Hash::from_slice(row.col(column)?).ok_or(Error::Inconsistent { column })
}

fn read(row: &PgRow) -> Result<Entry, Error> {
    Ok(Entry {
        seq: row.col("seq")?,
        id: row.col("id")?,
        at: row.instant("at")?,
        service: row.text("service")?,
        kind: row.text("kind")?,
        actor_kind: row.text("actor_kind")?,
        actor: row.opt_text("actor")?,
        session: row.col("session")?,
        roles: row.col("roles")?,
        action: row.text("action")?,
        permission: row.opt_text("permission")?,
        subject_kind: row.opt_text("subject_kind")?,
        subject: row.opt_text("subject")?,
        patients: row.col("patients")?,
        status: row.col("status")?,
        reason: row.opt_text("reason")?,
        address: row.opt_text("address")?,
        trace_id: row.opt_text("trace_id")?,
        request_id: row.opt_text("request_id")?,
    })
}

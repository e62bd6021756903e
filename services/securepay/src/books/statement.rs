//! What an account shows: its balance now and at any time, what is promised, its entries.

use galen_storage::{Columns as _, Error};
use sqlx::{PgExecutor, Row as _};

use super::read;
use crate::ledger::{Account, AccountId, Hold, Posting, Stamp};
use crate::writer::Shard;

/// An account and what is promised from it and to it, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The account.
    pub account: Account,
    /// Open holds, the newest first.
    pub holds: Vec<Hold>,
}

/// An account with at most so many of its open holds: one statement, one snapshot.
///
/// # Errors
/// When the database fails.
pub async fn position(
    db: impl PgExecutor<'_>,
    id: AccountId,
    most: i64,
) -> Result<Option<Position>, Error> {
    let rows = sqlx::query(
        "select a.id, a.ledger_id, a.limits, a.standing, a.debits_pending, a.debits_posted, a.credits_pending, a.credits_posted, a.version,
                h.id as hold, h.debit_id, h.credit_id, h.amount, h.captured, h.refunded, h.state, h.expires_at
         from account a
         left join lateral (
             select * from (
                 select * from hold where state = 0 and debit_id = a.id
                 union all
                 select * from hold where state = 0 and credit_id = a.id
             ) either order by id desc limit $2
         ) h on true
         where a.id = $1 order by h.id desc",
    )
    .bind(id.0)
    .bind(most)
    .fetch_all(db)
    .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let mut holds = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.try_get::<Option<uuid::Uuid>, _>("hold")?.is_some() {
            holds.push(read::hold_called("hold", row)?);
        }
    }
    Ok(Some(Position {
        account: read::account(first)?,
        holds,
    }))
}

/// The balance of an account after everything that was written down until an instant;
/// minor units. Zero before its first posting.
///
/// # Errors
/// When the database fails.
pub async fn balance_at(db: impl PgExecutor<'_>, id: AccountId, at: Stamp) -> Result<i64, Error> {
    let row = sqlx::query(
        "select balance from (
             (select at, debit_balance as balance from posting where debit_id = $1 and at <= $2 order by at desc limit 1)
             union all
             (select at, credit_balance from posting where credit_id = $1 and at <= $2 order by at desc limit 1)
         ) side order by at desc limit 1",
    )
    .bind(id.0)
    .bind(at.0)
    .fetch_optional(db)
    .await?;
    row.map_or(Ok(0), |row| row.col("balance"))
}

/// The entries of an account after one, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn entries_after(
    db: impl PgExecutor<'_>,
    id: AccountId,
    after: Stamp,
    limit: i64,
) -> Result<Vec<Posting>, Error> {
    let rows = sqlx::query(
        "select at, id, kind, ledger_id, debit_id, credit_id, amount, debit_balance, credit_balance, hold_id, expires_at, code, reference
         from (
             (select * from posting where debit_id = $1 and at > $2 order by at limit $3)
             union all
             (select * from posting where credit_id = $1 and at > $2 order by at limit $3)
         ) side order by at limit $3",
    )
    .bind(id.0)
    .bind(after.0)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(read::posting).collect()
}

/// The entries of an account before one, or before the end, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn entries_before(
    db: impl PgExecutor<'_>,
    id: AccountId,
    before: Option<Stamp>,
    limit: i64,
) -> Result<Vec<Posting>, Error> {
    let rows = sqlx::query(
        "select at, id, kind, ledger_id, debit_id, credit_id, amount, debit_balance, credit_balance, hold_id, expires_at, code, reference
         from (
             (select * from posting where debit_id = $1 and at < $2 order by at desc limit $3)
             union all
             (select * from posting where credit_id = $1 and at < $2 order by at desc limit $3)
         ) side order by at desc limit $3",
    )
    .bind(id.0)
    .bind(before.map_or(i64::MAX, |stamp| stamp.0))
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(read::posting).collect()
}

/// What a shard has written down after a stamp, in order: whole batches, at most so
/// many.
///
/// # Errors
/// When the database fails.
pub async fn written_after(
    db: impl PgExecutor<'_>,
    shard: Shard,
    after: Stamp,
    batches: i64,
) -> Result<Vec<Posting>, Error> {
    let rows = sqlx::query(
        "with next as (
             select first, last from batch where shard = $1 and first > $2 order by first limit $3
         )
         select p.at, p.id, p.kind, p.ledger_id, p.debit_id, p.credit_id, p.amount, p.debit_balance, p.credit_balance,
                p.hold_id, p.expires_at, p.code, p.reference
         from posting p join ledger l on l.id = p.ledger_id
         where l.shard = $1 and p.at between (select min(first) from next) and (select max(last) from next)
         order by p.at",
    )
    .bind(shard.0)
    .bind(after.0)
    .bind(batches)
    .fetch_all(db)
    .await?;
    rows.iter().map(read::posting).collect()
}

//! All SQL of wallets.

use galen_kernel::{Currency, Timestamp};
use galen_storage::{Columns as _, Error, ts};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::Wallet;
use crate::account::{self, Account, Kind, PublicId};
use crate::ledger;
use crate::ledger::{AccountId, Stamp, Standing, Totals};

/// Which wallets are looked for; `None` does not restrict.
#[derive(Debug, Default)]
pub(crate) struct Filter<'a> {
    pub(crate) owners: Option<&'a [Uuid]>,
    pub(crate) currency: Option<Currency>,
}

/// A position in the list of wallets: since when, and the id.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Position(pub(crate) Timestamp, pub(crate) Uuid);

/// One wallet.
pub(crate) async fn get(db: impl PgExecutor<'_>, id: PublicId) -> Result<Option<Wallet>, Error> {
    let row = sqlx::query(
        "select i.id, i.public_id, a.ledger_id, i.kind, i.owner_kind, i.owner_id, i.currency, i.opened_at, i.version, a.standing
         from account_info i join account a using (id)
         where i.public_id = $1 and i.kind = 'WALLET'",
    )
    .bind(id.uuid())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(wallet).transpose()
}

/// A page of wallets, the oldest first.
pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    filter: &Filter<'_>,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Wallet>, Error> {
    sqlx::query(
        "select i.id, i.public_id, a.ledger_id, i.kind, i.owner_kind, i.owner_id, i.currency, i.opened_at, i.version, a.standing
         from account_info i join account a using (id)
         where i.kind = 'WALLET'
           and ($1::uuid[] is null or i.owner_id = any ($1))
           and ($2::text is null or i.currency = $2)
           and ($3::timestamptz is null or (i.opened_at, i.public_id) > ($3, $4))
         order by i.opened_at, i.public_id
         limit $5",
    )
    .bind(filter.owners)
    .bind(filter.currency.as_ref().map(Currency::code))
    .bind(after.map(|position| ts(position.0)))
    .bind(after.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(wallet)
    .collect()
}

/// Notes that the standing of a wallet has changed; gives its new version.
pub(crate) async fn changed(
    db: &mut PgConnection,
    account: &Account,
) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar(
        "update account_info set version = version + 1 where id = $1 and version = $2 returning version",
    )
    .bind(account.id.0)
    .bind(account.version)
    .fetch_optional(db)
    .await?)
}

/// What happened to an account until an instant, in sums: of all that ever did without
/// what came later. `None` means now.
pub(crate) async fn totals(
    db: impl PgExecutor<'_>,
    id: AccountId,
    until: Option<Stamp>,
) -> Result<Totals, Error> {
    let row = sqlx::query(
        "with later as (
             select 1 as is_debit, kind, amount from posting where debit_id = $1 and at > $2
             union all
             select 0, kind, amount from posting where credit_id = $1 and at > $2
         ), changes as (
             select coalesce(sum(case kind when 2 then amount when 3 then -amount when 4 then -amount when 5 then -amount end) filter (where is_debit = 1), 0)::bigint as debits_pending,
                    coalesce(sum(amount) filter (where is_debit = 1 and kind in (1, 3, 6)), 0)::bigint as debits_posted,
                    coalesce(sum(case kind when 2 then amount when 3 then -amount when 4 then -amount when 5 then -amount end) filter (where is_debit = 0), 0)::bigint as credits_pending,
                    coalesce(sum(amount) filter (where is_debit = 0 and kind in (1, 3, 6)), 0)::bigint as credits_posted
             from later
         )
         select a.debits_pending - c.debits_pending as debits_pending, a.debits_posted - c.debits_posted as debits_posted,
                a.credits_pending - c.credits_pending as credits_pending, a.credits_posted - c.credits_posted as credits_posted
         from account a, changes c where a.id = $1",
    )
    .bind(id.0)
    .bind(until.map(|stamp| stamp.0))
    .fetch_one(db)
    .await?;
    Ok(Totals {
        debits_pending: row.col("debits_pending")?,
        debits_posted: row.col("debits_posted")?,
        credits_pending: row.col("credits_pending")?,
        credits_posted: row.col("credits_posted")?,
    })
}

/// One posting, as one of its accounts sees it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) at: Stamp,
    pub(crate) id: Uuid,
    pub(crate) kind: ledger::Kind,
    pub(crate) is_debit: bool,
    pub(crate) amount: i64,
    pub(crate) balance: i64,
    pub(crate) other: AccountId,
    pub(crate) reference: Option<Uuid>,
}

/// What happened to an account before a stamp, the latest first.
pub(crate) async fn entries(
    db: impl PgExecutor<'_>,
    account: AccountId,
    before: Option<Stamp>,
    limit: u16,
) -> Result<Vec<Entry>, Error> {
    let rows = sqlx::query(
        "(select at, id, kind, true as is_debit, amount, debit_balance as balance, credit_id as other_id, reference
          from posting where debit_id = $1 and at < $2 order by at desc limit $3)
         union all
         (select at, id, kind, false, amount, credit_balance, debit_id, reference
          from posting where credit_id = $1 and at < $2 order by at desc limit $3)
         order by at desc limit $3",
    )
    .bind(account.0)
    .bind(before.map_or(i64::MAX, |stamp| stamp.0))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &PgRow) -> Result<Entry, Error> {
    Ok(Entry {
        at: Stamp(row.col("at")?),
        id: row.col("id")?,
        kind: ledger::Kind::from_number(row.col("kind")?).ok_or(Error::Inconsistent {
            column: "securepay.posting.kind",
        })?,
        is_debit: row.col("is_debit")?,
        amount: row.col("amount")?,
        balance: row.col("balance")?,
        other: AccountId(row.col("other_id")?),
        reference: row.col("reference")?,
    })
}

fn wallet(row: &PgRow) -> Result<Wallet, Error> {
    let account = account::store::read(row)?;
    debug_assert_eq!(account.kind, Kind::Wallet);
    Ok(Wallet {
        account,
        standing: Standing::from_number(row.col("standing")?).ok_or(Error::Inconsistent {
            column: "securepay.account.standing",
        })?,
    })
}

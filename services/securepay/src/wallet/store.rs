//! All SQL of wallets.

use galen_kernel::{Currency, Timestamp};
use galen_storage::{Columns as _, Error, ts};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::Wallet;
use crate::account::{self, Account, Kind, PublicId};
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

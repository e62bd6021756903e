//! All SQL of the trial balance.

use std::collections::BTreeMap;

use galen_kernel::Currency;
use galen_storage::{Columns as _, Error};
use sqlx::PgExecutor;

use super::{Book, Row, Sum};
use crate::ledger::Stamp;

/// The books of every currency, in one view of the database.
///
/// # Errors
/// When the database fails.
pub async fn read(db: impl PgExecutor<'_>) -> Result<Vec<Book>, Error> {
    read_before(db, Stamp(i64::MAX)).await
}

/// The books of every currency as they were before a stamp, in one view of the database:
/// the totals of accounts without what was posted since, so that it is as cheap as that
/// is little.
///
/// # Errors
/// When the database fails.
pub async fn read_before(db: impl PgExecutor<'_>, before: Stamp) -> Result<Vec<Book>, Error> {
    // Sums of bigint are numeric, which has no counterpart here: as text they are exact.
    let rows = sqlx::query(
        "with moved as (
             -- Promises that are made, released or expire move nothing.
             select debit_id, credit_id, amount from posting where at >= $1 and kind not in (2, 4, 5)
         ), since as (
             select account_id, sum(debit) as debits, sum(credit) as credits
             from (select debit_id as account_id, amount as debit, 0::bigint as credit from moved
                   union all select credit_id, 0, amount from moved) side
             group by account_id
         )
         select l.currency, coalesce(i.kind, 'UNNAMED') as kind,
                count(*) filter (where i.opened_at is null or $1 > extract(epoch from i.opened_at) * 1000000) as accounts,
                (sum(a.debits_posted) - coalesce(sum(since.debits), 0))::text as debits,
                (sum(a.credits_posted) - coalesce(sum(since.credits), 0))::text as credits
         from account a
         join ledger l on l.id = a.ledger_id
         left join account_info i on i.id = a.id
         left join since on since.account_id = a.id
         group by l.currency, i.kind
         order by l.currency, i.kind",
    )
    .bind(before.0)
    .fetch_all(db)
    .await?;
    let mut books: BTreeMap<Currency, Vec<Row>> = BTreeMap::new();
    for row in &rows {
        let currency = row.text("currency")?;
        let currency: Currency = currency.parse().map_err(|_| Error::Inconsistent {
            column: "securepay.ledger.currency",
        })?;
        let sum = |column: &'static str| {
            let minor = row.text(column)?;
            let minor: i128 = minor.parse().map_err(|_| Error::Inconsistent { column })?;
            Ok::<_, Error>(Sum { minor, currency })
        };
        let (debits, credits) = (sum("debits")?, sum("credits")?);
        books.entry(currency).or_default().push(Row {
            kind: row.text("kind")?,
            accounts: row.col("accounts")?,
            debits,
            credits,
            balance: Sum {
                minor: credits.minor - debits.minor,
                currency,
            },
        });
    }
    let books = books.into_iter();
    Ok(books
        .map(|(currency, rows)| Book::new(currency, rows))
        .collect())
}

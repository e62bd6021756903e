//! All SQL of the trial balance.

use std::collections::BTreeMap;

use galen_kernel::Currency;
use galen_storage::{Columns as _, Error};
use sqlx::PgExecutor;

use super::{Book, Row, Sum};

/// The books of every currency, in one view of the database.
///
/// # Errors
/// When the database fails.
pub async fn read(db: impl PgExecutor<'_>) -> Result<Vec<Book>, Error> {
    // Sums of bigint are numeric, which has no counterpart here: as text they are exact.
    let rows = sqlx::query(
        "select l.currency, coalesce(i.kind, 'UNNAMED') as kind, count(*) as accounts,
                sum(a.debits_posted)::text as debits, sum(a.credits_posted)::text as credits
         from account a
         join ledger l on l.id = a.ledger_id
         left join account_info i on i.id = a.id
         group by l.currency, i.kind
         order by l.currency, i.kind",
    )
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

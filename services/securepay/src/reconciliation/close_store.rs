//! All SQL about daily closes.

use galen_kernel::{Currency, Cursor, Problem, Timestamp};
use galen_storage::{Columns as _, Error, date, ts};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::report::Report;
use crate::ledger::Stamp;
use crate::trial_balance::{Book, Row, Sum};

/// What the books of one currency said at the end of a day.
#[derive(Debug, Clone)]
pub(super) struct Close {
    pub(super) day: Date,
    pub(super) before: Timestamp,
    pub(super) book: Book,
    pub(super) report: Report,
    pub(super) link: Vec<u8>,
    pub(super) closed_at: Timestamp,
}

/// As it is stored: JSON numbers are not exact.
#[derive(Serialize, Deserialize)]
struct StoredRow {
    kind: String,
    accounts: i64,
    debits: String,
    credits: String,
}

/// A position in the list: day, currency.
#[derive(Serialize, Deserialize)]
pub(super) struct Position(Date, Currency);

impl Position {
    pub(super) const fn of(close: &Close) -> Self {
        Self(close.day, close.book.currency)
    }

    pub(super) fn decode(text: &str) -> Result<Self, Problem> {
        let position: Self = Cursor::decode(text)?;
        if position.0.year() < 1 {
            return Err(Problem::invalid_field(
                "?cursor",
                "INVALID_CURSOR",
                "is not a cursor of this list",
            ));
        }
        Ok(position)
    }
}

/// The last day that was closed.
pub(super) async fn last(db: impl PgExecutor<'_>) -> Result<Option<Date>, Error> {
    let row = sqlx::query("select max(day) as day from daily_close")
        .fetch_one(db)
        .await?;
    row.opt_date("day")
}

/// When the first posting was made.
pub(super) async fn first_posting(db: impl PgExecutor<'_>) -> Result<Option<Timestamp>, Error> {
    let first: Option<i64> = sqlx::query_scalar("select min(first) from batch")
        .fetch_one(db)
        .await?;
    Ok(first.and_then(|stamp| Timestamp::from_microsecond(stamp).ok()))
}

/// The link over everything before a stamp: that of the last batch that began before it.
pub(super) async fn link(db: impl PgExecutor<'_>, before: Stamp) -> Result<Vec<u8>, Error> {
    let link = sqlx::query_scalar(
        "select link from batch where shard = 0 and first < $1 order by first desc limit 1",
    )
    .bind(before.0)
    .fetch_optional(db)
    .await?;
    Ok(link.unwrap_or_else(|| vec![0; 32]))
}

/// Stores what is not there yet; returns how many.
pub(super) async fn insert(db: impl PgExecutor<'_>, closes: &[Close]) -> Result<u64, Error> {
    let kinds = |close: &Close| {
        let kinds = close.book.rows.iter().map(|kind| StoredRow {
            kind: kind.kind.clone(),
            accounts: kind.accounts,
            debits: kind.debits.minor.to_string(),
            credits: kind.credits.minor.to_string(),
        });
        Json(kinds.collect::<Vec<_>>())
    };
    let done = sqlx::query(
        "insert into daily_close (day, currency, before, debits, credits, kinds, report, link, closed_at)
         select day, currency, before, debits::numeric, credits::numeric, kinds, report, link, closed_at
         from unnest($1::date[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[], $8::bytea[], $9::timestamptz[])
              as given (day, currency, before, debits, credits, kinds, report, link, closed_at)
         on conflict (currency, day) do nothing",
    )
    .bind(closes.iter().map(|c| date(c.day)).collect::<Vec<_>>())
    .bind(closes.iter().map(|c| c.book.currency.code()).collect::<Vec<_>>())
    .bind(closes.iter().map(|c| c.before.as_microsecond()).collect::<Vec<_>>())
    .bind(closes.iter().map(|c| c.book.total.debits.minor.to_string()).collect::<Vec<_>>())
    .bind(closes.iter().map(|c| c.book.total.credits.minor.to_string()).collect::<Vec<_>>())
    .bind(closes.iter().map(kinds).collect::<Vec<_>>())
    .bind(closes.iter().map(|c| Json(&c.report)).collect::<Vec<_>>())
    .bind(closes.iter().map(|c| c.link.as_slice()).collect::<Vec<_>>())
    .bind(closes.iter().map(|c| ts(c.closed_at)).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// A page of closes from a day up to another one, itself included.
pub(super) async fn find(
    db: impl PgExecutor<'_>,
    (from, to): (Date, Date),
    after: Option<&Position>,
    limit: u16,
) -> Result<Vec<Close>, Error> {
    let rows = sqlx::query(
        "select day, currency, before, kinds, report, link, closed_at
         from daily_close
         where day between $1 and $2 and ($3::date is null or (day, currency) > ($3, $4))
         order by day, currency limit $5",
    )
    .bind(date(from))
    .bind(date(to))
    .bind(after.map(|position| date(position.0)))
    .bind(after.map(|position| position.1.code().to_owned()))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<Close, Error> {
    let inconsistent = |column| Error::Inconsistent { column };
    let currency: Currency = row
        .text("currency")?
        .parse()
        .map_err(|_| inconsistent("securepay.daily_close.currency"))?;
    let sum = |minor: i128| Sum { minor, currency };
    let rows = row
        .col::<Json<Vec<StoredRow>>>("kinds")?
        .0
        .into_iter()
        .map(|stored| {
            let (debits, credits) = (stored.debits.parse().ok()?, stored.credits.parse().ok()?);
            Some(Row {
                kind: stored.kind,
                accounts: stored.accounts,
                debits: sum(debits),
                credits: sum(credits),
                balance: sum(credits - debits),
            })
        })
        .collect::<Option<Vec<Row>>>()
        .ok_or_else(|| inconsistent("securepay.daily_close.kinds"))?;
    Ok(Close {
        day: row.date("day")?,
        book: Book::new(currency, rows),
        before: Timestamp::from_microsecond(row.col("before")?)
            .map_err(|_| inconsistent("securepay.daily_close.before"))?,
        report: row.col::<Json<Report>>("report")?.0,
        link: row.col("link")?,
        closed_at: row.instant("closed_at")?,
    })
}

//! `GET /ledger/reconciliation`: whether the books agree with the banks and with what is
//! on its way.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Currency, Problem, Timestamp};
use galen_service::{Answer, Cx, MoneyView, Needs, Outcome, Params, Requires};
use galen_storage::{Columns as _, Error};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::expected;
use super::model::{Age, end_of_day};
use super::trial_balance::{money, number};
use crate::SecurePay;
use crate::account::Kind;
use crate::ledger::Stamp;
use crate::trial_balance::{Book, read_before};

/// No posting has as high a stamp.
const EVERYTHING: Stamp = Stamp(i64::MAX);

/// A reconciliation is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetReconciliation {
    /// As of the end of this day; now without it.
    #[param(format = "date")]
    pub date: Option<Date>,
}

impl Requires for GetReconciliation {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerRead);
}

/// What agrees and what does not.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reconciliation)]
#[serde(rename_all = "camelCase")]
pub struct ReconciliationView {
    /// Everything up to then is in it.
    pub at: Timestamp,
    /// One for each currency.
    pub currencies: Vec<Report>,
}

/// What agrees and what does not, of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CurrencyReconciliation)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    pub currency: String,
    /// Whether nothing differs.
    pub agrees: bool,
    /// The accounts at banks.
    pub bank: Vec<BankReport>,
    /// What billing has booked as received and no statement has shown yet; more than zero
    /// when statements have shown more.
    pub announced: ReportAmount,
    /// What is with payment providers.
    pub clearing: ClearingReport,
    /// What nobody knows the purpose of.
    pub suspense: SuspenseReport,
}

/// An amount of money of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReportAmount)]
pub struct ReportAmount {
    /// A decimal string with the currency's digits.
    #[schema(example = "150.00")]
    pub amount: String,
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    pub currency: String,
}

impl From<MoneyView> for ReportAmount {
    fn from(money: MoneyView) -> Self {
        Self {
            amount: money.amount,
            currency: money.currency,
        }
    }
}

/// One account at a bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BankReport {
    /// IBAN, or the bank's own number.
    pub account: String,
    /// What the last statement is called.
    pub statement_id: Uuid,
    /// The day that it closed.
    pub closed_on: Date,
    /// What the last statement says.
    pub statement: ReportAmount,
    /// What the books say.
    pub books: ReportAmount,
    /// What the books say without what the bank says.
    pub difference: ReportAmount,
}

/// Money with payment providers: less than zero when they owe it to the hospital.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClearingReport {
    /// What the books say.
    pub books: ReportAmount,
    /// What top-ups and payouts explain that no statement has shown yet.
    pub explained: ReportAmount,
    /// What the books say without what is explained.
    pub difference: ReportAmount,
}

/// Money of which nobody knows what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspenseReport {
    /// What the books say.
    pub books: ReportAmount,
    /// What lines of statements explain.
    pub lines: ReportAmount,
    /// What the books say without the lines.
    pub difference: ReportAmount,
    /// The lines by age, the youngest first.
    pub ages: Vec<AgeReport>,
}

/// Lines of one age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgeReport {
    /// How long ago they were booked.
    pub age: Age,
    /// How many.
    pub lines: i64,
    /// What came without what went.
    pub amount: ReportAmount,
}

/// Shows whether the books agree with the banks, and lists what does not: accounts at
/// banks against their last statement, money with payment providers against what is on
/// its way, and lines of which nobody knows what they are for, by age.
#[utoipa::path(
    get,
    path = "/ledger/reconciliation",
    operation_id = "getReconciliation",
    tag = "securepay",
    params(GetReconciliation),
    responses((status = 200, description = "What agrees and what does not.", body = ReconciliationView)),
)]
pub async fn get(
    cx: Cx<GetReconciliation>,
    State(s): State<Arc<SecurePay>>,
    Params(query): Params<GetReconciliation>,
) -> Outcome {
    let now = cx.now();
    let today = now.to_zoned(s.zone.clone()).date();
    let (at, before, day) = match query.date {
        None => (now, EVERYTHING, today),
        Some(day) if day > today || day.year() < 1970 => {
            return Err(Problem::invalid_field(
                "?date",
                "OUT_OF_RANGE",
                "must not be before 1970 or in the future",
            )
            .into());
        }
        Some(day) => match end_of_day(day, &s.zone) {
            Some(end) if end <= now => (end, Stamp(end.as_microsecond()), day),
            _ => (now, EVERYTHING, day),
        },
    };
    let mut db = s.db.pool().acquire().await.map_err(Error::from)?;
    let (currencies, _) = load(&mut db, before, day).await?;
    Ok(Answer::ok(&ReconciliationView { at, currencies }))
}

/// Everything before a stamp, from one snapshot: what agrees, and the books; both of the
/// same currencies.
pub(super) async fn load(
    db: &mut PgConnection,
    before: Stamp,
    day: Date,
) -> Result<(Vec<Report>, Vec<Book>), Error> {
    let mut tx = db.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *tx)
        .await?;
    let books = read_before(&mut *tx, before).await?;
    let mut reports = Vec::new();
    for book in &books {
        let currency = book.currency;
        let banks = banks(&mut tx, currency, before).await?;
        let ages = ages(&mut tx, currency, before, day).await?;
        let explained = expected::explained(&mut *tx, currency, before).await?;
        reports.push(report(book, banks, ages, explained));
    }
    tx.commit().await?;
    Ok((reports, books))
}

/// An account at a bank: what its last statement says, and what the books say.
struct Bank {
    account: String,
    statement: Uuid,
    closed_on: Date,
    closing: i128,
    books: i128,
}

/// Lines that rest in suspense, of one age.
#[derive(Debug, Clone, Copy, Default)]
struct Lines {
    number: i64,
    total: i128,
}

fn report(book: &Book, banks: Vec<Bank>, ages: BTreeMap<Age, Lines>, explained: i128) -> Report {
    let currency = book.currency;
    let amount = |minor: i128| ReportAmount::from(money(minor, currency));
    let balance = |kind: Kind| -> i128 {
        let of_kind = book.rows.iter().filter(|row| row.kind == kind.name());
        of_kind.map(|row| row.balance.minor).sum()
    };
    // Money at a bank is owed to the hospital: debits without credits.
    let books: i128 = banks.iter().map(|bank| bank.books).sum();
    let announced = balance(Kind::Bank) + books;
    let clearing = balance(Kind::Clearing);
    let suspense = balance(Kind::Suspense);
    let lines: i128 = ages.values().map(|lines| lines.total).sum();
    let agrees = banks.iter().all(|bank| bank.books == bank.closing)
        && (announced, clearing, suspense) == (0, explained, lines);
    Report {
        currency: currency.code().to_owned(),
        agrees,
        bank: banks
            .into_iter()
            .map(|bank| BankReport {
                account: bank.account,
                statement_id: bank.statement,
                closed_on: bank.closed_on,
                statement: amount(bank.closing),
                books: amount(bank.books),
                difference: amount(bank.books - bank.closing),
            })
            .collect(),
        announced: amount(announced),
        clearing: ClearingReport {
            books: amount(clearing),
            explained: amount(explained),
            difference: amount(clearing - explained),
        },
        suspense: SuspenseReport {
            books: amount(suspense),
            lines: amount(lines),
            difference: amount(suspense - lines),
            ages: Age::ALL
                .into_iter()
                .map(|age| {
                    let lines = ages.get(&age).copied().unwrap_or_default();
                    AgeReport {
                        age,
                        lines: lines.number,
                        amount: amount(lines.total),
                    }
                })
                .collect(),
        },
    }
}

/// The accounts at banks that had a statement then. The balance of an account is in the
/// last posting that names it.
async fn banks(
    db: &mut PgConnection,
    currency: Currency,
    before: Stamp,
) -> Result<Vec<Bank>, Error> {
    let rows = sqlx::query(
        "select b.number, s.id, s.closed_on, s.closing::text as closing, coalesce(-p.balance, 0)::text as books
         from bank_account b
         join account_info i on i.kind = 'BANK' and i.owner_id = b.id and i.currency = b.currency
         cross join lateral (
             select s.id, s.closed_on, s.closing from bank_statement s
             where s.bank_account_id = b.id
               and $2 > extract(epoch from s.imported_at) * 1000000
             order by s.place desc limit 1
         ) s
         left join lateral (
             select balance from (
                 (select at, debit_balance as balance from posting where debit_id = i.id and at < $2 order by at desc limit 1)
                 union all
                 (select at, credit_balance from posting where credit_id = i.id and at < $2 order by at desc limit 1)
             ) last order by at desc limit 1
         ) p on true
         where b.currency = $1 order by b.number",
    )
    .bind(currency.code())
    .bind(before.0)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Bank {
                account: row.text("number")?,
                statement: row.col("id")?,
                closed_on: row.date("closed_on")?,
                closing: number(row, "closing")?,
                books: number(row, "books")?,
            })
        })
        .collect()
}

/// The lines whose money rested in suspense then, by their age on a day.
async fn ages(
    db: &mut PgConnection,
    currency: Currency,
    before: Stamp,
    day: Date,
) -> Result<BTreeMap<Age, Lines>, Error> {
    let rows = sqlx::query(
        "with rested as (
             select distinct on (m.line_id) m.line_id, m.purpose
             from bank_line_move m where m.state = 'POSTED' and m.stamp < $2
             order by m.line_id, m.number desc
         )
         select $3 - l.booked_on as days, count(*) as lines, sum(l.amount)::text as total
         from rested r join bank_line l on l.id = r.line_id
         join bank_statement s on s.id = l.statement_id join bank_account b on b.id = s.bank_account_id
         where r.purpose is null and b.currency = $1
         group by 1",
    )
    .bind(currency.code())
    .bind(before.0)
    .bind(galen_storage::date(day))
    .fetch_all(db)
    .await?;
    let mut ages: BTreeMap<Age, Lines> = BTreeMap::new();
    for row in &rows {
        let lines = ages.entry(Age::of(row.col("days")?)).or_default();
        lines.number += row.col::<i64>("lines")?;
        lines.total += number(row, "total")?;
    }
    Ok(ages)
}

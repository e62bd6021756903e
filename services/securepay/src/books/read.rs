//! Rows of the ledger by their names.

use galen_storage::{Columns as _, Error};
use sqlx::postgres::PgRow;
use sqlx::{PgExecutor, Row as _};
use uuid::Uuid;

use crate::ledger::{
    Account, AccountId, Amount, Hold, HoldId, HoldState, Kind, LedgerId, Limit, Posting, Stamp,
    Standing, Totals, TransferId,
};

/// Accounts by their ids.
///
/// # Errors
/// When the database fails.
pub async fn accounts(db: impl PgExecutor<'_>, ids: &[AccountId]) -> Result<Vec<Account>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query(
        "select id, ledger_id, limits, standing, debits_pending, debits_posted, credits_pending, credits_posted, version
         from account where id = any ($1)",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    rows.iter().map(account).collect()
}

/// Holds by their ids.
///
/// # Errors
/// When the database fails.
pub async fn holds(db: impl PgExecutor<'_>, ids: &[HoldId]) -> Result<Vec<Hold>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query(
        "select id, ledger_id, debit_id, credit_id, amount, captured, refunded, state, expires_at
         from hold where id = any ($1)",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    rows.iter().map(hold).collect()
}

/// Postings by their ids.
///
/// # Errors
/// When the database fails.
pub async fn postings(db: impl PgExecutor<'_>, ids: &[TransferId]) -> Result<Vec<Posting>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query(
        "select at, id, kind, ledger_id, debit_id, credit_id, amount, debit_balance, credit_balance,
                hold_id, expires_at, code, reference
         from posting where id = any ($1)",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    rows.iter().map(posting).collect()
}

/// Reads an account from a row that has its columns.
pub(crate) fn account(row: &PgRow) -> Result<Account, Error> {
    Ok(Account {
        id: AccountId(row.col("id")?),
        ledger: LedgerId(row.col("ledger_id")?),
        limit: Limit::from_number(row.col("limits")?)
            .ok_or_else(|| inconsistent("securepay.account.limits"))?,
        standing: Standing::from_number(row.col("standing")?)
            .ok_or_else(|| inconsistent("securepay.account.standing"))?,
        totals: Totals {
            debits_pending: row.col("debits_pending")?,
            debits_posted: row.col("debits_posted")?,
            credits_pending: row.col("credits_pending")?,
            credits_posted: row.col("credits_posted")?,
        },
        version: row.col("version")?,
    })
}

/// Reads a hold from a row that has its columns.
pub(crate) fn hold(row: &PgRow) -> Result<Hold, Error> {
    hold_called("id", row)
}

/// As [`hold`], where the column of its id has another name.
pub(super) fn hold_called(id: &'static str, row: &PgRow) -> Result<Hold, Error> {
    Ok(Hold {
        id: TransferId(row.col(id)?),
        ledger: LedgerId(row.col("ledger_id")?),
        debit: AccountId(row.col("debit_id")?),
        credit: AccountId(row.col("credit_id")?),
        amount: amount(row, "securepay.hold.amount")?,
        captured: row.col("captured")?,
        refunded: row.col("refunded")?,
        state: HoldState::from_number(row.col("state")?)
            .ok_or_else(|| inconsistent("securepay.hold.state"))?,
        expires_at: row.col::<Option<i64>>("expires_at")?.map(Stamp),
    })
}

/// Reads a posting from a row that has its columns.
pub(crate) fn posting(row: &PgRow) -> Result<Posting, Error> {
    Ok(Posting {
        at: Stamp(row.col("at")?),
        id: TransferId(row.col("id")?),
        kind: Kind::from_number(row.col("kind")?)
            .ok_or_else(|| inconsistent("securepay.posting.kind"))?,
        ledger: LedgerId(row.col("ledger_id")?),
        debit: AccountId(row.col("debit_id")?),
        credit: AccountId(row.col("credit_id")?),
        amount: amount(row, "securepay.posting.amount")?,
        debit_balance: row.col("debit_balance")?,
        credit_balance: row.col("credit_balance")?,
        hold: row.col::<Option<Uuid>>("hold_id")?.map(TransferId),
        expires_at: row.col::<Option<i64>>("expires_at")?.map(Stamp),
        code: row.col("code")?,
        reference: row.col("reference")?,
    })
}

fn amount(row: &PgRow, column: &'static str) -> Result<Amount, Error> {
    Amount::new(row.try_get("amount")?).ok_or_else(|| inconsistent(column))
}

const fn inconsistent(column: &'static str) -> Error {
    Error::Inconsistent { column }
}

//! `GET /ledger/trial-balance`: all accounts by what they are for, now or at any instant.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Currency, Problem, Timestamp};
use galen_service::{Answer, Cx, MoneyView, Needs, Outcome, Params, Requires};
use galen_storage::{Columns as _, Error};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use utoipa::{IntoParams, ToSchema};

use super::model::after;
use crate::SecurePay;
use crate::trial_balance::{Book, Row, Sum, read, read_before};

/// A trial balance is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetTrialBalance {
    /// As of when; now without it.
    pub at: Option<Timestamp>,
}

impl Requires for GetTrialBalance {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerRead);
}

/// A trial balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrialBalance)]
#[serde(rename_all = "camelCase")]
pub struct TrialBalanceView {
    /// Everything up to then is in it.
    pub at: Timestamp,
    /// One for each currency.
    pub currencies: Vec<CurrencyBalanceView>,
}

/// The trial balance of one currency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CurrencyBalance)]
#[serde(rename_all = "camelCase")]
pub struct CurrencyBalanceView {
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    pub currency: String,
    /// All that was debited.
    pub debits: MoneyView,
    /// All that was credited.
    pub credits: MoneyView,
    /// Whether both are equal, as they must be.
    pub balanced: bool,
    /// By what accounts are for.
    pub kinds: Vec<KindBalanceView>,
}

/// All accounts of a currency that are for the same.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KindBalance)]
#[serde(rename_all = "camelCase")]
pub struct KindBalanceView {
    /// What they are for.
    #[schema(example = "WALLET")]
    pub kind: String,
    /// How many there were.
    pub accounts: i64,
    /// All that was debited.
    pub debits: MoneyView,
    /// All that was credited.
    pub credits: MoneyView,
    /// Credits without debits: what the hospital owes; less than zero when it is owed.
    pub balance: MoneyView,
}

/// Shows what was debited and credited, by currency and by what accounts are for, as of
/// any instant. Money that is only promised is not in it.
#[utoipa::path(
    get,
    path = "/ledger/trial-balance",
    operation_id = "getTrialBalance",
    tag = "securepay",
    params(GetTrialBalance),
    responses((status = 200, description = "The trial balance.", body = TrialBalanceView)),
)]
pub async fn get(
    cx: Cx<GetTrialBalance>,
    State(s): State<Arc<SecurePay>>,
    Params(query): Params<GetTrialBalance>,
) -> Outcome {
    let now = cx.now();
    let at = query.at.unwrap_or(now);
    if at > now || at.as_second() < 0 {
        return Err(Problem::invalid_field(
            "?at",
            "OUT_OF_RANGE",
            "must not be before 1970 or in the future",
        )
        .into());
    }
    let books = match query.at {
        None => read(s.db.pool()).await?,
        Some(at) => read_before(s.db.pool(), after(at)).await?,
    };
    Ok(Answer::ok(&TrialBalanceView {
        at,
        currencies: books.iter().map(CurrencyBalanceView::from).collect(),
    }))
}

/// An amount that may be more than an account can hold.
pub(super) fn money(minor: i128, currency: Currency) -> MoneyView {
    Sum { minor, currency }.into()
}

impl From<Sum> for MoneyView {
    fn from(sum: Sum) -> Self {
        Self {
            amount: sum.to_string(),
            currency: sum.currency.code().to_owned(),
        }
    }
}

impl From<&Book> for CurrencyBalanceView {
    fn from(book: &Book) -> Self {
        Self {
            currency: book.currency.code().to_owned(),
            debits: book.total.debits.into(),
            credits: book.total.credits.into(),
            balanced: book.balances(),
            kinds: book.rows.iter().map(KindBalanceView::from).collect(),
        }
    }
}

impl From<&Row> for KindBalanceView {
    fn from(row: &Row) -> Self {
        Self {
            kind: row.kind.clone(),
            accounts: row.accounts,
            debits: row.debits.into(),
            credits: row.credits.into(),
            balance: row.balance.into(),
        }
    }
}

/// A `numeric` of whole minor units, read as text.
pub(super) fn number(row: &PgRow, column: &'static str) -> Result<i128, Error> {
    row.text(column)?
        .parse()
        .map_err(|_| Error::Inconsistent { column })
}

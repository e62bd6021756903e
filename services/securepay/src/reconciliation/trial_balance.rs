//! `GET /ledger/trial-balance`: all accounts by what they are for, now or at any instant.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Currency, Problem, Timestamp};
use galen_service::{Answer, Cx, MoneyView, Needs, Outcome, Params, Requires};
use galen_storage::{Columns as _, Error};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use sqlx::postgres::PgRow;
use utoipa::{IntoParams, ToSchema};

use super::model::after;
use crate::SecurePay;
use crate::ledger::Stamp;

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
    let sums = load(s.db.pool(), after(at)).await?;
    Ok(Answer::ok(&TrialBalanceView {
        at,
        currencies: by_currency(&sums).map(CurrencyBalanceView::of).collect(),
    }))
}

/// The accounts of a currency that are for the same, in sums; minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) currency: Currency,
    pub(super) kind: String,
    pub(super) accounts: i64,
    pub(super) debits: i128,
    pub(super) credits: i128,
}

impl Sums {
    pub(super) const fn balance(&self) -> i128 {
        self.credits - self.debits
    }
}

/// The sums of one currency after another.
pub(super) fn by_currency(sums: &[Sums]) -> impl Iterator<Item = &[Sums]> {
    sums.chunk_by(|a, b| a.currency == b.currency)
}

/// An amount that may be more than an account can hold.
pub(super) fn money(minor: i128, currency: Currency) -> MoneyView {
    let unit = 10_u128.pow(currency.digits());
    let (sign, value) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
    let (whole, rest) = (value / unit, value % unit);
    let amount = match currency.digits() {
        0 => format!("{sign}{whole}"),
        digits => format!("{sign}{whole}.{rest:0width$}", width = digits as usize),
    };
    MoneyView {
        amount,
        currency: currency.code().to_owned(),
    }
}

impl CurrencyBalanceView {
    /// Of kinds of one currency: at least one.
    fn of(kinds: &[Sums]) -> Self {
        let currency = kinds[0].currency;
        let debits: i128 = kinds.iter().map(|kind| kind.debits).sum();
        let credits: i128 = kinds.iter().map(|kind| kind.credits).sum();
        Self {
            currency: currency.code().to_owned(),
            debits: money(debits, currency),
            credits: money(credits, currency),
            balanced: debits == credits,
            kinds: kinds.iter().map(KindBalanceView::of).collect(),
        }
    }
}

impl KindBalanceView {
    pub(super) fn of(sums: &Sums) -> Self {
        Self {
            kind: sums.kind.clone(),
            accounts: sums.accounts,
            debits: money(sums.debits, sums.currency),
            credits: money(sums.credits, sums.currency),
            balance: money(sums.balance(), sums.currency),
        }
    }
}

/// The totals of accounts without the postings since a stamp: in one statement, so of one
/// instant, and as cheap as what has happened since is little. By currency and kind.
pub(super) async fn load(db: impl PgExecutor<'_>, before: Stamp) -> Result<Vec<Sums>, Error> {
    let rows = sqlx::query(
        "with moved as (
             -- Promises that are made, released or expire move nothing.
             select debit_id, credit_id, amount from posting where at >= $1 and kind not in (2, 4, 5)
         ), later as (
             select account_id, sum(debit) as debits, sum(credit) as credits
             from (select debit_id as account_id, amount as debit, 0::bigint as credit from moved
                   union all select credit_id, 0, amount from moved) side
             group by account_id
         )
         select l.currency, coalesce(i.kind, 'OTHER') as kind,
                count(*) filter (where i.opened_at is null or i.opened_at < timestamptz 'epoch' + $1 / 1000000 * interval '1 second' + $1 % 1000000 * interval '1 microsecond') as accounts,
                (sum(a.debits_posted) - coalesce(sum(later.debits), 0))::text as debits,
                (sum(a.credits_posted) - coalesce(sum(later.credits), 0))::text as credits
         from account a
         join ledger l on l.id = a.ledger_id
         left join account_info i on i.id = a.id
         left join later on later.account_id = a.id
         group by 1, 2 order by 1, 2",
    )
    .bind(before.0)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<Sums, Error> {
    let inconsistent = |column| Error::Inconsistent { column };
    Ok(Sums {
        currency: row
            .text("currency")?
            .parse()
            .map_err(|_| inconsistent("securepay.ledger.currency"))?,
        kind: row.text("kind")?,
        accounts: row.col("accounts")?,
        debits: number(row, "debits")?,
        credits: number(row, "credits")?,
    })
}

/// A `numeric` of whole minor units, read as text.
pub(super) fn number(row: &PgRow, column: &'static str) -> Result<i128, Error> {
    row.text(column)?
        .parse()
        .map_err(|_| Error::Inconsistent { column })
}

#[cfg(test)]
mod tests {
    use galen_kernel::Money;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn amounts_are_written_as_everywhere(minor: i64, code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let currency: Currency = code.parse().unwrap();
            prop_assert_eq!(money(i128::from(minor), currency), MoneyView::from(Money { minor, currency }));
        }
    }

    #[test]
    fn sums_may_be_more_than_an_account_holds() {
        let eur = "EUR".parse().unwrap();
        assert_eq!(
            money(i128::from(i64::MAX) * 3, eur).amount,
            "276701161105643274.21"
        );
    }
}

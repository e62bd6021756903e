//! Carries orders to the ledger.

use galen_contracts::securepay::v1 as securepay;
use galen_kernel::{Currency, Money, Problem};
use galen_service::PeerError;
use galen_service::rpc::ask;
use galen_storage::Error;
use uuid::Uuid;

use super::model::AccountRef;
use super::store::{self, Order};
use crate::Billing;

/// How many orders are read at a time.
const BATCH: i64 = 100;

/// Posts everything that was entered, in order; says how many orders. One that the
/// ledger refuses waits, and the others go on.
///
/// # Errors
/// When the ledger or the database does not answer; what was posted until then is.
pub async fn post(billing: &Billing) -> Result<u64, Problem> {
    let (mut done, mut after) = (0, 0);
    loop {
        let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
        let (orders, last) = store::open(&mut connection, after, BATCH).await?;
        drop(connection);
        if orders.is_empty() {
            return Ok(done);
        }
        after = last;
        for order in &orders {
            if post_one(billing, order).await? {
                done += 1;
            }
        }
    }
}

/// Posts one order; false when the ledger refused it.
async fn post_one(billing: &Billing, order: &Order) -> Result<bool, Problem> {
    let mut transfers = Vec::with_capacity(order.entries.len());
    for (id, entry) in &order.entries {
        let currency = entry.amount.currency;
        let (debit, credit) = (
            account(billing, entry.debit, currency).await?,
            account(billing, entry.credit, currency).await?,
        );
        transfers.push(securepay::Transfer {
            transfer_id: id.to_string(),
            debit_account_id: debit.to_string(),
            credit_account_id: credit.to_string(),
            amount: Some(to_wire(entry.amount)),
            reference_id: entry.reference.to_string(),
        });
    }
    let mut accounts = billing.accounts.clone();
    let asked = ask(
        "securepay",
        securepay::PostRequest { transfers },
        |request| async move { accounts.post(request).await },
    );
    let refused = match asked.await {
        Ok(_) => {
            store::posted(billing.db.pool(), order.id, billing.clock.now()).await?;
            return Ok(true);
        }
        Err(PeerError::FailedPrecondition { message, .. }) => message,
        Err(PeerError::NotFound { .. }) => "NOT_FOUND".to_owned(),
        Err(error) => return Err(error.into()),
    };
    tracing::error!(order = %order.id, reason = refused, "the ledger refuses an order");
    metrics::counter!("billing_orders_refused_total").increment(1);
    store::refused(billing.db.pool(), order.id, &refused).await?;
    Ok(false)
}

/// The ledger's id of an account, which is opened when there is none.
///
/// # Errors
/// When the ledger or the database does not answer.
pub async fn account(
    billing: &Billing,
    account: AccountRef,
    currency: Currency,
) -> Result<Uuid, Problem> {
    let wanted = (account, currency);
    if let Some(id) = store::known(billing.db.pool(), wanted).await? {
        return Ok(id);
    }
    let mut accounts = billing.accounts.clone();
    let question = securepay::OpenAccountRequest {
        kind: account.kind.to_wire().into(),
        owner_id: account.owner.map(|id| id.to_string()).unwrap_or_default(),
        currency: currency.code().to_owned(),
    };
    let opened = ask("securepay", question, |request| async move {
        accounts.open_account(request).await
    })
    .await?;
    let id: Uuid = opened
        .account
        .and_then(|account| account.account_id.parse().ok())
        .ok_or_else(|| Problem::internal("the ledger opened an account without an id"))?;
    store::remember(billing.db.pool(), wanted, id).await?;
    Ok(id)
}

/// Money as SecurePay says it.
pub(crate) fn to_wire(money: Money) -> securepay::Money {
    securepay::Money {
        minor: money.minor,
        currency: money.currency.code().to_owned(),
    }
}

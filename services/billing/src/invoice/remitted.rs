//! What comes from elsewhere: answers of payers.

use std::collections::BTreeMap;

use galen_kernel::Money;
use galen_storage::Tx;
use uuid::Uuid;

use super::error::InvoiceError;
use super::event::Outcome;
use super::model::{Invoice, InvoiceId};
use super::store;
use crate::journal::{self, AccountKind, AccountRef, Entry};

/// A payer answered: what it leaves to the patient the patient owes from now on, and what
/// the contract forbids to ask for is given up; what is passed on the payers after it
/// owe, each by one claim. `claim` owns the receivable that it was asked by. What it pays is entered by whoever received it.
///
/// # Errors
/// When it was asked for less than it does not pay, or the database fails.
pub async fn remitted(
    tx: &mut Tx,
    id: InvoiceId,
    claim: Uuid,
    outcomes: &[Outcome],
) -> Result<Invoice, InvoiceError> {
    let mut invoice = store::lock(tx, id).await?;
    let Some(event) = invoice.remit(claim, outcomes)? else {
        return Ok(invoice);
    };
    store::append(tx, &mut invoice, &[event]).await?;
    let mut next: BTreeMap<Uuid, i64> = BTreeMap::new();
    for passed in outcomes.iter().filter_map(|o| o.passed_on.as_ref()) {
        *next.entry(passed.claim).or_default() += passed.amount;
    }
    let sum = |of: fn(&Outcome) -> i64| outcomes.iter().map(of).sum::<i64>();
    let moved = |account, minor| Entry {
        debit: account,
        credit: AccountRef::receivable(claim),
        amount: Money {
            minor,
            currency: invoice.currency,
        },
        reference: id.uuid(),
    };
    let entries: Vec<Entry> = [
        moved(AccountRef::receivable(id.uuid()), sum(|o| o.to_patient)),
        moved(
            AccountRef::hospital(AccountKind::WriteOff),
            sum(|o| o.written_off),
        ),
    ]
    .into_iter()
    .chain(
        next.into_iter()
            .map(|(claim, amount)| moved(AccountRef::receivable(claim), amount)),
    )
    .filter(|entry| entry.amount.minor > 0)
    .collect();
    let order = tx.clock().uuid();
    journal::enter(tx, order, &entries).await?;
    Ok(invoice)
}

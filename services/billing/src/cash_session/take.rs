//! What paying in cash and giving cash back have in common.

use galen_access::Permission;
use galen_kernel::{Money, Problem};
use galen_service::Cx;
use galen_service::extract::Requires;
use galen_storage::Tx;
use uuid::Uuid;

use super::error::CashSessionError;
use super::model::CashSession;
use super::store::{self, Direction, Movement};
use crate::invoice::model::Invoice;
use crate::journal::{self, AccountRef, Entry};

/// The caller's open till in the invoice's currency, locked. The invoice is locked
/// before.
///
/// # Errors
/// 403 for whoever keeps no till, 409 when none is open.
pub async fn till<R: Requires>(
    cx: &Cx<R>,
    tx: &mut Tx,
    invoice: &Invoice,
) -> Result<CashSession, Problem> {
    let cashier = cx.principal()?;
    if !cashier.may(Permission::CashManage) {
        return Err(Problem::forbidden());
    }
    let by = cashier.user_id.uuid();
    Ok(store::lock_open(tx, by, invoice.currency).await?)
}

/// Cash moves between a locked till and somebody who owes an invoice, in the till, in
/// the list of its movements and in the books.
///
/// # Errors
/// When the till is not open or has not as much, or the database fails.
pub async fn moved(
    tx: &mut Tx,
    till: &mut CashSession,
    movement: &Movement,
) -> Result<(), CashSessionError> {
    let owed = AccountRef::receivable(movement.invoice);
    let (debit, credit) = match movement.direction {
        Direction::Payment => {
            till.take(movement.minor)?;
            (till.account(), owed)
        }
        Direction::Refund => {
            till.give_back(movement.minor)?;
            (owed, till.account())
        }
    };
    store::change(tx, till).await?;
    store::moved(tx, till, movement).await?;
    let entry = Entry {
        debit,
        credit,
        amount: Money {
            minor: movement.minor,
            currency: till.currency,
        },
        reference: movement.invoice,
    };
    // Of its own: the movement's id is the adjustment's as well.
    let order = Uuid::new_v5(&movement.id, b"cash");
    journal::enter(tx, order, &[entry]).await?;
    Ok(())
}

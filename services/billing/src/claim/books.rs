//! What becomes of a claim's money in the books and on the invoice.

use galen_storage::Tx;
use uuid::Uuid;

use super::change;
use super::error::ClaimError;
use super::model::Claim;
use crate::cover;
use crate::journal::{self, AccountKind, AccountRef, Entry};

/// Enters what moved between two states of a claim: what was paid is in the bank, what is
/// left over the patient owes, what was written off nobody does.
pub(super) async fn enter(
    tx: &mut Tx,
    before: &Claim,
    after: &Claim,
    reference: Uuid,
) -> Result<(), ClaimError> {
    let moves = change::moved(before, after);
    let sum = |of: fn(&super::position::Moves) -> i64| -> i64 {
        moves.iter().map(|(_, moves)| of(moves)).sum()
    };
    let facts = &after.facts;
    let claim = AccountRef::receivable(facts.root.uuid());
    let entries: Vec<Entry> = [
        (AccountRef::hospital(AccountKind::Bank), sum(|m| m.paid)),
        (AccountRef::receivable(facts.invoice), sum(|m| m.left_over)),
        (
            AccountRef::hospital(AccountKind::WriteOff),
            sum(|m| m.written_off),
        ),
    ]
    .into_iter()
    .filter(|(_, minor)| *minor > 0)
    .map(|(debit, minor)| Entry {
        debit,
        credit: claim,
        amount: change::amount(after, minor),
        reference,
    })
    .collect();
    let order = tx.clock().uuid();
    journal::enter(tx, order, &entries).await?;
    // What was counted when the invoice was issued counts as long as the payer may pay.
    let given_up = after.outstanding() == 0 && after.received() == 0;
    if given_up && before.outstanding() > 0 {
        cover::reverse(tx, facts.root.uuid()).await?;
    }
    Ok(())
}

//! What becomes of a claim's money in the books, on the invoice, and of benefits.

use galen_storage::Tx;
use uuid::Uuid;

use super::answer::{Adjustment, Group};
use super::change;
use super::error::ClaimError;
use super::model::Claim;
use super::next::Passed;
use crate::charge::model::ChargeId;
use crate::invoice::event::{Outcome, PassedOn};
use crate::invoice::model::InvoiceId;
use crate::journal::{self, AccountKind, AccountRef, Entry};
use crate::{cover, invoice};

/// Enters what moved between two states of a claim: what was paid is in the bank; what is
/// left over and what is written off, the invoice says. What was passed on, payers
/// after it owe.
pub(super) async fn enter(
    tx: &mut Tx,
    (before, after): (&Claim, &Claim),
    passed: &[Passed],
    reference: Uuid,
) -> Result<(), ClaimError> {
    let facts = &after.facts;
    let moves = change::moved(before, after);
    let paid: i64 = moves.iter().map(|(_, moves)| moves.paid).sum();
    if paid > 0 {
        let received = Entry {
            debit: AccountRef::hospital(AccountKind::Bank),
            credit: AccountRef::receivable(facts.root.uuid()),
            amount: change::amount(after, paid),
            reference,
        };
        let order = tx.clock().uuid();
        journal::enter(tx, order, &[received]).await?;
    }
    let mut outcomes = Vec::new();
    for (sequence, moves) in moves {
        if moves.left_over > 0 || moves.written_off > 0 {
            let mut passed = passed.iter().filter(|passed| passed.sequence == sequence);
            let all: i64 = passed.clone().map(|passed| passed.amount).sum();
            let outcome = Outcome {
                charge: ChargeId::from_uuid(after.line(sequence)?.charge_id),
                payer: facts.payer,
                coverage: Some(facts.coverage),
                to_patient: moves.left_over - all,
                written_off: moves.written_off,
                passed_on: passed.next().map(passed_on),
                reasons: reasons(after, sequence),
            };
            // What goes to payers after the next one is told beside it.
            let others = passed.map(|passed| Outcome {
                to_patient: 0,
                written_off: 0,
                passed_on: Some(passed_on(passed)),
                reasons: Vec::new(),
                ..outcome.clone()
            });
            let others: Vec<Outcome> = others.collect();
            outcomes.push(outcome);
            outcomes.extend(others);
        }
    }
    if !outcomes.is_empty() {
        let invoice = InvoiceId::from_uuid(facts.invoice);
        invoice::remitted(tx, invoice, facts.root.uuid(), &outcomes).await?;
    }
    // What was counted when the invoice was issued counts as long as the payer may pay.
    let given_up = after.outstanding() == 0 && after.received() == 0;
    if given_up && before.outstanding() > 0 {
        cover::reverse(tx, facts.root.uuid()).await?;
    }
    Ok(())
}

const fn passed_on(passed: &Passed) -> PassedOn {
    PassedOn {
        payer: passed.payer,
        coverage: passed.coverage,
        claim: passed.claim,
        amount: passed.amount,
    }
}

/// Why the payer does not pay, but for what was paid before.
fn reasons(claim: &Claim, sequence: u16) -> Vec<String> {
    let answer = claim.answers.iter().find(|a| a.sequence == sequence);
    let said = answer.map_or(&[] as &[Adjustment], |answer| &answer.adjustments);
    said.iter()
        .filter(|adjustment| adjustment.group != Group::Other)
        .map(|adjustment| adjustment.reason.clone())
        .collect()
}

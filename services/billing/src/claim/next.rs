//! The payer after one that has answered: what that one leaves over, it is asked for as
//! far as its plan pays it, before the patient is.
//!
//! When an invoice is issued, payers are asked for what their plans are expected to pay.
//! A payer that pays less leaves more. The plan of the next one is applied anew to what
//! the first has really paid, with its own rules of coordination, and its claim, which
//! has not been submitted yet, asks for more; where there was nothing to ask it for, a
//! claim is prepared. What it does not pay either, the patient owes.

use std::collections::BTreeMap;

use galen_kernel::{Money, Timestamp};
use galen_storage::{Error, Tx};
use uuid::Uuid;

use super::error::ClaimError;
use super::model::{Claim, ClaimId, Facts, Line, Status};
use super::position::Position;
use super::{change, prepare, store};
use crate::Billing;
use crate::adjudication::PriorPayment;
use crate::cover::{self, Cover, CoverError, Service};
use crate::invoice::adjudicate::counted_without_claim;
use crate::invoice::model::InvoiceId;
use crate::invoice::store as invoices;

/// Who insures next, by the claim that is answered. Looked up before a transaction,
/// because others are asked for it.
#[derive(Debug, Default)]
pub struct Next(BTreeMap<ClaimId, Cover>);

/// What the next payer is asked for of a line instead of the patient. Minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    /// Which line.
    pub(super) sequence: u16,
    /// Who is asked.
    pub(super) payer: Uuid,
    /// Under which coverage.
    pub(super) coverage: Uuid,
    /// By the receivable of which claim.
    pub(super) claim: Uuid,
    /// For how much.
    pub(super) amount: i64,
}

impl Next {
    /// Looks up who insures after the payers of some claims. Nobody is asked about
    /// claims after which nobody insures.
    ///
    /// # Errors
    /// When the patients service does not answer, or the database fails.
    pub async fn after(billing: &Billing, claims: &[ClaimId]) -> Result<Self, CoverError> {
        let mut found = BTreeMap::new();
        for claim in claims {
            if let Some(cover) = after(billing, *claim).await? {
                found.insert(*claim, cover);
            }
        }
        Ok(Self(found))
    }
}

async fn after(billing: &Billing, claim: ClaimId) -> Result<Option<Cover>, CoverError> {
    let Some(told) = store::get(billing.db.pool(), claim).await? else {
        return Ok(None);
    };
    let facts = told.claim.facts;
    let invoice = {
        let mut db = billing.db.pool().acquire().await?;
        invoices::get(&mut db, InvoiceId::from_uuid(facts.invoice)).await?
    };
    let is_claimed = |charge: Uuid| facts.lines.iter().any(|line| line.charge_id == charge);
    let lines = invoice.iter().flat_map(|invoice| &invoice.lines);
    let next = lines
        .filter(|line| is_claimed(line.charge.uuid()))
        .find_map(|line| Some((line, line.payers.get(usize::from(facts.ordinal))?)));
    let Some((line, share)) = next else {
        return Ok(None);
    };
    match cover::policies(billing, facts.patient, line.served_on).await {
        Ok(covers) => Ok(covers
            .into_iter()
            .find(|cover| cover.coverage == share.coverage)),
        // Nobody knows any more who insured them: the patient's estate is asked.
        Err(CoverError::UnknownPatient | CoverError::Erased) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A payer has answered, or somebody ended what it denied: passes on what it leaves over,
/// and lets the next claim go. Says what is not to be asked of the patient.
pub(super) async fn answered(
    tx: &mut Tx,
    billing: &Billing,
    (before, claim): (&Claim, &Claim),
    next: &Next,
) -> Result<Vec<Passed>, ClaimError> {
    let passed = match next.0.get(&claim.facts.id) {
        Some(cover) => pass(tx, billing, (before, claim), cover).await?,
        None => Vec::new(),
    };
    release(tx, billing, claim).await?;
    Ok(passed)
}

async fn pass(
    tx: &mut Tx,
    billing: &Billing,
    (before, claim): (&Claim, &Claim),
    cover: &Cover,
) -> Result<Vec<Passed>, ClaimError> {
    let facts = &claim.facts;
    let left: BTreeMap<u16, i64> = change::moved(before, claim)
        .into_iter()
        .filter(|(_, moves)| moves.left_over > 0)
        .map(|(sequence, moves)| (sequence, moves.left_over))
        .collect();
    if left.is_empty() {
        return Ok(Vec::new());
    }
    let known = match store::to_next(&mut *tx.conn(), facts).await? {
        Some(id) => store::lock(tx, id).await?,
        None => None,
    };
    if known
        .as_ref()
        .is_some_and(|next| !next.status.is_unsubmitted())
    {
        return Ok(Vec::new());
    }
    // Before the contract, as whoever else takes both.
    let invoice = invoices::lock(tx, InvoiceId::from_uuid(facts.invoice)).await?;
    let counted = known.as_ref().map_or_else(
        || counted_without_claim(&invoice, cover.coverage, facts.part),
        |next| next.facts.root.uuid(),
    );
    let now = tx.clock().now();
    let prior: Vec<PriorPayment> = facts
        .lines
        .iter()
        .map(|line| paid(&line.position))
        .collect();
    let share = cover::again(tx, counted, now, cover, &services(facts), &prior).await?;
    let more: Vec<(u16, i64)> = left
        .iter()
        .map(|(sequence, left)| {
            let asked = known.as_ref().and_then(|next| next.line(*sequence).ok());
            let asked = asked.map_or(0, |line| line.position.outstanding);
            (*sequence, (share.pays(*sequence) - asked).clamp(0, *left))
        })
        .filter(|(_, more)| *more > 0)
        .collect();
    let mut next = match known {
        Some(next) => next,
        None if more.is_empty() => {
            cover::post(tx, counted, &share).await?;
            return Ok(Vec::new());
        }
        None => {
            let id = tx.clock().id();
            store::begin(tx, following(id, billing, facts, cover), now).await?
        }
    };
    cover::post(tx, next.facts.root.uuid(), &share).await?;
    if !more.is_empty() {
        let event = next.prior_answered(&left_over(claim), &more)?;
        change::happened(tx, &mut next, event, now).await?;
        if next.status != Status::Draft {
            look_through(tx, billing, &mut next, now).await?;
        }
    }
    let passed = more.into_iter().map(|(sequence, amount)| Passed {
        sequence,
        payer: next.facts.payer,
        coverage: next.facts.coverage,
        claim: next.facts.root.uuid(),
        amount,
    });
    Ok(passed.collect())
}

/// The claim to the next payer is prepared when the one before it is in the books.
async fn release(tx: &mut Tx, billing: &Billing, claim: &Claim) -> Result<(), ClaimError> {
    let is_over = match claim.status {
        Status::Posted | Status::Closed => true,
        // Unless another one takes its place.
        Status::Voided => claim.outstanding() == 0,
        _ => false,
    };
    if !is_over {
        return Ok(());
    }
    let Some(next) = store::waiting_for(&mut *tx.conn(), &claim.facts).await? else {
        return Ok(());
    };
    let Some(mut next) = store::lock(tx, next).await? else {
        return Ok(());
    };
    let now = tx.clock().now();
    let event = next.prior_answered(&left_over(claim), &[])?;
    change::happened(tx, &mut next, event, now).await?;
    look_through(tx, billing, &mut next, now).await?;
    Ok(())
}

async fn look_through(
    tx: &mut Tx,
    billing: &Billing,
    claim: &mut Claim,
    now: Timestamp,
) -> Result<(), Error> {
    let today = now.to_zoned(billing.zone.clone()).date();
    prepare::look_through(tx, claim, now, today).await
}

/// What a claim has left of each line, all in all.
fn left_over(claim: &Claim) -> Vec<(u16, i64)> {
    let lines = claim.facts.lines.iter();
    lines
        .map(|line| (line.sequence, line.position.left_over))
        .collect()
}

/// What the payers up to this one have made of a line.
const fn paid(position: &Position) -> PriorPayment {
    PriorPayment {
        paid: position.received + position.prior,
        forgone: position.written_off,
    }
}

/// What was done, for the plan of the next payer.
fn services(facts: &Facts) -> Vec<Service> {
    let service = |line: &Line| Service {
        sequence: line.sequence,
        at: line.served_at,
        code: line.code.clone(),
        category: line.category.clone(),
        visit: line.visit.to_string(),
        class: line.encounter_class.clone(),
        quantity: line.quantity,
        charge: Money {
            minor: line.charge,
            currency: facts.currency,
        },
        agreed: Vec::new(),
    };
    facts.lines.iter().map(service).collect()
}

/// A claim to a payer that nothing was to be asked of when the invoice was issued.
fn following(id: ClaimId, billing: &Billing, facts: &Facts, cover: &Cover) -> Facts {
    let lines: Vec<Line> = facts
        .lines
        .iter()
        .map(|line| Line {
            pre_authorisation: None,
            position: Position {
                prior: line.charge - line.position.left_over,
                left_over: line.position.left_over,
                ..Position::default()
            },
            ..line.clone()
        })
        .collect();
    let days = cover.plan.timely_filing_days.map(u32::from);
    Facts {
        id,
        root: id,
        replaces: None,
        invoice: facts.invoice,
        part: facts.part,
        patient: facts.patient,
        payer: cover.payer.uuid(),
        plan: cover.plan.id.clone(),
        plan_version: cover.plan.version.cast_signed(),
        coverage: cover.coverage,
        ordinal: facts.ordinal.saturating_add(1),
        after: Some(facts.id),
        currency: facts.currency,
        file_by: prepare::file_by(&lines, days, &billing.zone),
        lines,
    }
}

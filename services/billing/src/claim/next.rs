//! The payers after one that has answered: what that one leaves over, each of them in turn
//! is asked for as far as its plan pays it, before the patient is.
//!
//! When an invoice is issued, payers are asked for what their plans are expected to pay.
//! A payer that pays less leaves more. The plan of the next one is applied anew to what
//! those before have really paid, with its own rules of coordination, and its claim asks
//! for more; where there was nothing to ask it for, a claim is prepared. What it is not
//! asked for, the payer after it is, supposed that it pays what it is asked for. What
//! nobody is asked for, the patient owes.
//!
//! A payer that has its claim already is not interrupted: it hears of the rest when it has
//! answered, by a claim that takes the place of the first.

use std::collections::{BTreeMap, BTreeSet};

use galen_kernel::{Money, Timestamp};
use galen_storage::{Error, Tx};
use uuid::Uuid;

use super::denial::store::Action;
use super::error::ClaimError;
use super::event::Event;
use super::model::{Claim, ClaimId, Facts, Line, Status};
use super::position::{Moves, Position};
use super::{change, denial, prepare, store};
use crate::Billing;
use crate::adjudication::PriorPayment;
use crate::cover::{self, Cover, CoverError, Service, Share};
use crate::invoice::adjudicate::counted_without_claim;
use crate::invoice::model::{Invoice, InvoiceId};
use crate::invoice::store as invoices;

/// Who insures after a payer, by the place in the order of paying.
type Later = BTreeMap<u8, Cover>;

/// Who insures next, by the claim that is answered. Looked up before a transaction,
/// because others are asked for it.
#[derive(Debug, Default)]
pub struct Next(BTreeMap<ClaimId, Later>);

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
            let later = after(billing, *claim).await?;
            if !later.is_empty() {
                found.insert(*claim, later);
            }
        }
        Ok(Self(found))
    }
}

async fn after(billing: &Billing, claim: ClaimId) -> Result<Later, CoverError> {
    let Some(told) = store::get(billing.db.pool(), claim).await? else {
        return Ok(Later::new());
    };
    let facts = told.claim.facts;
    let invoice = {
        let mut db = billing.db.pool().acquire().await?;
        invoices::get(&mut db, InvoiceId::from_uuid(facts.invoice)).await?
    };
    let is_claimed = |charge: Uuid| facts.lines.iter().any(|line| line.charge_id == charge);
    let mut lines = invoice.iter().flat_map(|invoice| &invoice.lines);
    let Some(line) = lines.find(|line| is_claimed(line.charge.uuid())) else {
        return Ok(Later::new());
    };
    let shares = (1..).zip(&line.payers);
    let shares: Vec<(u8, Uuid)> = shares
        .filter(|(ordinal, _)| *ordinal > facts.ordinal)
        .map(|(ordinal, share)| (ordinal, share.coverage))
        .collect();
    if shares.is_empty() {
        return Ok(Later::new());
    }
    match cover::policies(billing, facts.patient, line.served_on).await {
        Ok(covers) => Ok(shares
            .into_iter()
            .filter_map(|(ordinal, coverage)| {
                let cover = covers.iter().find(|cover| cover.coverage == coverage)?;
                Some((ordinal, cover.clone()))
            })
            .collect()),
        // Nobody knows any more who insured them: the patient's estate is asked.
        Err(CoverError::UnknownPatient | CoverError::Erased) => Ok(Later::new()),
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
        Some(later) => pass(tx, billing, (before, claim), later).await?,
        None => Vec::new(),
    };
    release(tx, billing, claim).await?;
    Ok(passed)
}

async fn pass(
    tx: &mut Tx,
    billing: &Billing,
    (before, claim): (&Claim, &Claim),
    later: &Later,
) -> Result<Vec<Passed>, ClaimError> {
    let facts = &claim.facts;
    let moved = change::moved(before, claim);
    let mut left: BTreeMap<u16, i64> = moved
        .iter()
        .filter(|(_, moves)| moves.left_over > 0)
        .map(|(sequence, moves)| (*sequence, moves.left_over))
        .collect();
    if left.is_empty() {
        return Ok(Vec::new());
    }
    let mut known: BTreeMap<u8, Claim> = BTreeMap::new();
    for id in store::after(&mut *tx.conn(), facts).await? {
        if let Some(claim) = store::lock(tx, id).await? {
            known.insert(claim.facts.ordinal, claim);
        }
    }
    // Before the contracts, as whoever else takes both.
    let invoice = invoices::lock(tx, InvoiceId::from_uuid(facts.invoice)).await?;
    let forgone = forgone(&invoice, facts, &moved);
    let ordinals: BTreeSet<u8> = known.keys().chain(later.keys()).copied().collect();
    let (mut previous, mut passed) = (claim.clone(), Vec::new());
    for ordinal in ordinals {
        let asking = Asking {
            billing,
            invoice: &invoice,
            ordinal,
            cover: later.get(&ordinal),
            is_expected: previous.facts.id != facts.id,
            forgone: &forgone,
        };
        let Some((next, more)) = asking
            .ask(tx, &previous, known.remove(&ordinal), &left)
            .await?
        else {
            continue;
        };
        for (sequence, amount) in more {
            if let Some(left) = left.get_mut(&sequence) {
                *left -= amount;
            }
            passed.push(Passed {
                sequence,
                payer: next.facts.payer,
                coverage: next.facts.coverage,
                claim: next.facts.root.uuid(),
                amount,
            });
        }
        previous = next;
    }
    Ok(passed)
}

/// What the hospital has given up of each line so far.
fn forgone(invoice: &Invoice, facts: &Facts, moved: &[(u16, Moves)]) -> BTreeMap<u16, i64> {
    let of = |line: &Line| {
        let mut lines = invoice.lines.iter();
        let known = lines.find(|known| known.charge.uuid() == line.charge_id);
        let known = known.map_or(0, |known| known.contractual + known.denied);
        let now = moved.iter().find(|(of, _)| *of == line.sequence);
        (
            line.sequence,
            known + now.map_or(0, |(_, moves)| moves.written_off),
        )
    };
    facts.lines.iter().map(of).collect()
}

/// A payer that may be asked for what those before it leave.
struct Asking<'a> {
    billing: &'a Billing,
    invoice: &'a Invoice,
    /// Its place in the order of paying.
    ordinal: u8,
    /// By which policy; `None`: nobody knows it any more.
    cover: Option<&'a Cover>,
    /// The payer before has not answered yet, and is supposed to pay what it is asked for.
    is_expected: bool,
    forgone: &'a BTreeMap<u16, i64>,
}

impl Asking<'_> {
    /// Asks it, by the claim to it if there is one. Says how it is asked then, and for how
    /// much more; `None`: it has no claim, and needs none.
    async fn ask(
        &self,
        tx: &mut Tx,
        previous: &Claim,
        known: Option<Claim>,
        left: &BTreeMap<u16, i64>,
    ) -> Result<Option<(Claim, Vec<(u16, i64)>)>, ClaimError> {
        let now = tx.clock().now();
        let mut share = None;
        if let Some(cover) = self.cover {
            let counted = known.as_ref().map_or_else(
                || counted_without_claim(self.invoice, cover.coverage, previous.facts.part),
                |known| known.facts.root.uuid(),
            );
            let services = services(&previous.facts);
            let prior = self.prior(previous);
            let anew = cover::again(tx, counted, now, cover, &services, &prior).await?;
            share = Some((counted, anew));
        }
        let more = share
            .as_ref()
            .map_or_else(Vec::new, |(_, share)| more(share, known.as_ref(), left));
        let is_asked = |claim: &Claim| claim.status != Status::Voided;
        if more.is_empty() && !known.as_ref().is_some_and(is_asked) {
            if let Some((counted, share)) = &share {
                cover::post(tx, *counted, share).await?;
            }
            return Ok(None);
        }
        let mut next = match (known, self.cover) {
            (Some(known), _) if is_asked(&known) => known,
            // Withdrawn, so that it is asked anew: for all of it.
            (Some(known), _) => store::begin(tx, known.again(tx.clock().id()), now).await?,
            (None, Some(cover)) => {
                let facts = following(tx.clock().id(), self, &previous.facts, cover);
                store::begin(tx, facts, now).await?
            }
            (None, None) => return Ok(None),
        };
        let may_pay = next.status.is_unsubmitted() || next.outstanding() + next.received() > 0;
        if let Some((_, share)) = &share
            && (may_pay || !more.is_empty())
        {
            cover::post(tx, next.facts.root.uuid(), share).await?;
        }
        let event = next.prior_answered(&left_over(previous), &more)?;
        change::happened(tx, &mut next, event, now).await?;
        if matches!(next.status, Status::Scrubbed | Status::Ready) {
            look_through(tx, self.billing, &mut next, now).await?;
        }
        ask_again(tx, self.billing, &mut next).await?;
        Ok(Some((next, more)))
    }

    /// What the payers before have made of each line.
    fn prior(&self, previous: &Claim) -> Vec<PriorPayment> {
        let lines = previous.facts.lines.iter();
        lines
            .map(|line| {
                let position = &line.position;
                let open = if self.is_expected {
                    position.left_over
                } else {
                    position.left_over + position.outstanding
                };
                let settled = line.charge - open;
                let forgone = self.forgone.get(&line.sequence);
                let forgone = forgone.map_or(0, |forgone| (*forgone).min(settled));
                PriorPayment {
                    paid: settled - forgone,
                    forgone,
                }
            })
            .collect()
    }
}

/// How much more a payer pays of what is left of each line than it is asked for.
fn more(share: &Share, known: Option<&Claim>, left: &BTreeMap<u16, i64>) -> Vec<(u16, i64)> {
    left.iter()
        .map(|(sequence, left)| {
            let asked = known.and_then(|known| known.line(*sequence).ok());
            let asked = asked.map_or(0, |l| l.position.received + l.position.outstanding);
            (*sequence, (share.pays(*sequence) - asked).clamp(0, *left))
        })
        .filter(|(_, more)| *more > 0)
        .collect()
}

/// A payer has answered, and is asked for more than it had heard of: a claim for all of
/// it takes the place of this one. It is not submitted: that is for somebody to do.
pub(super) async fn ask_again(
    tx: &mut Tx,
    billing: &Billing,
    claim: &mut Claim,
) -> Result<(), ClaimError> {
    if !claim.is_behind() {
        return Ok(());
    }
    let now = tx.clock().now();
    let by: ClaimId = tx.clock().id();
    let replaced = Event::Replaced { by };
    claim.expect(&replaced)?;
    let facts = claim.replacement(by, &[]);
    change::happened(tx, claim, replaced, now).await?;
    *claim = store::begin(tx, facts, now).await?;
    look_through(tx, billing, claim, now).await?;
    denial::store::worked(tx, claim, Action::Correct).await?;
    Ok(())
}

/// The claim to the next payer is prepared when those before it are in the books.
async fn release(tx: &mut Tx, billing: &Billing, claim: &Claim) -> Result<(), ClaimError> {
    let mut previous = claim.clone();
    if !is_over(&previous) {
        return Ok(());
    }
    for next in store::after(&mut *tx.conn(), &claim.facts).await? {
        let Some(mut next) = store::lock(tx, next).await? else {
            return Ok(());
        };
        if next.status == Status::Draft {
            let now = tx.clock().now();
            let event = next.prior_answered(&left_over(&previous), &[])?;
            change::happened(tx, &mut next, event, now).await?;
            look_through(tx, billing, &mut next, now).await?;
        }
        if !is_over(&next) {
            return Ok(());
        }
        previous = next;
    }
    Ok(())
}

fn is_over(claim: &Claim) -> bool {
    match claim.status {
        Status::Posted | Status::Closed => !claim.is_behind(),
        // Unless another one takes its place.
        Status::Voided => claim.outstanding() == 0,
        _ => false,
    }
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
fn following(id: ClaimId, asking: &Asking<'_>, facts: &Facts, cover: &Cover) -> Facts {
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
        ordinal: asking.ordinal,
        after: Some(facts.id),
        currency: facts.currency,
        file_by: prepare::file_by(&lines, days, &asking.billing.zone),
        lines,
    }
}

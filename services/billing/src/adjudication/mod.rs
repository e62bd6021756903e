//! Adjudication: what a plan pays of a claim, what the patient owes, and why.
//!
//! [`adjudicate`] is a pure function of a claim, a policy, a plan and what was counted
//! before: the same inputs give the same answer, and an estimate is the same call as the
//! real thing. It changes no accumulator; it says by how much they are to change.
//!
//! **Order.** Lines are taken by date and sequence. For each: is it late, is it there
//! twice, was the policy in force; which benefit is it; is that covered, agreed to,
//! within its limits; what may it cost. Then the patient's share in the steps of the
//! plan, with the maximum out of pocket looked at after every step; then the maximum of
//! the plan, and penalties; then what others have paid.
//!
//! **Balance.** For every line: submitted = written off + denied + paid by others + paid
//! by the plan + owed by the patient, each of them at least nothing. Shares are rounded
//! once, and what the patient does not owe the plan pays, so that nothing is lost
//! between the two.
//!
//! Reasons are claim adjustment reason codes (X12 CARC).

mod claim;
mod counters;
mod explain;
mod line;
#[cfg(test)]
mod properties;
mod share;
#[cfg(test)]
mod vectors;

pub use claim::{Agreement, Claim, ClaimLine, Policy, PriorPayment};
pub use counters::{Counted, Counters, Delta, Key, Scope};
pub use explain::{Adjudication, LineResult, Owed, Reason, Stage, TraceEntry};

use std::collections::BTreeSet;

use crate::plan::Plan;
use line::{Context, Open};

/// Why there is no answer at all: the claim does not fit the plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdjudicationError {
    /// The plan names a zone that this machine does not know.
    #[error("{0} is not a time zone")]
    Zone(String),
    /// An amount is negative, or a quantity is nothing.
    #[error("line {0} has a negative amount or no quantity")]
    Line(u16),
    /// Two lines have the same number.
    #[error("two lines are number {0}")]
    Sequence(u16),
    /// The sums of the claim leave 64 bits.
    #[error("the claim is too large")]
    Overflow,
}

/// Applies a plan to a claim.
///
/// # Errors
/// [`AdjudicationError`]: about the input, never about what is covered.
pub fn adjudicate(
    plan: &Plan,
    policy: &Policy,
    claim: &Claim,
    before: &Counters,
) -> Result<Adjudication, AdjudicationError> {
    let zone = jiff::tz::TimeZone::get(&plan.benefit_year.zone)
        .map_err(|_| AdjudicationError::Zone(plan.benefit_year.zone.clone()))?;
    check(claim)?;
    let context = Context {
        plan,
        policy,
        claim,
        zone: &zone,
    };
    let mut order: Vec<&ClaimLine> = claim.lines.iter().collect();
    order.sort_by_key(|line| (context.date(line), line.sequence));

    let mut counters = before.clone();
    let mut seen = BTreeSet::new();
    // First what each may cost at all, then who pays it: a payment that is due once for
    // the claim is spread over what is covered.
    let mut open: Vec<Open<'_>> = order
        .into_iter()
        .map(|line| context.cost(line, &mut seen, &mut counters))
        .collect();
    share::out_of_pocket(&context, &mut open, &mut counters);
    let mut lines: Vec<LineResult> = open
        .into_iter()
        .map(|line| context.settle(line, &mut counters))
        .collect();
    lines.sort_by_key(|line| line.sequence);
    Ok(Adjudication {
        lines,
        deltas: counters.since(before),
    })
}

fn check(claim: &Claim) -> Result<(), AdjudicationError> {
    let mut sequences = BTreeSet::new();
    let mut total = 0_i64;
    for line in &claim.lines {
        let amounts = [Some(line.charge), line.price];
        if line.quantity == 0 || amounts.into_iter().flatten().any(i64::is_negative) {
            return Err(AdjudicationError::Line(line.sequence));
        }
        if !sequences.insert(line.sequence) {
            return Err(AdjudicationError::Sequence(line.sequence));
        }
        let price = line.price.unwrap_or(0);
        let agreed = price.checked_mul(i64::from(line.quantity));
        total = total
            .checked_add(line.charge)
            .filter(|_| agreed.is_some())
            .ok_or(AdjudicationError::Overflow)?;
    }
    Ok(())
}

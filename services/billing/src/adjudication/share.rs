//! The patient's share of what is covered: the steps of the benefit, and after every
//! step the maximum out of pocket.

use std::collections::BTreeMap;

use super::counters::Counters;
use super::explain::{Reason, Stage};
use super::line::{Context, Open};
use crate::plan::model::{CopayPer, Counted};
use crate::plan::share::spread;
use crate::plan::{AccumulatorKind, Coordination, Step};

/// A fixed payment that several lines share: of which benefit, by which step, and for
/// which visit or day.
type Once = (String, usize, String);

/// Takes the patient's share of every line, in order.
pub(super) fn out_of_pocket(
    context: &Context<'_>,
    lines: &mut [Open<'_>],
    counters: &mut Counters,
) {
    let spread = per_claim(lines);
    let mut taken: BTreeMap<Once, i64> = BTreeMap::new();
    for (place, open) in lines.iter_mut().enumerate() {
        if context.plan.coordination == Coordination::CarveOut
            && let Some(prior) = open.line.prior
        {
            // Only what others left is shared; the rest of the sums is set right when
            // the line is settled.
            open.covered -= prior.paid.clamp(0, open.covered);
        }
        let Some(benefit) = open.benefit else {
            continue;
        };
        for (step, what) in benefit.cost_share.iter().enumerate() {
            let left = open.covered - open.share;
            let rule = format!("{}/{step}", benefit.id);
            let done = match what {
                Step::Copay {
                    amount,
                    per,
                    waived_in,
                } => {
                    if waived_in.contains(&open.line.encounter_class) {
                        continue;
                    }
                    let key = |what: &str| (benefit.id.clone(), step, what.to_owned());
                    let wanted = match per {
                        CopayPer::Line => *amount,
                        CopayPer::Claim => spread.get(&(place, step)).copied().unwrap_or(0),
                        CopayPer::Visit => amount - taken.get(&key(&open.line.visit)).unwrap_or(&0),
                        CopayPer::Day => {
                            amount - taken.get(&key(&open.date.to_string())).unwrap_or(&0)
                        }
                    };
                    let pays = wanted.min(left);
                    let once = match per {
                        CopayPer::Visit => Some(key(&open.line.visit)),
                        CopayPer::Day => Some(key(&open.date.to_string())),
                        CopayPer::Line | CopayPer::Claim => None,
                    };
                    if let Some(once) = once {
                        *taken.entry(once).or_default() += pays;
                    }
                    take(context, open, counters, Counted::Copay, &rule, pays)
                }
                Step::Deductible { accumulator } => {
                    let Some(accumulator) = context.plan.accumulator(accumulator) else {
                        continue;
                    };
                    let pays = left.min(context.remaining(accumulator, open, counters));
                    let before = open.share;
                    let done = take(context, open, counters, Counted::Deductible, &rule, pays);
                    // What the maximum out of pocket cut off was not paid.
                    context.count(accumulator, open, counters, open.share - before);
                    done
                }
                Step::Coinsurance {
                    patient,
                    floor,
                    ceiling,
                } => {
                    let part = patient.of(left, context.plan.rounding);
                    let part = part.max(floor.unwrap_or(0));
                    let pays = part.min(ceiling.unwrap_or(i64::MAX)).min(left);
                    take(context, open, counters, Counted::Coinsurance, &rule, pays)
                }
                Step::Cap { amount } => {
                    give_back(context, open, counters, &rule, *amount);
                    false
                }
            };
            if done {
                break;
            }
        }
    }
}

/// The parts of payments that are due once for the claim, by line and step: over the
/// lines of the benefit, by what is covered of each.
fn per_claim(lines: &[Open<'_>]) -> BTreeMap<(usize, usize), i64> {
    let mut parts = BTreeMap::new();
    let mut benefits: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, open) in lines.iter().enumerate() {
        if let Some(benefit) = open.benefit {
            benefits.entry(&benefit.id).or_default().push(place);
        }
    }
    for places in benefits.values() {
        let Some(benefit) = lines[places[0]].benefit else {
            continue;
        };
        for (step, what) in benefit.cost_share.iter().enumerate() {
            let Step::Copay {
                amount,
                per: CopayPer::Claim,
                waived_in,
            } = what
            else {
                continue;
            };
            let due: Vec<usize> = places
                .iter()
                .copied()
                .filter(|place| !waived_in.contains(&lines[*place].line.encounter_class))
                .collect();
            let weights: Vec<i64> = due.iter().map(|place| lines[*place].covered).collect();
            for (place, part) in due.into_iter().zip(spread(*amount, &weights)) {
                parts.insert((place, step), part);
            }
        }
    }
    parts
}

/// Has the patient pay, up to the maximum out of pocket; true when that is reached, and
/// no further step applies.
fn take(
    context: &Context<'_>,
    open: &mut Open<'_>,
    counters: &mut Counters,
    kind: Counted,
    rule: &str,
    pays: i64,
) -> bool {
    let basis = open.covered - open.share;
    let reason = match kind {
        Counted::Copay => Reason::Copay,
        Counted::Deductible => Reason::Deductible,
        Counted::Coinsurance => Reason::Coinsurance,
    };
    let maxima = context.plan.accumulators.iter().filter(|accumulator| {
        accumulator.kind == AccumulatorKind::OutOfPocketMax && accumulator.counts.contains(&kind)
    });
    let bound = maxima
        .clone()
        .map(|accumulator| (context.remaining(accumulator, open, counters), accumulator))
        .min_by_key(|(left, _)| *left);
    let within = bound.map_or(pays, |(left, _)| pays.min(left));
    for accumulator in maxima {
        context.count(accumulator, open, counters, within);
    }
    owed(open, kind, within);
    open.explain(Stage::CostShare, rule, basis, within, Some(reason));
    match bound {
        Some((left, accumulator)) if pays >= left => {
            let id = accumulator.id.clone();
            open.explain(Stage::OutOfPocket, id, pays, pays - within, None);
            true
        }
        _ => false,
    }
}

fn owed(open: &mut Open<'_>, kind: Counted, by: i64) {
    open.share += by;
    let owed = &mut open.result.owed;
    match kind {
        Counted::Copay => owed.copay += by,
        Counted::Deductible => owed.deductible += by,
        Counted::Coinsurance => owed.coinsurance += by,
    }
}

/// The patient pays no more than this for the line: what is above comes off the last
/// kinds first, and does not count anywhere.
fn give_back(
    context: &Context<'_>,
    open: &mut Open<'_>,
    counters: &mut Counters,
    rule: &str,
    most: i64,
) {
    let basis = open.share;
    let mut above = (open.share - most).max(0);
    for kind in [Counted::Coinsurance, Counted::Copay] {
        let has = match kind {
            Counted::Coinsurance => open.result.owed.coinsurance,
            _ => open.result.owed.copay,
        };
        let back = above.min(has);
        above -= back;
        owed(open, kind, -back);
        for accumulator in context.plan.accumulators.iter().filter(|accumulator| {
            accumulator.kind == AccumulatorKind::OutOfPocketMax
                && accumulator.counts.contains(&kind)
        }) {
            context.count(accumulator, open, counters, -back);
        }
    }
    let back = basis - open.share;
    open.explain(Stage::CostShare, rule, basis, back, None);
}

//! What a plan may not say: contradictions that would only show when somebody is ill.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::model::{AccumulatorKind, Plan, Step};

/// Why a document is not a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {reason}")]
pub struct PlanError {
    /// Where in the document (RFC 6901).
    pub pointer: String,
    /// What is wrong there.
    pub reason: &'static str,
}

/// Everything that is wrong with a plan; nothing when it can be used.
#[must_use]
pub fn validate(plan: &Plan) -> Vec<PlanError> {
    let mut wrong = Vec::new();
    let mut say = |pointer: String, reason| wrong.push(PlanError { pointer, reason });
    if TimeZone::get(&plan.benefit_year.zone).is_err() {
        say("/benefitYear/zone".to_owned(), "is not a time zone");
    }
    let mut known = BTreeSet::new();
    for (place, accumulator) in plan.accumulators.iter().enumerate() {
        let at = |field: &str| format!("/accumulators/{place}/{field}");
        if !known.insert(accumulator.id.as_str()) {
            say(at("id"), "is the name of another one");
        }
        let limits = [accumulator.individual, accumulator.family];
        if limits.iter().flatten().count() == 0 {
            say(at("individual"), "there is no limit");
        }
        for limit in limits.into_iter().flatten() {
            if limit < 0 {
                say(at("individual"), "must not be negative");
            }
        }
        let counts = accumulator.kind == AccumulatorKind::OutOfPocketMax;
        if counts == accumulator.counts.is_empty() {
            say(at("counts"), "is for maxima out of pocket, which need it");
        }
    }
    let kind = |id: &str| plan.accumulator(id).map(|accumulator| accumulator.kind);
    let mut names = BTreeSet::new();
    for (place, benefit) in plan.benefits.iter().enumerate() {
        let at = |field: &str| format!("/benefits/{place}/{field}");
        if !names.insert(benefit.id.as_str()) {
            say(at("id"), "is the name of another one");
        }
        for (limit, id) in benefit.limits.iter().enumerate() {
            let bounds = [
                AccumulatorKind::BenefitMax,
                AccumulatorKind::Visits,
                AccumulatorKind::Units,
            ];
            if !kind(id).is_some_and(|kind| bounds.contains(&kind)) {
                let reason = "must name an accumulator of visits, units or payments";
                say(at(&format!("limits/{limit}")), reason);
            }
        }
        for (step, what) in benefit.cost_share.iter().enumerate() {
            let at = |field: &str| at(&format!("costShare/{step}/{field}"));
            match what {
                Step::Copay(copay) if copay.amount < 0 => {
                    say(at("amount"), "must not be negative");
                }
                Step::Cap { amount } if *amount < 0 => say(at("amount"), "must not be negative"),
                Step::Deductible { accumulator }
                    if kind(accumulator) != Some(AccumulatorKind::Deductible) =>
                {
                    say(at("accumulator"), "must name a deductible");
                }
                Step::Coinsurance { floor, ceiling, .. } => {
                    if floor.is_some_and(|floor| floor < 0) {
                        say(at("floor"), "must not be negative");
                    }
                    if ceiling.is_some_and(|ceiling| ceiling < floor.unwrap_or(0)) {
                        say(at("ceiling"), "must not be below the floor");
                    }
                }
                Step::Copay(_) | Step::Cap { .. } | Step::Deductible { .. } => {}
            }
        }
    }
    if plan.benefits.is_empty() {
        say("/benefits".to_owned(), "there must be one");
    }
    wrong
}

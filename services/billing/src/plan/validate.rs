//! What a plan may not say: contradictions that would only show when somebody is ill.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use jiff::tz::TimeZone;

use super::model::{AccumulatorKind, LARGEST, Plan, Step};

/// Most accumulators, and most benefits, of a plan.
const MOST: usize = 500;
const IN_BOUNDS: RangeInclusive<i64> = 0..=LARGEST;
const BOUNDS: &str = "must be 0 to 1000000000000";
const NAME: &str = "must be 1 to 64 letters, digits, dots, hyphens and underscores";

/// Why a document is not a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {reason}")]
pub struct PlanError {
    /// Where in the document (RFC 6901).
    pub pointer: String,
    /// What is wrong there.
    pub reason: &'static str,
}

/// Whether a text can name a plan or a part of one.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    begins && text.len() <= 64 && text.chars().all(plain)
}

/// Everything that is wrong with a plan; nothing when it can be used.
#[must_use]
pub fn validate(plan: &Plan) -> Vec<PlanError> {
    let mut wrong = Vec::new();
    let mut say = |pointer: String, reason| wrong.push(PlanError { pointer, reason });
    if TimeZone::get(&plan.benefit_year.zone).is_err() {
        say("/benefitYear/zone".to_owned(), "is not a time zone");
    }
    if !is_name(&plan.id) {
        say("/id".to_owned(), NAME);
    }
    if !(1..=1_000_000).contains(&plan.version) {
        say("/version".to_owned(), "must be 1 to 1000000");
    }
    if plan.accumulators.len() > MOST || plan.benefits.len() > MOST {
        say("/benefits".to_owned(), "there may be 500 of each");
    }
    let mut known = BTreeSet::new();
    for (place, accumulator) in plan.accumulators.iter().enumerate() {
        let at = |field: &str| format!("/accumulators/{place}/{field}");
        if !is_name(&accumulator.id) {
            say(at("id"), NAME);
        }
        if !known.insert(accumulator.id.as_str()) {
            say(at("id"), "is the name of another one");
        }
        let limits = [accumulator.individual, accumulator.family];
        if limits.iter().flatten().count() == 0 {
            say(at("individual"), "there is no limit");
        }
        for limit in limits.into_iter().flatten() {
            if !IN_BOUNDS.contains(&limit) {
                say(at("individual"), BOUNDS);
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
        if !is_name(&benefit.id) {
            say(at("id"), NAME);
        }
        if let Some(asked) = &benefit.pre_authorisation
            && asked.above.is_some_and(|above| !IN_BOUNDS.contains(&above))
        {
            say(at("preAuthorisation/above"), BOUNDS);
        }
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
                Step::Copay { amount, .. } if !IN_BOUNDS.contains(amount) => {
                    say(at("amount"), BOUNDS);
                }
                Step::Cap { amount } if !IN_BOUNDS.contains(amount) => say(at("amount"), BOUNDS),
                Step::Deductible { accumulator }
                    if kind(accumulator) != Some(AccumulatorKind::Deductible) =>
                {
                    say(at("accumulator"), "must name a deductible");
                }
                Step::Coinsurance { floor, ceiling, .. } => {
                    if floor.is_some_and(|floor| !IN_BOUNDS.contains(&floor)) {
                        say(at("floor"), BOUNDS);
                    }
                    if ceiling.is_some_and(|ceiling| !IN_BOUNDS.contains(&ceiling)) {
                        say(at("ceiling"), BOUNDS);
                    }
                    if ceiling.is_some_and(|ceiling| ceiling < floor.unwrap_or(0)) {
                        say(at("ceiling"), "must not be below the floor");
                    }
                }
                Step::Copay { .. } | Step::Cap { .. } | Step::Deductible { .. } => {}
            }
        }
    }
    if plan.benefits.is_empty() {
        say("/benefits".to_owned(), "there must be one");
    }
    wrong
}

//! One line: what it may cost, and what becomes of it.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::claim::{Claim, ClaimLine, Policy};
use super::counters::{Counters, Key, Scope};
use super::explain::{LineResult, Owed, Reason, Stage, TraceEntry};
use crate::plan::model::Anchor;
use crate::plan::{
    Accumulator, AccumulatorKind, Benefit, Coordination, Match, Period, Plan, PreAuthorisation,
    Pricing, Unauthorised,
};

/// What everything is decided by.
pub(super) struct Context<'a> {
    pub(super) plan: &'a Plan,
    pub(super) policy: &'a Policy,
    pub(super) claim: &'a Claim,
    pub(super) zone: &'a TimeZone,
}

/// A line under way.
pub(super) struct Open<'a> {
    pub(super) line: &'a ClaimLine,
    pub(super) date: Date,
    /// The benefit whose steps apply; `None` when it is decided already.
    pub(super) benefit: Option<&'a Benefit>,
    pub(super) result: LineResult,
    /// What is covered: of this the patient pays a share.
    pub(super) covered: i64,
    /// The patient's share so far, of what is covered.
    pub(super) share: i64,
    /// What others have paid.
    before: i64,
    /// The part of the payment that the patient pays for want of an agreement.
    penalty: Option<(crate::plan::Share, &'a str)>,
}

/// What makes two lines the same.
pub(super) type Twin = (String, Date, String, u32, i64);

impl Open<'_> {
    pub(super) fn explain(
        &mut self,
        stage: Stage,
        rule: impl Into<String>,
        basis: i64,
        amount: i64,
        reason: Option<Reason>,
    ) {
        if let Some(reason) = reason
            && amount != 0
            && !self.result.reasons.contains(&reason)
        {
            self.result.reasons.push(reason);
        }
        self.result.trace.push(TraceEntry {
            stage,
            rule: rule.into(),
            basis,
            amount,
            left: self.covered - self.share,
            reason,
        });
    }

    /// The patient owes all of it.
    fn not_covered(mut self, stage: Stage, rule: &str, reason: Reason) -> Self {
        self.benefit = None;
        self.result.owed.not_covered = self.result.submitted - self.result.written_off;
        let submitted = self.result.submitted;
        self.explain(stage, rule, submitted, submitted, Some(reason));
        self
    }

    /// Nobody pays it.
    fn denied(mut self, stage: Stage, rule: &str, reason: Reason) -> Self {
        self.benefit = None;
        // What others have paid stays paid.
        self.result.denied = self.result.submitted - self.result.written_off - self.before;
        let submitted = self.result.submitted;
        self.explain(stage, rule, submitted, submitted, Some(reason));
        self
    }
}

impl<'a> Context<'a> {
    /// The day of a service, where the plan's midnight is.
    pub(super) fn date(&self, line: &ClaimLine) -> Date {
        line.served_at.to_zoned(self.zone.clone()).date()
    }

    /// What a line may cost, and how much of it is covered.
    pub(super) fn cost(
        &self,
        line: &'a ClaimLine,
        seen: &mut BTreeSet<Twin>,
        counters: &mut Counters,
    ) -> Open<'a> {
        let date = self.date(line);
        let prior = line.prior.unwrap_or_default();
        let forgone = prior.forgone.clamp(0, line.charge);
        let mut open = Open {
            line,
            date,
            benefit: None,
            covered: 0,
            share: 0,
            before: prior.paid.clamp(0, line.charge - forgone),
            penalty: None,
            result: LineResult {
                sequence: line.sequence,
                benefit: None,
                submitted: line.charge,
                allowed: 0,
                written_off: forgone,
                denied: 0,
                prior: 0,
                paid: 0,
                owed: Owed::default(),
                reasons: Vec::new(),
                trace: Vec::new(),
            },
        };
        let twin = (
            line.code.clone(),
            date,
            line.visit.clone(),
            line.quantity,
            line.charge,
        );
        if !seen.insert(twin) {
            return open.denied(Stage::Scrub, "duplicate", Reason::Duplicate);
        }
        let submitted_on = self.claim.submitted_at.to_zoned(self.zone.clone()).date();
        if let Some(days) = self.plan.timely_filing_days
            && days_between(date, submitted_on) > i64::from(days)
        {
            return open.denied(Stage::Scrub, "timely filing", Reason::TooLate);
        }
        if date < self.policy.from {
            return open.not_covered(Stage::Coverage, "policy", Reason::BeforeCoverage);
        }
        if self.policy.to.is_some_and(|end| date >= end) {
            return open.not_covered(Stage::Coverage, "policy", Reason::AfterCoverage);
        }
        let Some(benefit) = self.benefit(line, date) else {
            return open.not_covered(Stage::Benefit, "no benefit", Reason::NotCovered);
        };
        open.result.benefit = Some(benefit.id.clone());
        if !benefit.covered {
            return open.not_covered(Stage::Benefit, &benefit.id, Reason::Excluded);
        }
        if days_between(self.policy.from, date) < i64::from(benefit.waiting_days) {
            return open.not_covered(Stage::Benefit, &benefit.id, Reason::Waiting);
        }
        open.benefit = Some(benefit);
        if let Some(asked) = &benefit.pre_authorisation
            && !is_agreed(asked, line, date)
        {
            match asked.otherwise {
                Unauthorised::Deny => {
                    return open.denied(Stage::Agreement, &benefit.id, Reason::Unauthorised);
                }
                Unauthorised::Penalty { share } => open.penalty = Some((share, &benefit.id)),
            }
        }
        self.price(&mut open, benefit);
        self.limit(&mut open, benefit, counters);
        open
    }

    /// The benefit of a line: the highest, the most specific, the first by its name.
    fn benefit(&self, line: &ClaimLine, date: Date) -> Option<&'a Benefit> {
        let age = age(self.policy.birth_date, date);
        self.plan
            .benefits
            .iter()
            .filter(|benefit| matches(&benefit.matches, line, age))
            .max_by(|a, b| {
                (a.priority, a.matches.says())
                    .cmp(&(b.priority, b.matches.says()))
                    .then_with(|| b.id.cmp(&a.id))
            })
    }

    fn price(&self, open: &mut Open<'_>, benefit: &Benefit) {
        let (line, rounding) = (open.line, self.plan.rounding);
        let agreed = match benefit.pricing {
            Pricing::Contract => line
                .price
                .map_or(line.charge, |price| price * i64::from(line.quantity)),
            Pricing::ShareOfCharge { share } => share.of(line.charge, rounding),
        };
        let asked = line.charge - open.result.written_off;
        let allowed = agreed.min(asked);
        let above = asked - allowed;
        let is_billed = line
            .network
            .as_ref()
            .is_some_and(|network| self.plan.balance_billing.contains(network));
        if is_billed {
            open.result.owed.balance_bill = above;
        } else {
            // No contract takes back what others have paid already.
            open.result.written_off += above.min(asked - open.before);
        }
        open.result.allowed = allowed;
        open.covered = allowed;
        open.explain(
            Stage::Pricing,
            &benefit.id,
            asked,
            above,
            Some(Reason::AboveContract),
        );
    }

    /// What is above a limit of visits or units is the patient's.
    fn limit(&self, open: &mut Open<'_>, benefit: &Benefit, counters: &mut Counters) {
        for id in &benefit.limits {
            let Some(accumulator) = self.plan.accumulator(id) else {
                continue;
            };
            let wanted = match accumulator.kind {
                AccumulatorKind::Units => i64::from(open.line.quantity),
                AccumulatorKind::Visits if self.is_counted(accumulator, open, counters) => continue,
                AccumulatorKind::Visits => 1,
                _ => continue,
            };
            let left = self.remaining(accumulator, open, counters);
            let within = wanted.min(left);
            self.count(accumulator, open, counters, within);
            if accumulator.kind == AccumulatorKind::Visits && within == 1 {
                counters.add(&self.visited(accumulator, open), 1);
            }
            // Whole units: the patient pays for those that are above.
            let basis = open.covered;
            let inside = i128::from(basis) * i128::from(within) / i128::from(wanted);
            let inside = i64::try_from(inside).expect("a part of what is covered");
            let above = basis - inside;
            open.covered = inside;
            open.result.owed.not_covered += above;
            open.explain(Stage::Limit, id, basis, above, Some(Reason::MaximumReached));
        }
    }

    /// A visit is counted once, however many lines it has: remembered under a name of
    /// its own.
    fn visited(&self, accumulator: &Accumulator, open: &Open<'_>) -> Key {
        Key {
            accumulator: format!("{}/visit", accumulator.id),
            scope: Scope::Individual(self.policy.member.clone()),
            period: open.line.visit.clone(),
        }
    }

    fn is_counted(&self, accumulator: &Accumulator, open: &Open<'_>, counters: &Counters) -> bool {
        counters.get(&self.visited(accumulator, open)) > 0
    }

    /// The limits of an accumulator, with what is counted against each.
    fn limits(&self, accumulator: &Accumulator, open: &Open<'_>) -> Vec<(Key, i64)> {
        let period = self.period(accumulator.period, open);
        let key = |scope| Key {
            accumulator: accumulator.id.clone(),
            scope,
            period: period.clone(),
        };
        let individual = accumulator
            .individual
            .map(|limit| (key(Scope::Individual(self.policy.member.clone())), limit));
        let family = accumulator
            .family
            .map(|limit| (key(Scope::Family(self.policy.contract.clone())), limit));
        individual.into_iter().chain(family).collect()
    }

    /// What is left until the first of its limits.
    pub(super) fn remaining(
        &self,
        accumulator: &Accumulator,
        open: &Open<'_>,
        counters: &Counters,
    ) -> i64 {
        self.limits(accumulator, open)
            .iter()
            .map(|(key, limit)| (limit - counters.get(key)).max(0))
            .min()
            .unwrap_or(i64::MAX)
    }

    /// Counts towards all of its limits.
    pub(super) fn count(
        &self,
        accumulator: &Accumulator,
        open: &Open<'_>,
        counters: &mut Counters,
        by: i64,
    ) {
        for (key, _) in self.limits(accumulator, open) {
            counters.add(&key, by);
        }
    }

    fn period(&self, period: Period, open: &Open<'_>) -> String {
        match period {
            Period::Year => year(self.plan.benefit_year.anchor, self.policy.from, open.date),
            Period::Lifetime => String::new(),
            Period::Visit => open.line.visit.clone(),
            Period::Day => open.date.to_string(),
        }
    }

    /// What the plan pays of what the patient does not, with the maxima of the plan,
    /// the penalty and what others have paid.
    pub(super) fn settle(&self, mut open: Open<'a>, counters: &mut Counters) -> LineResult {
        let Some(benefit) = open.benefit else {
            self.coordinate(&mut open, 0);
            return open.result;
        };
        let mut pays = open.covered - open.share;
        let maxima = benefit
            .limits
            .iter()
            .filter_map(|id| self.plan.accumulator(id))
            .filter(|accumulator| accumulator.kind == AccumulatorKind::BenefitMax);
        for accumulator in maxima.clone() {
            let cut = pays - pays.min(self.remaining(accumulator, &open, counters));
            open.result.owed.not_covered += cut;
            open.explain(
                Stage::BenefitMax,
                &accumulator.id,
                pays,
                cut,
                Some(Reason::MaximumReached),
            );
            pays -= cut;
        }
        if let Some((share, rule)) = open.penalty {
            let penalty = share.of(pays, self.plan.rounding);
            open.result.owed.penalty = penalty;
            open.explain(
                Stage::Penalty,
                rule,
                pays,
                penalty,
                Some(Reason::Unauthorised),
            );
            pays -= penalty;
        }
        pays = self.coordinate(&mut open, pays);
        for accumulator in maxima {
            self.count(accumulator, &open, counters, pays);
        }
        open.result.paid = pays;
        open.result
    }

    /// Others have paid: what the plan pays now, and what the patient still owes.
    fn coordinate(&self, open: &mut Open<'_>, pays: i64) -> i64 {
        let Some(prior) = open.line.prior else {
            return pays;
        };
        let result = &open.result;
        let due = result.submitted - result.written_off - result.denied;
        let prior = prior.paid.clamp(0, due);
        let left = due - prior;
        let pays_now = match self.plan.coordination {
            // Carved out before the shares were taken.
            Coordination::Standard | Coordination::CarveOut => pays.min(left),
            Coordination::NonDuplication => (pays - prior).clamp(0, left),
        };
        open.result.prior = prior;
        reduce(&mut open.result.owed, left - pays_now);
        open.explain(
            Stage::Coordination,
            "prior payer",
            pays,
            prior,
            Some(Reason::PriorPayer),
        );
        pays_now
    }
}

/// Makes what a patient owes come to a total: with more money from others less is owed,
/// with less more, and it is the last kinds that change.
fn reduce(owed: &mut Owed, total: i64) {
    let mut left = total;
    let mut take = |kind: &mut i64| {
        *kind = (*kind).min(left);
        left -= *kind;
    };
    take(&mut owed.balance_bill);
    take(&mut owed.penalty);
    take(&mut owed.not_covered);
    take(&mut owed.copay);
    take(&mut owed.deductible);
    take(&mut owed.coinsurance);
    owed.not_covered += left;
}

fn is_agreed(asked: &PreAuthorisation, line: &ClaimLine, date: Date) -> bool {
    let needed = asked.above.is_none_or(|above| line.charge > above);
    let agreed = |agreement: &super::Agreement| (agreement.from..=agreement.to).contains(&date);
    !needed || line.agreement.as_ref().is_some_and(agreed)
}

fn matches(rule: &Match, line: &ClaimLine, age: i16) -> bool {
    let among =
        |named: &[String], value: &str| named.is_empty() || named.iter().any(|name| name == value);
    among(&rule.codes, &line.code)
        && among(&rule.categories, &line.category)
        && among(&rule.encounter_classes, &line.encounter_class)
        && (rule.networks.is_empty()
            || line
                .network
                .as_ref()
                .is_some_and(|network| rule.networks.contains(network)))
        && rule
            .min_age
            .is_none_or(|min| i32::from(age) >= i32::from(min))
        && rule
            .max_age
            .is_none_or(|max| i32::from(age) <= i32::from(max))
}

/// Full years on a day.
fn age(born: Date, on: Date) -> i16 {
    let had_birthday = (on.month(), on.day()) >= (born.month(), born.day());
    on.year() - born.year() - i16::from(!had_birthday)
}

/// The first day of the year of benefits that a day is in. A policy that began on the
/// 29th of February has its years begin on the last day of February.
fn year(anchor: Anchor, began: Date, day: Date) -> String {
    let first = |year: i16| match anchor {
        Anchor::Calendar => jiff::civil::date(year, 1, 1),
        Anchor::Policy => Date::new(year, began.month(), began.day())
            .unwrap_or_else(|_| jiff::civil::date(year, began.month(), 28)),
    };
    let this = first(day.year());
    let start = if day < this {
        first(day.year() - 1)
    } else {
        this
    };
    start.to_string()
}

fn days_between(from: Date, to: Date) -> i64 {
    i64::from(from.until(to).map_or(0, |span| span.get_days()))
}

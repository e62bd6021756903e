//! What holds for every plan and every claim.

use proptest::prelude::*;

use super::vectors::{anna, at, claim, line};
use super::{Adjudication, Claim, ClaimLine, Counters, Key, PriorPayment, Scope, adjudicate};
use crate::plan::model::{Anchor, Counted};
use crate::plan::{
    Accumulator, AccumulatorKind, Benefit, BenefitYear, Coordination, CopayPer, Match, Period,
    Plan, PreAuthorisation, Pricing, Rounding, Share, Step, Unauthorised, validate,
};

fn share() -> impl Strategy<Value = Share> {
    (0_u32..=100, 0_u32..10_000).prop_map(|(percent, rest)| {
        let rest = if percent == 100 { 0 } else { rest };
        format!("{percent}.{rest:04}")
            .parse()
            .expect("a percentage")
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let per = prop_oneof![
        Just(CopayPer::Line),
        Just(CopayPer::Visit),
        Just(CopayPer::Day),
        Just(CopayPer::Claim)
    ];
    let step = prop_oneof![
        (0_i64..5_000, per).prop_map(|(amount, per)| Step::Copay {
            amount,
            per,
            waived_in: Vec::new()
        }),
        Just(Step::Deductible {
            accumulator: "deductible".to_owned()
        }),
        (
            share(),
            proptest::option::of(0_i64..500),
            proptest::option::of(500_i64..5_000)
        )
            .prop_map(|(patient, floor, ceiling)| Step::Coinsurance {
                patient,
                floor,
                ceiling
            }),
        (0_i64..5_000).prop_map(|amount| Step::Cap { amount }),
    ];
    prop::collection::vec(step, 0..5)
}

fn benefit() -> impl Strategy<Value = Benefit> {
    let limits = proptest::sample::subsequence(vec!["visits", "units", "max"], 0..=3);
    let asked = proptest::option::of(prop_oneof![
        Just(Unauthorised::Deny),
        share().prop_map(|share| Unauthorised::Penalty { share }),
    ]);
    let pricing = prop_oneof![
        3 => Just(Pricing::Contract),
        1 => share().prop_map(|share| Pricing::ShareOfCharge { share })
    ];
    (steps(), limits, asked, pricing, prop::bool::weighted(0.9)).prop_map(
        |(cost_share, limits, asked, pricing, covered)| Benefit {
            id: "all".to_owned(),
            matches: Match::default(),
            priority: 0,
            covered,
            waiting_days: 0,
            pre_authorisation: asked.map(|otherwise| PreAuthorisation {
                above: Some(20_000),
                otherwise,
            }),
            limits: limits.into_iter().map(str::to_owned).collect(),
            pricing,
            cost_share,
        },
    )
}

fn limits() -> impl Strategy<Value = (Option<i64>, Option<i64>)> {
    (
        0_i64..20_000,
        proptest::option::of(0_i64..30_000),
        any::<bool>(),
    )
        .prop_map(|(limit, family, both)| match family {
            Some(family) if !both => (None, Some(family)),
            family => (Some(limit), family),
        })
}

fn plan() -> impl Strategy<Value = Plan> {
    let coordination = prop_oneof![
        Just(Coordination::Standard),
        Just(Coordination::CarveOut),
        Just(Coordination::NonDuplication)
    ];
    let rounding = prop_oneof![Just(Rounding::HalfUp), Just(Rounding::HalfEven)];
    let counters = [limits(), limits(), limits()];
    (
        benefit(),
        counters,
        0_i64..4,
        0_i64..6,
        coordination,
        rounding,
    )
        .prop_map(
            |(benefit, [deductible, oop, max], visits, units, coordination, rounding)| {
                let accumulator = |id: &str, kind, (individual, family)| Accumulator {
                    id: id.to_owned(),
                    kind,
                    period: Period::Year,
                    individual,
                    family,
                    counts: if kind == AccumulatorKind::OutOfPocketMax {
                        vec![Counted::Copay, Counted::Deductible, Counted::Coinsurance]
                    } else {
                        Vec::new()
                    },
                };
                Plan {
                    id: "p".to_owned(),
                    version: 1,
                    currency: "EUR".parse().expect("a currency"),
                    benefit_year: BenefitYear {
                        anchor: Anchor::Policy,
                        zone: "Europe/Vienna".to_owned(),
                    },
                    accumulators: vec![
                        accumulator("deductible", AccumulatorKind::Deductible, deductible),
                        accumulator("oop", AccumulatorKind::OutOfPocketMax, oop),
                        accumulator("max", AccumulatorKind::BenefitMax, max),
                        accumulator("visits", AccumulatorKind::Visits, (Some(visits), None)),
                        accumulator("units", AccumulatorKind::Units, (Some(units), None)),
                    ],
                    benefits: vec![benefit],
                    coordination,
                    rounding,
                    timely_filing_days: None,
                    balance_billing: vec!["foreign".to_owned()],
                }
            },
        )
}

fn claims() -> impl Strategy<Value = Claim> {
    let one = (
        0_i64..30_000,
        1_u32..4,
        proptest::option::of(0_i64..9_000),
        proptest::option::weighted(0.3, (0_i64..30_000, 0_i64..9_000)),
        0_u8..3,
        0_i8..3,
        any::<bool>(),
    );
    prop::collection::vec(one, 1..6).prop_map(|lines| {
        type Drawn = (i64, u32, Option<i64>, Option<(i64, i64)>, u8, i8, bool);
        let line = |(place, drawn): (usize, Drawn)| {
            let (charge, quantity, price, prior, visit, day, foreign) = drawn;
            ClaimLine {
                served_at: at(&format!("2026-03-0{}T10:00:00Z", day + 1)),
                visit: format!("v{visit}"),
                network: foreign.then(|| "foreign".to_owned()),
                quantity,
                price,
                prior: prior.map(|(paid, forgone)| PriorPayment { paid, forgone }),
                ..line(u16::try_from(place).expect("few"), charge)
            }
        };
        claim(lines.into_iter().enumerate().map(line).collect())
    })
}

fn decide(plan: &Plan, claim: &Claim, before: &Counters) -> Adjudication {
    adjudicate(plan, &anna(), claim, before).expect("a claim")
}

proptest! {
    #[test]
    fn every_line_balances_and_no_limit_is_passed(plan in plan(), claim in claims()) {
        prop_assert_eq!(validate(&plan), []);
        let answer = decide(&plan, &claim, &Counters::default());
        prop_assert_eq!(answer.lines.len(), claim.lines.len());
        for (line, asked) in answer.lines.iter().zip(&claim.lines) {
            prop_assert!(line.balances(), "{:?}", line);
            prop_assert_eq!(line.submitted, asked.charge);
            let owed = line.owed;
            for part in [line.allowed, line.written_off, line.denied, line.prior, line.paid, owed.copay,
                         owed.deductible, owed.coinsurance, owed.not_covered, owed.penalty, owed.balance_bill] {
                prop_assert!(part >= 0, "{:?}", line);
            }
            prop_assert!(line.paid <= line.allowed);
            if let Some(prior) = asked.prior {
                // What is settled stays settled: who comes later changes neither.
                let forgone = prior.forgone.min(asked.charge);
                prop_assert!(line.written_off >= forgone);
                prop_assert_eq!(line.prior, prior.paid.min(asked.charge - forgone));
            }
        }
        let mut after = Counters::default();
        after.apply(&answer.deltas);
        for accumulator in &plan.accumulators {
            let key = |scope| Key { accumulator: accumulator.id.clone(), scope, period: "2026-01-01".to_owned() };
            let own = after.get(&key(Scope::Individual("anna".to_owned())));
            let all = after.get(&key(Scope::Family("family-1".to_owned())));
            prop_assert!(own >= 0 && accumulator.individual.is_none_or(|limit| own <= limit), "{}", accumulator.id);
            prop_assert!(all >= 0 && accumulator.family.is_none_or(|limit| all <= limit), "{}", accumulator.id);
        }
    }

    #[test]
    fn it_is_deterministic_and_can_be_taken_back(plan in plan(), claim in claims(), other in claims()) {
        let mut counters = Counters::default();
        counters.apply(&decide(&plan, &other, &Counters::default()).deltas);
        let before = counters.clone();
        let answer = decide(&plan, &claim, &counters);
        prop_assert_eq!(&answer, &decide(&plan, &claim, &counters));
        let mut shuffled = claim;
        shuffled.lines.reverse();
        prop_assert_eq!(&answer, &decide(&plan, &shuffled, &counters));
        counters.apply(&answer.deltas);
        counters.reverse(&answer.deltas);
        prop_assert_eq!(counters.since(&before), vec![]);
        prop_assert_eq!(before.since(&counters), vec![]);
    }

    #[test]
    fn a_higher_charge_never_costs_the_patient_less(plan in plan(), charge in 0_i64..15_000, more in 0_i64..5_000) {
        // With an agreement, because a penalty has a threshold of its own.
        let priced = |charge| {
            let answer = decide(&plan, &claim(vec![line(1, charge)]), &Counters::default());
            answer.lines[0].owed.total()
        };
        prop_assert!(priced(charge) <= priced(charge + more));
    }
}

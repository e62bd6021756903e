//! Worked examples: what a person would calculate by hand.

use galen_kernel::Timestamp;
use serde_json::{Value, json};

use super::{
    Adjudication, Agreement, Claim, ClaimLine, Counters, Key, LineResult, Policy, PriorPayment,
    Reason, Scope, adjudicate,
};
use crate::plan::{Plan, validate};

pub(super) fn plan(parts: Value) -> Plan {
    let mut plan = json!({
        "id": "p",
        "version": 1,
        "currency": "EUR",
        "benefitYear": { "anchor": "CALENDAR", "zone": "Europe/Vienna" },
        "benefits": [],
    });
    for (key, value) in parts.as_object().expect("an object") {
        plan[key] = value.clone();
    }
    let plan: Plan = serde_json::from_value(plan).expect("a plan");
    assert_eq!(validate(&plan), []);
    plan
}

/// A plan with one benefit for everything.
fn with_steps(accumulators: Value, steps: Value) -> Plan {
    plan(json!({
        "accumulators": accumulators,
        "benefits": [{ "id": "all", "costShare": steps }],
    }))
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(super) fn line(sequence: u16, charge: i64) -> ClaimLine {
    ClaimLine {
        sequence,
        served_at: at("2026-03-02T10:00:00Z"),
        code: format!("C{sequence}"),
        category: "CONSULTATION".to_owned(),
        visit: "v1".to_owned(),
        encounter_class: "AMB".to_owned(),
        network: None,
        quantity: 1,
        charge,
        price: None,
        agreement: None,
        prior: None,
    }
}

pub(super) fn claim(lines: Vec<ClaimLine>) -> Claim {
    Claim {
        submitted_at: at("2026-03-10T10:00:00Z"),
        lines,
    }
}

pub(super) fn anna() -> Policy {
    Policy {
        member: "anna".to_owned(),
        contract: "family-1".to_owned(),
        from: "2025-01-01".parse().expect("a day"),
        to: None,
        birth_date: "1980-02-29".parse().expect("a day"),
    }
}

pub(super) fn key(accumulator: &str, scope: Scope) -> Key {
    Key {
        accumulator: accumulator.to_owned(),
        scope,
        period: "2026-01-01".to_owned(),
    }
}

fn individual() -> Scope {
    Scope::Individual("anna".to_owned())
}

fn family() -> Scope {
    Scope::Family("family-1".to_owned())
}

/// So much was counted for Anna before.
fn counted(accumulator: &str, sum: i64) -> Counters {
    Counters::new([(key(accumulator, individual()), sum)])
}

fn decide(plan: &Plan, lines: Vec<ClaimLine>, before: &Counters) -> Adjudication {
    let answer = adjudicate(plan, &anna(), &claim(lines), before).expect("a claim");
    for line in &answer.lines {
        assert!(line.balances(), "{line:?}");
    }
    answer
}

/// What the patient owes and what the plan pays.
fn split(line: &LineResult) -> (i64, i64) {
    (line.owed.total(), line.paid)
}

fn shares(answer: &Adjudication) -> Vec<(i64, i64)> {
    answer.lines.iter().map(split).collect()
}

const DEDUCTIBLE: &str = "deductible";

fn deductible(limit: i64) -> Value {
    json!({ "id": DEDUCTIBLE, "kind": "DEDUCTIBLE", "period": "YEAR", "individual": limit })
}

fn out_of_pocket(limit: i64) -> Value {
    json!({ "id": "oop", "kind": "OUT_OF_POCKET_MAX", "period": "YEAR", "individual": limit,
            "counts": ["COPAY", "DEDUCTIBLE", "COINSURANCE"] })
}

fn twenty() -> Value {
    json!({ "op": "COINSURANCE", "patient": "20" })
}

fn copay_first() -> Value {
    json!([{ "op": "COPAY", "amount": 2500, "per": "LINE" }, { "op": "DEDUCTIBLE", "accumulator": DEDUCTIBLE }, twenty()])
}

#[test]
fn v01_a_part_of_it() {
    let plan = with_steps(json!([]), json!([twenty()]));
    let answer = decide(&plan, vec![line(1, 10_000)], &Counters::default());
    assert_eq!(shares(&answer), [(2_000, 8_000)]);
    assert_eq!(answer.lines[0].reasons, [Reason::Coinsurance]);
}

#[test]
fn v02_first_what_is_left_of_the_deductible() {
    let steps = json!([{ "op": "DEDUCTIBLE", "accumulator": DEDUCTIBLE }, twenty()]);
    let plan = with_steps(json!([deductible(5_000)]), steps);
    let before = counted(DEDUCTIBLE, 2_000);
    let answer = decide(&plan, vec![line(1, 10_000)], &before);
    assert_eq!(shares(&answer), [(4_400, 5_600)]);
    assert_eq!(answer.deltas.len(), 1);
    assert_eq!(
        (&answer.deltas[0].key, answer.deltas[0].by),
        (&key(DEDUCTIBLE, individual()), 3_000)
    );
}

#[test]
fn v03_a_fixed_payment_before_both() {
    let plan = with_steps(json!([deductible(5_000)]), copay_first());
    let answer = decide(&plan, vec![line(1, 10_000)], &counted(DEDUCTIBLE, 2_000));
    let owed = answer.lines[0].owed;
    assert_eq!(
        (owed.copay, owed.deductible, owed.coinsurance),
        (2_500, 3_000, 900)
    );
    assert_eq!(shares(&answer), [(6_400, 3_600)]);
}

#[test]
fn v04_no_more_than_the_maximum_out_of_pocket() {
    let plan = with_steps(
        json!([deductible(5_000), out_of_pocket(10_000)]),
        copay_first(),
    );
    let mut before = counted(DEDUCTIBLE, 2_000);
    before.add(&key("oop", individual()), 6_000);
    let answer = decide(&plan, vec![line(1, 10_000)], &before);
    assert_eq!(shares(&answer), [(4_000, 6_000)]);
    // 25 of it was the fixed payment: only 15 went towards the deductible.
    assert_eq!(answer.lines[0].owed.deductible, 1_500);
    let after = {
        let mut after = before.clone();
        after.apply(&answer.deltas);
        after
    };
    assert_eq!(after.get(&key("oop", individual())), 10_000);
    assert_eq!(after.get(&key(DEDUCTIBLE, individual())), 3_500);
}

#[test]
fn v05_the_eleventh_visit_is_the_patients() {
    let plan = plan(json!({
        "accumulators": [{ "id": "visits", "kind": "VISITS", "period": "YEAR", "individual": 10 }],
        "benefits": [{ "id": "all", "limits": ["visits"] }],
    }));
    let mut next = line(2, 8_000);
    next.visit = "v2".to_owned();
    // A second line of the tenth visit is of that visit.
    let answer = decide(
        &plan,
        vec![line(1, 8_000), line(3, 500), next],
        &counted("visits", 9),
    );
    assert_eq!(shares(&answer), [(0, 8_000), (8_000, 0), (0, 500)]);
    assert_eq!(answer.lines[1].reasons, [Reason::MaximumReached]);
}

#[test]
fn v06_a_familys_deductible_is_met_by_all_of_them() {
    let both = json!({ "id": DEDUCTIBLE, "kind": "DEDUCTIBLE", "period": "YEAR", "individual": 5_000, "family": 8_000 });
    let plan = with_steps(
        json!([both]),
        json!([{ "op": "DEDUCTIBLE", "accumulator": DEDUCTIBLE }]),
    );
    let mut before = counted(DEDUCTIBLE, 1_000);
    // The others have paid 60: of the family's 80, Anna's 10 included, 10 are left.
    before.add(&key(DEDUCTIBLE, family()), 7_000);
    let answer = decide(&plan, vec![line(1, 10_000)], &before);
    assert_eq!(shares(&answer), [(1_000, 9_000)]);
    // Alone she would have paid up to her own limit.
    let answer = decide(&plan, vec![line(1, 10_000)], &counted(DEDUCTIBLE, 1_000));
    assert_eq!(shares(&answer), [(4_000, 6_000)]);
}

#[test]
fn v07_half_of_it_when_nobody_agreed() {
    let benefit = |then: Value| {
        plan(
            json!({ "benefits": [{ "id": "all", "preAuthorisation": { "above": 5_000, "otherwise": then }, "costShare": [twenty()] }] }),
        )
    };
    let penalty = benefit(json!({ "then": "PENALTY", "share": "50" }));
    let answer = decide(&penalty, vec![line(1, 10_000)], &Counters::default());
    assert_eq!(answer.lines[0].owed.penalty, 4_000);
    assert_eq!(shares(&answer), [(6_000, 4_000)]);
    assert_eq!(
        shares(&decide(
            &penalty,
            vec![line(1, 5_000)],
            &Counters::default()
        )),
        [(1_000, 4_000)]
    );
    let mut agreed = line(1, 10_000);
    agreed.agreement = Some(Agreement {
        from: "2026-03-01".parse().expect("a day"),
        to: "2026-03-02".parse().expect("a day"),
    });
    assert_eq!(
        shares(&decide(&penalty, vec![agreed], &Counters::default())),
        [(2_000, 8_000)]
    );
    let deny = benefit(json!({ "then": "DENY" }));
    let answer = decide(&deny, vec![line(1, 10_000)], &Counters::default());
    assert_eq!(
        (shares(&answer), answer.lines[0].denied),
        (vec![(0, 0)], 10_000)
    );
}

#[test]
fn v08_a_second_plan_pays_what_is_left_in_its_way() {
    let second = |method: &str| {
        plan(
            json!({ "coordination": method, "benefits": [{ "id": "all", "costShare": [twenty()] }] }),
        )
    };
    let mut after_another = line(1, 10_000);
    after_another.prior = Some(PriorPayment {
        paid: 7_000,
        forgone: 0,
    });
    let asked = |method| {
        shares(&decide(
            &second(method),
            vec![after_another.clone()],
            &Counters::default(),
        ))
    };
    // Alone it would pay 80: of that 70 are paid already.
    assert_eq!(asked("NON_DUPLICATION"), [(2_000, 1_000)]);
    assert_eq!(asked("STANDARD"), [(0, 3_000)]);
    // 20 % of the 30 that are left.
    assert_eq!(asked("CARVE_OUT"), [(600, 2_400)]);
}

#[test]
fn v09_one_payment_for_three_lines() {
    let plan = with_steps(
        json!([]),
        json!([{ "op": "COPAY", "amount": 1_000, "per": "CLAIM" }]),
    );
    let lines = vec![line(1, 5_000), line(2, 5_000), line(3, 5_000)];
    let answer = decide(&plan, lines, &Counters::default());
    let owed: Vec<i64> = answer.lines.iter().map(|line| line.owed.total()).collect();
    assert_eq!(owed, [334, 333, 333]);
}

#[test]
fn v10_yen_have_no_parts() {
    let plan = plan(
        json!({ "currency": "JPY", "benefits": [{ "id": "all", "costShare": [{ "op": "COINSURANCE", "patient": "30" }] }] }),
    );
    let answer = decide(
        &plan,
        vec![line(1, 1_001), line(2, 1_005)],
        &Counters::default(),
    );
    assert_eq!(shares(&answer), [(300, 701), (302, 703)]);
}

#[test]
fn v11_a_replaced_claim_counts_for_nothing() {
    let plan = with_steps(
        json!([deductible(5_000), out_of_pocket(9_000)]),
        copay_first(),
    );
    let before = counted(DEDUCTIBLE, 1_000);
    let first = decide(&plan, vec![line(1, 10_000)], &before);
    let mut counters = before.clone();
    counters.apply(&first.deltas);
    assert_ne!(counters.since(&before), []);
    counters.reverse(&first.deltas);
    assert_eq!(counters.since(&before), []);
    let corrected = decide(&plan, vec![line(1, 7_000)], &counters);
    assert_eq!(corrected, decide(&plan, vec![line(1, 7_000)], &before));
}

#[test]
fn v12_the_year_begins_at_the_plans_midnight() {
    let plan = with_steps(
        json!([deductible(5_000)]),
        json!([{ "op": "DEDUCTIBLE", "accumulator": DEDUCTIBLE }]),
    );
    let served = |text| ClaimLine {
        served_at: at(text),
        ..line(1, 10_000)
    };
    let spent = counted(DEDUCTIBLE, 5_000);
    // 23:30 UTC on New Year's Eve is 2026 already in Vienna.
    let new = decide(&plan, vec![served("2025-12-31T23:30:00Z")], &spent);
    assert_eq!(shares(&new), [(0, 10_000)]);
    let old = decide(&plan, vec![served("2025-12-31T22:59:59Z")], &spent);
    assert_eq!(shares(&old), [(5_000, 5_000)]);
    assert_eq!(old.deltas[0].key.period, "2025-01-01");
}

#[test]
fn what_is_not_covered_is_said_and_why() {
    let plan = plan(json!({
        "timelyFilingDays": 30,
        "benefits": [
            { "id": "care", "match": { "categories": ["CONSULTATION"] } },
            { "id": "cosmetic", "match": { "codes": ["C2"] }, "priority": 1, "covered": false },
            { "id": "teeth", "match": { "categories": ["DENTAL"] }, "waitingDays": 500 },
        ],
    }));
    let with = |sequence, change: fn(&mut ClaimLine)| {
        let mut line = line(sequence, 1_000);
        change(&mut line);
        line
    };
    let lines = vec![
        line(1, 1_000),
        line(2, 1_000),
        with(3, |line| line.category = "SPA".to_owned()),
        with(4, |line| line.category = "DENTAL".to_owned()),
        with(5, |line| line.code = "C1".to_owned()),
        with(6, |line| line.served_at = at("2026-01-02T10:00:00Z")),
        with(7, |line| line.served_at = at("2024-12-31T10:00:00Z")),
    ];
    let answer = decide(&plan, lines, &Counters::default());
    let reasons: Vec<_> = answer
        .lines
        .iter()
        .map(|line| line.reasons.first().copied())
        .collect();
    assert_eq!(
        reasons,
        [
            None,
            Some(Reason::Excluded),
            Some(Reason::NotCovered),
            Some(Reason::Waiting),
            Some(Reason::Duplicate),
            Some(Reason::TooLate),
            Some(Reason::TooLate),
        ]
    );
    let denied: Vec<i64> = answer.lines.iter().map(|line| line.denied).collect();
    assert_eq!(denied, [0, 0, 0, 0, 1_000, 1_000, 1_000]);
}

#[test]
fn above_the_contract_is_the_providers_loss_or_the_patients() {
    let plan = plan(
        json!({ "balanceBilling": ["foreign"], "benefits": [{ "id": "all", "costShare": [twenty()] }] }),
    );
    let agreed = ClaimLine {
        price: Some(4_000),
        quantity: 2,
        ..line(1, 10_000)
    };
    let answer = decide(&plan, vec![agreed.clone()], &Counters::default());
    assert_eq!(
        (answer.lines[0].written_off, split(&answer.lines[0])),
        (2_000, (1_600, 6_400))
    );
    let foreign = ClaimLine {
        network: Some("foreign".to_owned()),
        ..agreed
    };
    let answer = decide(&plan, vec![foreign], &Counters::default());
    assert_eq!(
        (answer.lines[0].owed.balance_bill, split(&answer.lines[0])),
        (2_000, (3_600, 6_400))
    );
}

#[test]
fn once_a_visit_is_once() {
    let steps = json!([{ "op": "COPAY", "amount": 1_000, "per": "VISIT", "waivedIn": ["IMP"] }]);
    let plan = with_steps(json!([]), steps);
    let mut other = line(3, 5_000);
    other.visit = "v2".to_owned();
    let mut stay = line(4, 5_000);
    (stay.visit, stay.encounter_class) = ("v3".to_owned(), "IMP".to_owned());
    // The first line does not cost as much: the second pays the rest.
    let lines = vec![line(1, 400), line(2, 5_000), other, stay];
    let answer = decide(&plan, lines, &Counters::default());
    let owed: Vec<i64> = answer.lines.iter().map(|line| line.owed.copay).collect();
    assert_eq!(owed, [400, 600, 1_000, 0]);
}

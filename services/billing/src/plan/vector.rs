//! Examples that a version of a plan brings along: what somebody calculated by hand. A
//! plan that does not do what its own examples say is not published. Amounts are minor
//! units, as in the plan.

use galen_kernel::{Timestamp, Violations};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Plan;
use super::model::LARGEST;
use crate::adjudication::{
    Agreement, Claim, ClaimLine, Counters, Key, LineResult, Policy, PriorPayment, Scope, adjudicate,
};

/// Most examples of a version.
pub const MOST_VECTORS: usize = 100;
/// Most lines of an example.
pub const MOST_LINES: usize = 50;

/// Who is insured in an example, unless it says otherwise.
const MEMBER: &str = "member";
/// Under which contract.
const CONTRACT: &str = "contract";

/// An example: a claim, and what the plan makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanVector)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vector {
    /// What it shows.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub name: String,
    /// Under which policy.
    pub policy: VectorPolicy,
    /// What was counted before.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub before: Vec<Sum>,
    /// What is claimed.
    pub claim: VectorClaim,
    /// What the plan is to say, line by line.
    #[schema(min_items = 1, max_items = 50)]
    pub expect: Vec<Expected>,
}

/// The policy of an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VectorPolicy {
    /// First day.
    #[schema(value_type = String, format = "date")]
    pub from: Date,
    /// The first day after it; without it there is no end.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "date")]
    pub to: Option<Date>,
    /// Of whoever is insured.
    #[schema(value_type = String, format = "date")]
    pub birth_date: Date,
}

/// Something that was counted before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanVectorSum)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sum {
    /// By which accumulator.
    #[schema(max_length = 64)]
    pub accumulator: String,
    /// For whom.
    pub scope: SumScope,
    /// The first day of the year, the day, the visit; empty for a lifetime.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub period: String,
    /// How much.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub amount: i64,
}

/// For whom something was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SumScope {
    /// For the insured.
    Individual,
    /// For all under the contract.
    Family,
}

/// The claim of an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VectorClaim {
    /// When it was submitted; when not said, at its last service.
    #[serde(default)]
    pub submitted_at: Option<Timestamp>,
    /// What was done.
    #[schema(min_items = 1, max_items = 50)]
    pub lines: Vec<VectorLine>,
}

/// One service of an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VectorLine {
    /// Its number.
    #[schema(minimum = 0, maximum = 65535)]
    pub sequence: u16,
    /// When it was done.
    pub served_at: Timestamp,
    /// What it was.
    #[schema(max_length = 64)]
    pub code: String,
    /// Which kind of service that is.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub category: String,
    /// In which visit or stay.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub visit: String,
    /// Class of the encounter (v3 `ActCode`).
    #[serde(default = "ambulatory")]
    #[schema(max_length = 64)]
    pub encounter_class: String,
    /// Network of whoever did it.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub network: Option<String>,
    /// How many units.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub quantity: u32,
    /// What is asked for all units.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub charge: i64,
    /// What was agreed for one unit.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub price: Option<i64>,
    /// Since when and until when somebody has agreed to it.
    #[serde(default)]
    pub agreement: Option<VectorAgreement>,
    /// What others have paid of it.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub prior: Option<i64>,
}

/// When somebody has agreed to a service of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VectorAgreement {
    /// First day.
    #[schema(value_type = String, format = "date")]
    pub from: Date,
    /// Last day.
    #[schema(value_type = String, format = "date")]
    pub to: Date,
}

/// What a plan is to say to a line. What is left out does not matter, except that the
/// plan's and the patient's parts are always compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expected {
    /// The line's number.
    pub sequence: u16,
    /// What it may cost.
    #[serde(default)]
    pub allowed: Option<i64>,
    /// What the provider has agreed not to ask.
    #[serde(default)]
    pub written_off: Option<i64>,
    /// What nobody pays.
    #[serde(default)]
    pub denied: Option<i64>,
    /// What the plan pays.
    pub paid: i64,
    /// What the patient owes.
    pub patient: i64,
    /// Claim adjustment reason codes (X12), in any order.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub reasons: Option<Vec<String>>,
}

fn ambulatory() -> String {
    "AMB".to_owned()
}

const fn one() -> u32 {
    1
}

/// Runs the examples of a plan, and notes every field that is otherwise: which example,
/// which line, what it should be and what it is.
pub fn run(plan: &Plan, vectors: &[Vector], wrong: &mut Violations) {
    if vectors.is_empty() || MOST_VECTORS < vectors.len() {
        let message = format!("there must be 1 to {MOST_VECTORS} examples");
        wrong.push("/vectors", "INVALID_COUNT", message);
        return;
    }
    for (place, vector) in vectors.iter().enumerate() {
        vector.run(plan, &format!("/vectors/{place}"), wrong);
    }
}

impl Vector {
    fn run(&self, plan: &Plan, at: &str, wrong: &mut Violations) {
        if !self.is_bearable(at, wrong) {
            return;
        }
        let before = Counters::new(self.before.iter().map(|sum| (sum.key(), sum.amount)));
        let answer = match adjudicate(plan, &self.policy(), &self.claim(), &before) {
            Ok(answer) => answer,
            Err(error) => {
                wrong.push(format!("{at}/claim"), "INVALID_CLAIM", error.to_string());
                return;
            }
        };
        for (place, expected) in self.expect.iter().enumerate() {
            let at = format!("{at}/expect/{place}");
            let sequence = expected.sequence;
            match answer.lines.iter().find(|line| line.sequence == sequence) {
                Some(line) => expected.compare(line, &at, wrong),
                None => wrong.push(
                    format!("{at}/sequence"),
                    "UNKNOWN_LINE",
                    format!("the claim has no line {sequence}"),
                ),
            }
        }
    }

    /// Bounds that keep every sum within 64 bits and every day in the calendar.
    fn is_bearable(&self, at: &str, wrong: &mut Violations) -> bool {
        let mut fine = true;
        let mut require = |holds: bool, field: String, code, message: &str| {
            wrong.require(holds, &format!("{at}{field}"), code, message);
            fine &= holds;
        };
        let count = |count: usize| (1..=MOST_LINES).contains(&count);
        let many = "there must be 1 to 50";
        require(
            count(self.claim.lines.len()),
            "/claim/lines".to_owned(),
            "INVALID_COUNT",
            many,
        );
        require(
            count(self.expect.len()),
            "/expect".to_owned(),
            "INVALID_COUNT",
            many,
        );
        require(
            self.before.len() <= 100,
            "/before".to_owned(),
            "INVALID_COUNT",
            "there may be 100",
        );
        let calendar = |day: Date| (1900..=9998).contains(&day.year());
        let instant = |at: Timestamp| calendar(at.to_zoned(TimeZone::UTC).date());
        let days = "must lie in the years 1900 to 9998";
        let policy = &self.policy;
        for (field, day) in [
            ("from", Some(policy.from)),
            ("to", policy.to),
            ("birthDate", Some(policy.birth_date)),
        ] {
            let fine = day.is_none_or(calendar);
            require(fine, format!("/policy/{field}"), "OUT_OF_RANGE", days);
        }
        let submitted = self.claim.submitted_at.is_none_or(instant);
        require(
            submitted,
            "/claim/submittedAt".to_owned(),
            "OUT_OF_RANGE",
            days,
        );
        let amount = |amount: i64| (0..=LARGEST).contains(&amount);
        let bounds = "must be 0 to 1000000000000 minor units";
        for (place, sum) in self.before.iter().enumerate() {
            require(
                amount(sum.amount),
                format!("/before/{place}/amount"),
                "OUT_OF_RANGE",
                bounds,
            );
        }
        for (place, line) in self.claim.lines.iter().enumerate() {
            let field = |name: &str| format!("/claim/lines/{place}/{name}");
            require(
                instant(line.served_at),
                field("servedAt"),
                "OUT_OF_RANGE",
                days,
            );
            let agreed = line
                .agreement
                .is_none_or(|of| calendar(of.from) && calendar(of.to));
            require(agreed, field("agreement"), "OUT_OF_RANGE", days);
            require(amount(line.charge), field("charge"), "OUT_OF_RANGE", bounds);
            require(
                amount(line.price.unwrap_or(0)),
                field("price"),
                "OUT_OF_RANGE",
                bounds,
            );
            require(
                amount(line.prior.unwrap_or(0)),
                field("prior"),
                "OUT_OF_RANGE",
                bounds,
            );
            let quantity = (1..=10_000).contains(&line.quantity);
            require(
                quantity,
                field("quantity"),
                "OUT_OF_RANGE",
                "must be 1 to 10000",
            );
        }
        fine
    }

    fn policy(&self) -> Policy {
        Policy {
            member: MEMBER.to_owned(),
            contract: CONTRACT.to_owned(),
            from: self.policy.from,
            to: self.policy.to,
            birth_date: self.policy.birth_date,
        }
    }

    fn claim(&self) -> Claim {
        let lines = &self.claim.lines;
        let last = lines.iter().map(|line| line.served_at).max();
        let submitted_at = self.claim.submitted_at.or(last);
        Claim {
            submitted_at: submitted_at.unwrap_or_default(),
            lines: lines.iter().map(VectorLine::claimed).collect(),
        }
    }
}

impl Sum {
    fn key(&self) -> Key {
        Key {
            accumulator: self.accumulator.clone(),
            scope: match self.scope {
                SumScope::Individual => Scope::Individual(MEMBER.to_owned()),
                SumScope::Family => Scope::Family(CONTRACT.to_owned()),
            },
            period: self.period.clone(),
        }
    }
}

impl VectorLine {
    fn claimed(&self) -> ClaimLine {
        ClaimLine {
            sequence: self.sequence,
            served_at: self.served_at,
            code: self.code.clone(),
            category: self.category.clone(),
            visit: self.visit.clone(),
            encounter_class: self.encounter_class.clone(),
            network: self.network.clone(),
            quantity: self.quantity,
            charge: self.charge,
            price: self.price,
            agreement: self.agreement.map(|agreement| Agreement {
                from: agreement.from,
                to: agreement.to,
            }),
            prior: self.prior.map(|paid| PriorPayment { paid, forgone: 0 }),
        }
    }
}

impl Expected {
    fn compare(&self, line: &LineResult, at: &str, wrong: &mut Violations) {
        let mut same = |field: &str, expected: Option<i64>, got: i64| {
            if let Some(expected) = expected
                && expected != got
            {
                let message = format!("line {}: expected {expected}, got {got}", self.sequence);
                wrong.push(format!("{at}/{field}"), "VECTOR_FAILED", message);
            }
        };
        same("allowed", self.allowed, line.allowed);
        same("writtenOff", self.written_off, line.written_off);
        same("denied", self.denied, line.denied);
        same("paid", Some(self.paid), line.paid);
        same("patient", Some(self.patient), line.owed.total());
        if let Some(reasons) = &self.reasons {
            let sorted = |mut codes: Vec<&str>| {
                codes.sort_unstable();
                codes.join(", ")
            };
            let expected = sorted(reasons.iter().map(String::as_str).collect());
            let got = sorted(line.reasons.iter().map(|reason| reason.code()).collect());
            if expected != got {
                let message = format!("line {}: expected [{expected}], got [{got}]", self.sequence);
                wrong.push(format!("{at}/reasons"), "VECTOR_FAILED", message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan() -> Plan {
        serde_json::from_value(json!({
            "id": "p", "version": 1, "currency": "EUR",
            "benefitYear": { "anchor": "CALENDAR", "zone": "Europe/Vienna" },
            "benefits": [{ "id": "all", "costShare": [{ "op": "COINSURANCE", "patient": "20" }] }],
        }))
        .expect("a plan")
    }

    fn vector(paid: i64, patient: i64) -> Vector {
        serde_json::from_value(json!({
            "policy": { "from": "2026-01-01", "birthDate": "1980-01-01" },
            "claim": { "lines": [{ "sequence": 7, "servedAt": "2026-03-02T10:00:00Z", "code": "X", "charge": 10000 }] },
            "expect": [{ "sequence": 7, "paid": paid, "patient": patient, "reasons": ["2"] }],
        }))
        .expect("a vector")
    }

    fn found(vectors: &[Vector]) -> Vec<(String, &'static str, String)> {
        let mut wrong = Violations::new();
        run(&plan(), vectors, &mut wrong);
        let errors = wrong
            .finish()
            .map_or_else(|problem| problem.errors, |()| Vec::new());
        errors
            .into_iter()
            .map(|e| (e.pointer, e.code, e.message))
            .collect()
    }

    #[test]
    fn an_example_that_holds_is_silent() {
        assert_eq!(found(&[vector(8_000, 2_000)]), []);
    }

    #[test]
    fn an_example_that_fails_says_where_and_what() {
        let says = "line 7: expected 9000, got 8000".to_owned();
        assert_eq!(
            found(&[vector(8_000, 2_000), vector(9_000, 2_000)]),
            [("/vectors/1/expect/0/paid".to_owned(), "VECTOR_FAILED", says)]
        );
    }

    #[test]
    fn there_must_be_one_and_it_must_be_about_its_claim() {
        assert_eq!(found(&[])[0].1, "INVALID_COUNT");
        let mut stray = vector(8_000, 2_000);
        stray.expect[0].sequence = 8;
        assert_eq!(found(&[stray])[0].0, "/vectors/0/expect/0/sequence");
        let mut huge = vector(8_000, 2_000);
        huge.claim.lines[0].charge = i64::MAX;
        huge.claim.lines[0].quantity = 0;
        let codes: Vec<&str> = found(&[huge]).iter().map(|(_, code, _)| *code).collect();
        assert_eq!(codes, ["OUT_OF_RANGE", "OUT_OF_RANGE"]);
    }
}

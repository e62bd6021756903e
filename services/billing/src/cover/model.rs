//! Several payers, one after the other, and the patient. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use galen_kernel::{Money, Pii, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::error::CoverError;
use crate::adjudication::{
    Adjudication, AdjudicationError, Agreement, Claim, ClaimLine, Counters, Owed, Policy,
    PriorPayment, Reason, adjudicate,
};
use crate::catalogue::PayerId;
use crate::plan::Plan;

/// A coverage of a patient, with the version of its plan that is in force.
#[derive(Debug, Clone)]
pub struct Cover {
    /// The coverage.
    pub coverage: Uuid,
    /// Who pays.
    pub payer: PayerId,
    /// By which rules.
    pub plan: Arc<Plan>,
    /// For whom, and when. The member is the record that stands for the person.
    pub policy: Policy,
    /// All records of the person: what was counted for one counts for the person.
    pub records: Vec<Uuid>,
    /// As on the card. To be kept nowhere.
    pub policy_number: Pii<String>,
}

/// Days on which the same policies cover a patient.
#[derive(Debug, Clone)]
pub struct Period {
    /// The days, where the hospital is.
    pub days: BTreeSet<Date>,
    /// By which policies, in the order of paying; none: the patient pays.
    pub covers: Vec<Cover>,
}

/// What was done, or is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its number, once.
    pub sequence: u16,
    /// When.
    pub at: Timestamp,
    /// What.
    pub code: String,
    /// Which kind of service; empty when the tariff does not say.
    pub category: String,
    /// In which visit or stay.
    pub visit: String,
    /// Class of the encounter (v3 `ActCode`).
    pub class: String,
    /// How many units.
    pub quantity: u32,
    /// What is asked for all units.
    pub charge: Money,
    /// Who agreed to it beforehand.
    pub agreed: Vec<Agreed>,
}

/// A payer's agreement to a service before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Who.
    pub payer: PayerId,
    /// For when.
    pub agreement: Agreement,
}

/// Who pays what of all that was done. Minor units of its currency.
#[derive(Debug, Clone)]
pub struct Shares {
    /// In the order of the services.
    pub lines: Vec<LineShare>,
    /// One per payer, in the order of paying.
    pub parts: Vec<Share>,
}

/// Who pays what of a line: `charge = contractual + denied + Σ paid + owed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineShare {
    /// The service's number.
    pub sequence: u16,
    /// What is asked.
    pub charge: i64,
    /// What it may cost, by the contract of the first payer.
    pub allowed: i64,
    /// What the hospital has agreed not to ask.
    pub contractual: i64,
    /// What nobody pays, because the hospital made a mistake.
    pub denied: i64,
    /// What each payer pays, in the order of [`Shares::parts`].
    pub paid: Vec<i64>,
    /// What the patient owes.
    pub owed: Owed,
    /// Why it is not all paid, in the order of the payers.
    pub reasons: Vec<Reason>,
}

/// A payer's part.
#[derive(Debug, Clone)]
pub struct Share {
    /// Who pays, and why.
    pub cover: Cover,
    /// What the plan says to each line, with the whole explanation, and by how much it
    /// changes what is counted.
    pub adjudication: Adjudication,
    /// The version of the contract that it was worked out from.
    pub(super) seen: i64,
}

/// What was counted under one contract so far.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// The version of the contract.
    pub version: i64,
    /// The sums.
    pub counters: Counters,
}

/// What was counted, by contract.
pub type Books = BTreeMap<String, Counted>;

impl Shares {
    /// What all payers pay.
    #[must_use]
    pub fn insurers(&self) -> i64 {
        self.parts.iter().map(Share::paid).sum()
    }

    /// What the patient owes.
    #[must_use]
    pub fn patient(&self) -> i64 {
        self.lines.iter().map(|line| line.owed.total()).sum()
    }
}

impl Share {
    /// What the payer pays of a line.
    #[must_use]
    pub fn pays(&self, sequence: u16) -> i64 {
        let lines = self.adjudication.lines.iter();
        let of_line = lines.filter(|line| line.sequence == sequence);
        of_line.map(|line| line.paid).sum()
    }

    /// What the payer pays of all lines.
    #[must_use]
    pub fn paid(&self) -> i64 {
        self.adjudication.lines.iter().map(|line| line.paid).sum()
    }
}

impl LineShare {
    /// Nobody insures it: the patient owes it.
    fn open(service: &Service) -> Self {
        let charge = service.charge.minor;
        Self {
            sequence: service.sequence,
            charge,
            allowed: charge,
            contractual: 0,
            denied: 0,
            paid: Vec::new(),
            owed: Owed {
                not_covered: charge,
                ..Owed::default()
            },
            reasons: Vec::new(),
        }
    }

    /// Whether everything that was asked is accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        let paid: i64 = self.paid.iter().sum();
        self.charge == self.contractual + self.denied + paid + self.owed.total()
    }
}

impl Cover {
    /// Whether both say the same about every service: one coverage, by one version of
    /// its plan.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let what = |cover: &Self| (cover.coverage, cover.plan.version);
        what(self) == what(other) && self.plan.id == other.plan.id
    }

    /// The day of an instant, where the plan's midnight is.
    ///
    /// # Errors
    /// When this machine does not know the plan's zone.
    pub fn day(&self, at: Timestamp) -> Result<Date, CoverError> {
        let zone = &self.plan.benefit_year.zone;
        let zone = TimeZone::get(zone).map_err(|_| AdjudicationError::Zone(zone.clone()))?;
        Ok(at.to_zoned(zone).date())
    }
}

/// Puts days together on which the same policies cover a patient, in the order of their
/// first days.
#[must_use]
pub fn periods(days: impl IntoIterator<Item = (Date, Vec<Cover>)>) -> Vec<Period> {
    let mut periods: Vec<Period> = Vec::new();
    for (day, covers) in days {
        let same = |period: &&mut Period| {
            period.covers.len() == covers.len()
                && period.covers.iter().zip(&covers).all(|(a, b)| a.is_same(b))
        };
        match periods.iter_mut().find(same) {
            Some(period) => {
                period.days.insert(day);
            }
            None => periods.push(Period {
                days: BTreeSet::from([day]),
                covers,
            }),
        }
    }
    periods
}

/// Applies plans one after the other: what a payer has paid, and what its contract says
/// must not be asked any more, is settled for those who come later. `prices` are what was
/// agreed for one unit, by payer and service. What the plans count is counted in `books`.
///
/// # Errors
/// When the services do not fit the plans.
pub fn coordinate(
    at: Timestamp,
    covers: &[Cover],
    services: &[Service],
    prices: &[Vec<Option<i64>>],
    books: &mut Books,
) -> Result<Shares, CoverError> {
    let mut lines: Vec<LineShare> = services.iter().map(LineShare::open).collect();
    let mut parts = Vec::with_capacity(covers.len());
    for (place, cover) in covers.iter().enumerate() {
        let foreign = |service: &Service| service.charge.currency != cover.plan.currency;
        if services.iter().any(foreign) {
            return Err(CoverError::Currency(cover.plan.id.clone()));
        }
        let claim = Claim {
            submitted_at: at,
            lines: services
                .iter()
                .zip(&lines)
                .zip(&prices[place])
                .map(|((service, line), price)| {
                    let prior = (place > 0).then(|| PriorPayment {
                        paid: line.paid.iter().sum(),
                        forgone: line.contractual + line.denied,
                    });
                    claimed(service, prior, cover, *price)
                })
                .collect(),
        };
        let book = books.entry(cover.policy.contract.clone()).or_default();
        let adjudication = adjudicate(&cover.plan, &cover.policy, &claim, &book.counters)?;
        book.counters.apply(&adjudication.deltas);
        for line in &mut lines {
            let of = |result: &&crate::adjudication::LineResult| result.sequence == line.sequence;
            let Some(result) = adjudication.lines.iter().find(of) else {
                continue;
            };
            if place == 0 {
                line.allowed = result.allowed;
            }
            // What was settled before is in it, mistakes as well.
            line.contractual = result.written_off - line.denied;
            line.denied += result.denied;
            line.owed = result.owed;
            line.paid.push(result.paid);
            for reason in &result.reasons {
                if !line.reasons.contains(reason) {
                    line.reasons.push(*reason);
                }
            }
        }
        parts.push(Share {
            cover: cover.clone(),
            adjudication,
            seen: book.version,
        });
        // When it is posted, what comes after it has seen it.
        book.version += 1;
    }
    Ok(Shares { lines, parts })
}

/// Applies the plan of one payer to what those before it have really paid. `prices` and
/// `prior` are by service.
///
/// # Errors
/// When the services do not fit the plan.
pub fn after(
    at: Timestamp,
    cover: &Cover,
    services: &[Service],
    (prices, prior): (&[Option<i64>], &[PriorPayment]),
    book: Counted,
) -> Result<Share, CoverError> {
    if services
        .iter()
        .any(|s| s.charge.currency != cover.plan.currency)
    {
        return Err(CoverError::Currency(cover.plan.id.clone()));
    }
    let claim = Claim {
        submitted_at: at,
        lines: services
            .iter()
            .zip(prior)
            .zip(prices)
            .map(|((service, prior), price)| claimed(service, Some(*prior), cover, *price))
            .collect(),
    };
    let adjudication = adjudicate(&cover.plan, &cover.policy, &claim, &book.counters)?;
    Ok(Share {
        cover: cover.clone(),
        adjudication,
        seen: book.version,
    })
}

fn claimed(
    service: &Service,
    prior: Option<PriorPayment>,
    cover: &Cover,
    price: Option<i64>,
) -> ClaimLine {
    let agreed = service
        .agreed
        .iter()
        .find(|agreed| agreed.payer == cover.payer);
    ClaimLine {
        sequence: service.sequence,
        served_at: service.at,
        code: service.code.clone(),
        category: service.category.clone(),
        visit: service.visit.clone(),
        encounter_class: service.class.clone(),
        network: None,
        quantity: service.quantity,
        charge: service.charge.minor,
        price,
        agreement: agreed.map(|agreed| agreed.agreement.clone()),
        prior,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn cover(place: usize, plan: &Value) -> Cover {
        let mut rules = json!({
            "id": format!("p{place}"), "version": 1, "currency": "EUR",
            "benefitYear": { "anchor": "CALENDAR", "zone": "UTC" },
        });
        for (key, value) in plan.as_object().expect("an object") {
            rules[key] = value.clone();
        }
        Cover {
            coverage: Uuid::nil(),
            payer: PayerId::from_uuid(Uuid::from_u128(place as u128)),
            plan: Arc::new(serde_json::from_value(rules).expect("a plan")),
            policy: Policy {
                member: "m".to_owned(),
                contract: format!("c{place}"),
                from: jiff::civil::date(2026, 1, 1),
                to: None,
                birth_date: jiff::civil::date(1980, 5, 17),
            },
            records: Vec::new(),
            policy_number: Pii::new(String::new()),
        }
    }

    fn service(sequence: u16, minor: i64) -> Service {
        let currency = "EUR".parse().expect("a currency");
        Service {
            sequence,
            at: "2026-03-02T10:00:00Z".parse().expect("an instant"),
            code: format!("C{sequence}"),
            category: String::new(),
            visit: String::new(),
            class: "AMB".to_owned(),
            quantity: 1,
            charge: Money { minor, currency },
            agreed: Vec::new(),
        }
    }

    fn plan() -> impl Strategy<Value = Value> {
        let step = prop_oneof![
            (0_i64..5_000)
                .prop_map(|amount| json!({ "op": "COPAY", "amount": amount, "per": "LINE" })),
            (0_u8..=100)
                .prop_map(|part| json!({ "op": "COINSURANCE", "patient": part.to_string() })),
            Just(json!({ "op": "DEDUCTIBLE", "accumulator": "deductible" })),
        ];
        let asked =
            proptest::option::weighted(0.2, Just(json!({ "otherwise": { "then": "DENY" } })));
        let coordination = prop::sample::select(vec!["STANDARD", "CARVE_OUT", "NON_DUPLICATION"]);
        (prop::collection::vec(step, 0..3), asked, any::<bool>(), coordination).prop_map(
            |(steps, asked, covered, coordination)| {
                json!({
                    "accumulators": [{ "id": "deductible", "kind": "DEDUCTIBLE", "period": "YEAR", "individual": 10_000 }],
                    "benefits": [{ "id": "all", "covered": covered, "preAuthorisation": asked, "costShare": steps }],
                    "coordination": coordination,
                })
            },
        )
    }

    proptest! {
        #[test]
        fn with_any_number_of_payers_every_cent_is_somebodys(
            plans in prop::collection::vec(plan(), 0..4),
            charges in prop::collection::vec(0_i64..30_000, 1..5),
            prices in prop::collection::vec(proptest::option::of(0_i64..30_000), 16),
        ) {
            let covers: Vec<Cover> = plans.iter().enumerate().map(|(place, plan)| cover(place, plan)).collect();
            let services: Vec<Service> = (0..).zip(&charges).map(|(n, charge)| service(n, *charge)).collect();
            let prices: Vec<Vec<Option<i64>>> =
                prices.chunks(4).map(|some| some.to_vec()).collect();
            let at = "2026-03-03T10:00:00Z".parse().expect("an instant");
            let work = || coordinate(at, &covers, &services, &prices, &mut Books::new()).expect("an answer");
            let shares = work();
            for (line, charge) in shares.lines.iter().zip(&charges) {
                prop_assert_eq!(line.charge, *charge);
                prop_assert!(line.balances(), "{:?}", line);
                prop_assert_eq!(line.paid.len(), covers.len());
                let parts = [line.contractual, line.denied, line.owed.total()];
                prop_assert!(parts.iter().chain(&line.paid).all(|part| *part >= 0), "{:?}", line);
            }
            prop_assert_eq!(&shares.lines, &work().lines);
            // Nobody owes more because somebody else insures them as well.
            if let Some((last, before)) = covers.split_last() {
                let fewer = coordinate(at, before, &services, &prices, &mut Books::new()).expect("an answer");
                if !before.is_empty() {
                    prop_assert!(shares.patient() <= fewer.patient(), "{}", last.plan.id);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_day_is_in_one_period_and_neighbours_differ(
            plans in prop::collection::vec(prop::collection::vec(0_usize..3, 0..3), 1..8),
        ) {
            let day = |n: usize| jiff::civil::date(2026, 3, 1) + jiff::Span::new().days(n as i64);
            let free = json!({ "benefits": [] });
            let covers = |places: &Vec<usize>| -> Vec<Cover> {
                places.iter().map(|place| {
                    let mut cover = cover(*place, &free);
                    cover.coverage = Uuid::from_u128(*place as u128);
                    cover
                }).collect()
            };
            let days: Vec<(Date, Vec<Cover>)> =
                plans.iter().enumerate().map(|(n, places)| (day(n), covers(places))).collect();
            let found = periods(days);
            let all: Vec<Date> = found.iter().flat_map(|period| period.days.clone()).collect();
            prop_assert_eq!(all.len(), plans.len());
            let once: BTreeSet<Date> = all.into_iter().collect();
            prop_assert_eq!(once.len(), plans.len());
            let distinct: BTreeSet<&Vec<usize>> = plans.iter().collect();
            prop_assert_eq!(found.len(), distinct.len());
        }
    }

    #[test]
    fn what_the_first_contract_takes_off_nobody_asks_for() {
        let twenty = json!({ "benefits": [{ "id": "all", "costShare": [{ "op": "COINSURANCE", "patient": "20" }] }] });
        let covers = [cover(0, &twenty), cover(1, &twenty)];
        let at = "2026-03-03T10:00:00Z".parse().expect("an instant");
        let prices = [vec![Some(9_000)], vec![None]];
        let services = [service(1, 10_000)];
        let shares = coordinate(at, &covers, &services, &prices, &mut Books::new());
        let line = &shares.expect("an answer").lines[0];
        assert_eq!((line.contractual, line.allowed), (1_000, 9_000));
        assert_eq!(
            (line.paid.as_slice(), line.owed.total()),
            ([7_200, 1_800].as_slice(), 0)
        );
    }
}

//! An estimate as the API shows it: every cent with its reason.

use galen_contracts::ids::PatientId;
use galen_kernel::{Currency, Money, Timestamp};
use galen_service::MoneyView;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::estimate::{Estimate, Wanted};
use super::model::{LineShare, Share, Shares};
use crate::adjudication::{LineResult, Stage, TraceEntry};

/// Who would pay what.
#[derive(Serialize, ToSchema)]
#[schema(as = Estimate)]
#[serde(rename_all = "camelCase")]
pub struct EstimateView {
    /// Whose.
    pub patient_id: Uuid,
    /// The services, in the order of the question.
    pub lines: Vec<LineView>,
    /// What is asked for those that have a price.
    pub charge: MoneyView,
    /// Of this what the hospital does not ask after all.
    pub forgone: MoneyView,
    /// What insurers would pay.
    pub insurer: MoneyView,
    /// What the patient would owe.
    pub patient: MoneyView,
    /// Whether a service has no price, so that the sums say less than all.
    pub incomplete: bool,
}

/// Who would pay what of a service: `charge = contractual + denied + payers + patient`.
#[derive(Serialize, ToSchema)]
#[schema(as = EstimateLine)]
#[serde(rename_all = "camelCase")]
pub struct LineView {
    /// Its code.
    pub code: String,
    /// How many units.
    pub quantity: u32,
    /// When.
    pub at: Timestamp,
    /// Who would pay what; null when there is no price in force.
    #[schema(required = true)]
    pub shares: Option<SharesView>,
}

/// Who would pay what of a service that has a price.
#[derive(Serialize, ToSchema)]
#[schema(as = EstimateShares)]
#[serde(rename_all = "camelCase")]
pub struct SharesView {
    /// What is asked.
    pub charge: MoneyView,
    /// What it may cost, by the contract of who pays first.
    pub allowed: MoneyView,
    /// What the hospital has agreed not to ask.
    pub contractual: MoneyView,
    /// What nobody would pay.
    pub denied: MoneyView,
    /// What the patient would owe.
    pub patient: MoneyView,
    /// Why it is not all paid: claim adjustment reason codes (X12).
    pub reasons: Vec<String>,
    /// The payers, in the order of paying, with every step.
    pub payers: Vec<PartView>,
}

/// What a payer would pay of a service.
#[derive(Serialize, ToSchema)]
#[schema(as = EstimatePart)]
#[serde(rename_all = "camelCase")]
pub struct PartView {
    /// Who.
    pub payer_id: Uuid,
    /// By which coverage.
    pub coverage_id: Uuid,
    /// By which plan.
    pub plan_id: String,
    /// Which version of it.
    pub plan_version: u32,
    /// What it would pay.
    pub paid: MoneyView,
    /// Why, step by step.
    pub trace: Vec<StepView>,
}

/// A step of the explanation.
#[derive(Serialize, ToSchema)]
#[schema(as = EstimateStep)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    /// Where in the order of evaluation.
    #[schema(value_type = String, example = "COST_SHARE")]
    pub stage: &'static str,
    /// By which rule of the plan.
    pub rule: String,
    /// The amount that it looked at.
    pub basis: MoneyView,
    /// What was left to pay before.
    pub before: MoneyView,
    /// What it took away or moved.
    pub delta: MoneyView,
    /// What was left to pay afterwards.
    pub after: MoneyView,
    /// Why: a claim adjustment reason code (X12).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl EstimateView {
    /// An estimate of what was wanted.
    #[must_use]
    pub fn of(
        patient: PatientId,
        wanted: &[Wanted],
        estimate: &Estimate,
        currency: Currency,
    ) -> Self {
        let money = |minor| MoneyView::from(Money { minor, currency });
        let line = |(place, wanted): (usize, &Wanted)| LineView {
            code: wanted.code.clone(),
            quantity: wanted.quantity,
            at: wanted.at,
            shares: estimate.days.iter().find_map(|shares| {
                let line = shares.lines.iter();
                let line = line
                    .clone()
                    .find(|line| usize::from(line.sequence) == place)?;
                Some(SharesView::of(line, shares, currency))
            }),
        };
        Self {
            patient_id: patient.uuid(),
            lines: wanted.iter().enumerate().map(line).collect(),
            charge: money(estimate.charge()),
            forgone: money(estimate.forgone()),
            insurer: money(estimate.insurers()),
            patient: money(estimate.patient()),
            incomplete: !estimate.unpriced.is_empty(),
        }
    }
}

impl SharesView {
    fn of(line: &LineShare, shares: &Shares, currency: Currency) -> Self {
        let money = |minor| MoneyView::from(Money { minor, currency });
        Self {
            charge: money(line.charge),
            allowed: money(line.allowed),
            contractual: money(line.contractual),
            denied: money(line.denied),
            patient: money(line.owed.total()),
            reasons: line.reasons.iter().map(|r| r.code().to_owned()).collect(),
            payers: shares
                .parts
                .iter()
                .filter_map(|part| PartView::of(part, line.sequence, currency))
                .collect(),
        }
    }
}

impl PartView {
    fn of(part: &Share, sequence: u16, currency: Currency) -> Option<Self> {
        let mut lines = part.adjudication.lines.iter();
        let line = lines.find(|line| line.sequence == sequence)?;
        Some(Self {
            payer_id: part.cover.payer.uuid(),
            coverage_id: part.cover.coverage,
            plan_id: part.cover.plan.id.clone(),
            plan_version: part.cover.plan.version,
            paid: Money {
                minor: line.paid,
                currency,
            }
            .into(),
            trace: steps(line, currency),
        })
    }
}

fn steps(line: &LineResult, currency: Currency) -> Vec<StepView> {
    let money = |minor| MoneyView::from(Money { minor, currency });
    let mut before = line.submitted;
    line.trace
        .iter()
        .map(|entry: &TraceEntry| {
            let step = StepView {
                stage: stage(entry.stage),
                rule: entry.rule.clone(),
                basis: money(entry.basis),
                before: money(before),
                delta: money(entry.amount),
                after: money(entry.left),
                reason: entry.reason.map(|reason| reason.code().to_owned()),
            };
            before = entry.left;
            step
        })
        .collect()
}

const fn stage(of: Stage) -> &'static str {
    match of {
        Stage::Scrub => "SCRUB",
        Stage::Coverage => "COVERAGE",
        Stage::Benefit => "BENEFIT",
        Stage::Agreement => "AGREEMENT",
        Stage::Pricing => "PRICING",
        Stage::Limit => "LIMIT",
        Stage::CostShare => "COST_SHARE",
        Stage::OutOfPocket => "OUT_OF_POCKET",
        Stage::BenefitMax => "BENEFIT_MAX",
        Stage::Penalty => "PENALTY",
        Stage::Coordination => "COORDINATION",
    }
}

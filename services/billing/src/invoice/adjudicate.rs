//! Who owes what of some charges, and why: an invoice's lines.

use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Invoice, Line, PayerShare, Step};
use crate::Billing;
use crate::adjudication::{Reason, Stage};
use crate::charge::model::{Charge, PaymentMode};
use crate::claim;
use crate::cover::{self, Cover, CoverError, Service, Shares};

/// By which policies the charges are covered: none, unless insurers are asked. What
/// they say is asked of others: before a transaction.
///
/// # Errors
/// When the charges are of several days, or nobody answered.
pub async fn covers(
    billing: &Billing,
    patient: PatientId,
    charges: &[Charge],
) -> Result<Vec<Cover>, Problem> {
    let Some(first) = charges.first() else {
        return Ok(Vec::new());
    };
    if first.mode == PaymentMode::SelfPay {
        return Ok(Vec::new());
    }
    if charges.iter().any(|c| c.served_on != first.served_on) {
        return Err(Problem::conflict(
            "SEVERAL_DAYS",
            "What insurers are asked for is invoiced by day.",
        ));
    }
    Ok(cover::policies(billing, patient, first.served_on).await?)
}

/// Works out who owes what.
///
/// # Errors
/// When the charges do not fit the plans, or the database fails.
pub async fn work_out(
    db: &mut PgConnection,
    at: Timestamp,
    covers: &[Cover],
    charges: &[Charge],
) -> Result<(Vec<Line>, Shares), Problem> {
    let mut services = Vec::with_capacity(charges.len());
    for (charge, sequence) in charges.iter().zip(1_u16..) {
        services.push(service(charge, sequence)?);
    }
    let shares = cover::work_out(db, at, covers, &services).await?;
    let lines = charges
        .iter()
        .zip(&shares.lines)
        .map(|(charge, share)| {
            let mut trace = vec![tariff(charge)];
            let mut payers = Vec::new();
            for (part, paid) in shares.parts.iter().zip(&share.paid) {
                payers.push(PayerShare {
                    payer: part.cover.payer.uuid(),
                    coverage: part.cover.coverage,
                    amount: *paid,
                });
                let of_line = part.adjudication.lines.iter();
                for result in of_line.filter(|line| line.sequence == share.sequence) {
                    trace.extend(result.trace.iter().map(|entry| Step {
                        payer: Some(part.cover.payer.uuid()),
                        stage: stage(entry.stage).to_owned(),
                        rule: entry.rule.clone(),
                        basis: entry.basis,
                        amount: entry.amount,
                        left: entry.left,
                        reason: entry.reason.map(|reason| reason.code().to_owned()),
                    }));
                }
            }
            Line {
                charge: charge.id,
                code: charge.code.clone(),
                class: charge.class.name().to_owned(),
                quantity: charge.quantity,
                served_at: charge.served_at,
                served_on: charge.served_on,
                gross: share.charge,
                contractual: share.contractual,
                denied: share.denied,
                credited: 0,
                patient: share.owed.total(),
                payers,
                reasons: share
                    .reasons
                    .iter()
                    .map(|reason: &Reason| reason.code().to_owned())
                    .collect(),
                trace,
            }
        })
        .collect();
    Ok((lines, shares))
}

/// What a claim says about a charge.
fn service(charge: &Charge, sequence: u16) -> Result<Service, Problem> {
    let price = charge.price.as_ref();
    let price = price.ok_or_else(|| Problem::internal("an invoiced charge has no price"))?;
    Ok(Service {
        sequence,
        at: charge.served_at,
        code: charge.code.clone(),
        category: price.category.clone().unwrap_or_default(),
        visit: visit(charge).to_string(),
        class: charge.class.name().to_owned(),
        quantity: charge.quantity,
        charge: price.amount,
        agreed: Vec::new(),
    })
}

/// The visit or stay of a charge.
fn visit(charge: &Charge) -> Uuid {
    let own = charge.id.uuid();
    charge.admission.or(charge.source).unwrap_or(own)
}

/// The first step of every explanation: what was asked, by which tariff.
fn tariff(charge: &Charge) -> Step {
    let (unit, amount, rule) = charge.price.as_ref().map_or_else(
        || (0, 0, String::new()),
        |price| {
            (
                price.unit.minor,
                price.amount.minor,
                price.tariff.to_string(),
            )
        },
    );
    Step {
        payer: None,
        stage: "TARIFF".to_owned(),
        rule,
        basis: unit,
        amount,
        left: amount,
        reason: None,
    }
}

const fn stage(stage: Stage) -> &'static str {
    match stage {
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

/// What insurers are asked for, as claims want to know it.
#[must_use]
pub fn preparation(invoice: &Invoice, charges: &[Charge], shares: &Shares) -> claim::Preparation {
    let insurers = shares.parts.iter().map(|part| claim::Insurer {
        payer: part.cover.payer.uuid(),
        plan: part.cover.plan.id.clone(),
        plan_version: part.cover.plan.version.cast_signed(),
        coverage: part.cover.coverage,
        timely_filing_days: part.cover.plan.timely_filing_days.map(u32::from),
    });
    let lines = charges
        .iter()
        .zip(&shares.lines)
        .map(|(charge, share)| claim::Billed {
            sequence: share.sequence,
            charge_id: charge.id.uuid(),
            code: charge.code.clone(),
            category: charge
                .price
                .as_ref()
                .and_then(|price| price.category.clone())
                .unwrap_or_default(),
            served_at: charge.served_at,
            visit: visit(charge),
            encounter_class: charge.class.name().to_owned(),
            network: None,
            quantity: charge.quantity,
            charge: share.charge,
            price: charge.price.as_ref().map(|price| price.unit.minor),
            diagnosis: None,
            written_off: share.contractual + share.denied,
            insured: share.paid.clone(),
            patient: share.owed.total(),
        });
    claim::Preparation {
        invoice: invoice.id.uuid(),
        patient: invoice.patient,
        currency: invoice.currency,
        insurers: insurers.collect(),
        lines: lines.collect(),
    }
}

/// What is counted under a plan that pays nothing is counted for this.
#[must_use]
pub fn counted_without_claim(invoice: &Invoice, coverage: Uuid) -> Uuid {
    Uuid::new_v5(&invoice.id.uuid(), coverage.as_bytes())
}

/// Counts what an invoice uses up of plans: for the claim, if the plan is asked for
/// something.
///
/// # Errors
/// When something else was counted meanwhile, or the database fails.
pub async fn count(
    tx: &mut galen_storage::Tx,
    invoice: &Invoice,
    claims: &[(claim::ClaimId, i64)],
    shares: &Shares,
) -> Result<(), CoverError> {
    let mut claims = claims.iter();
    for part in &shares.parts {
        let id = if part.paid() > 0 {
            claims.next().map(|(id, _)| id.uuid())
        } else {
            None
        };
        let id = id.unwrap_or_else(|| counted_without_claim(invoice, part.cover.coverage));
        cover::post(tx, id, part).await?;
    }
    Ok(())
}

//! Who owes what of some charges, and why: an invoice's lines.

use std::collections::BTreeSet;

use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Timestamp};
use jiff::civil::Date;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Invoice, Line, PayerShare, Step};
use crate::Billing;
use crate::adjudication::{Reason, Stage};
use crate::charge::model::{Charge, PaymentMode};
use crate::claim;
use crate::cover::{self, Cover, CoverError, LineShare, Period, Service, Shares};

/// A part of an invoice: what the same policies cover.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its number, from 1.
    pub number: u16,
    /// Who pays what of it. The numbers of its services are places among the charges.
    pub shares: Shares,
}

/// By which policies the charges are covered: none, unless insurers are asked. What
/// they say is asked of others: before a transaction.
///
/// # Errors
/// When nobody answered.
pub async fn periods(
    billing: &Billing,
    patient: PatientId,
    charges: &[Charge],
) -> Result<Vec<Period>, Problem> {
    let days: BTreeSet<Date> = charges.iter().map(|charge| charge.served_on).collect();
    let mode = charges.first().map(|charge| charge.mode);
    if mode.is_none_or(|mode| mode == PaymentMode::SelfPay) {
        let covers = Vec::new();
        return Ok(vec![Period { days, covers }]);
    }
    Ok(cover::over(billing, patient, &days).await?)
}

/// All covers of some periods.
#[must_use]
pub fn covers(periods: &[Period]) -> Vec<Cover> {
    let covers = periods.iter().flat_map(|period| &period.covers);
    covers.cloned().collect()
}

/// Works out who owes what: part after part, so that what is counted for one counts for
/// those after it.
///
/// # Errors
/// When the charges do not fit the plans, or the database fails.
pub async fn work_out(
    db: &mut PgConnection,
    at: Timestamp,
    periods: &[Period],
    charges: &[Charge],
) -> Result<(Vec<Line>, Vec<Part>), Problem> {
    let mut books = cover::books(db, &covers(periods)).await?;
    let mut lines: Vec<(u16, Line)> = Vec::with_capacity(charges.len());
    let mut parts = Vec::with_capacity(periods.len());
    for (period, number) in periods.iter().zip(1_u16..) {
        let mut services = Vec::new();
        for (charge, sequence) in charges.iter().zip(1_u16..) {
            if period.days.contains(&charge.served_on) {
                services.push(service(charge, sequence)?);
            }
        }
        let shares = cover::work_out::with(db, at, &period.covers, &services, &mut books).await?;
        for share in &shares.lines {
            let charge = charge_of(charges, share)?;
            lines.push((share.sequence, line(charge, share, &shares)));
        }
        parts.push(Part { number, shares });
    }
    if lines.len() != charges.len() {
        return Err(Problem::internal(
            "a charge is of a day that nobody asked about",
        ));
    }
    lines.sort_by_key(|(sequence, _)| *sequence);
    let lines = lines.into_iter().map(|(_, line)| line).collect();
    Ok((lines, parts))
}

fn charge_of<'a>(charges: &'a [Charge], share: &LineShare) -> Result<&'a Charge, Problem> {
    charges
        .get(usize::from(share.sequence) - 1)
        .ok_or_else(|| Problem::internal("a share is of no charge"))
}

/// Who owes what of a charge, and why.
fn line(charge: &Charge, share: &LineShare, shares: &Shares) -> Line {
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

/// What insurers are asked for of a part, as claims want to know it.
///
/// # Errors
/// When it is not a part of these charges.
pub fn preparation(
    invoice: &Invoice,
    charges: &[Charge],
    part: &Part,
) -> Result<claim::Preparation, Problem> {
    let shares = &part.shares;
    let insurers = shares.parts.iter().map(|part| claim::Insurer {
        payer: part.cover.payer.uuid(),
        plan: part.cover.plan.id.clone(),
        plan_version: part.cover.plan.version.cast_signed(),
        coverage: part.cover.coverage,
        timely_filing_days: part.cover.plan.timely_filing_days.map(u32::from),
    });
    let mut lines = Vec::with_capacity(shares.lines.len());
    for share in &shares.lines {
        let charge = charge_of(charges, share)?;
        lines.push(claim::Billed {
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
    }
    Ok(claim::Preparation {
        invoice: invoice.id.uuid(),
        part: part.number,
        patient: invoice.patient,
        currency: invoice.currency,
        insurers: insurers.collect(),
        lines,
    })
}

/// What is counted under a plan that pays nothing of a part is counted for this.
#[must_use]
pub fn counted_without_claim(invoice: &Invoice, coverage: Uuid, part: u16) -> Uuid {
    let mut name = coverage.as_bytes().to_vec();
    if part > 1 {
        name.extend(part.to_be_bytes());
    }
    Uuid::new_v5(&invoice.id.uuid(), &name)
}

/// All that may have been counted under plans that pay nothing of an invoice.
#[must_use]
pub fn all_counted_without_claims(invoice: &Invoice) -> Vec<Uuid> {
    let days: BTreeSet<Date> = invoice.lines.iter().map(|line| line.served_on).collect();
    let payers = invoice.lines.iter().flat_map(|line| &line.payers);
    let coverages: BTreeSet<Uuid> = payers.map(|share| share.coverage).collect();
    // Every part has a day of its own.
    let parts = || (1_u16..).take(days.len());
    coverages
        .into_iter()
        .flat_map(|coverage| parts().map(move |part| (coverage, part)))
        .map(|(coverage, part)| counted_without_claim(invoice, coverage, part))
        .collect()
}

/// Counts what a part of an invoice uses up of plans: for the claim, if the plan is asked
/// for something.
///
/// # Errors
/// When something else was counted meanwhile, or the database fails.
pub async fn count(
    tx: &mut galen_storage::Tx,
    invoice: &Invoice,
    claims: &[(claim::ClaimId, i64)],
    part: &Part,
) -> Result<(), CoverError> {
    let mut claims = claims.iter();
    for share in &part.shares.parts {
        let id = if share.paid() > 0 {
            claims.next().map(|(id, _)| id.uuid())
        } else {
            None
        };
        let coverage = share.cover.coverage;
        let id = id.unwrap_or_else(|| counted_without_claim(invoice, coverage, part.number));
        cover::post(tx, id, share).await?;
    }
    Ok(())
}

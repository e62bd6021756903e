//! What an invoice asks of insurers becomes claims, with the invoice.

use galen_contracts::ids::PatientId;
use galen_kernel::{Currency, Timestamp};
use galen_storage::{Error, Tx};
use jiff::civil::Date;
use uuid::Uuid;

use super::event::Event;
use super::model::{Claim, ClaimId, Facts, Line};
use super::position::Position;
use super::{scrub, store};

/// What an invoice asks of insurers.
#[derive(Debug, Clone)]
pub struct Preparation {
    /// Of which invoice.
    pub invoice: Uuid,
    /// Which part of it: days on which the same insurers are asked. From 1.
    pub part: u16,
    /// Whose it is.
    pub patient: PatientId,
    /// Of all amounts.
    pub currency: Currency,
    /// Who is asked, in the order in which they are.
    pub insurers: Vec<Insurer>,
    /// For what.
    pub lines: Vec<Billed>,
}

/// Who is asked.
#[derive(Debug, Clone)]
pub struct Insurer {
    /// The payer.
    pub payer: Uuid,
    /// The plan.
    pub plan: String,
    /// Which version of it.
    pub plan_version: i32,
    /// The patient's coverage by it.
    pub coverage: Uuid,
    /// How many days after a service the plan takes claims.
    pub timely_filing_days: Option<u32>,
}

/// A line of the invoice. Amounts are minor units; `charge` is the sum of `written_off`,
/// `insured` and `patient`.
#[derive(Debug, Clone)]
pub struct Billed {
    /// Its number in the claim.
    pub sequence: u16,
    /// The charge that is invoiced by it.
    pub charge_id: Uuid,
    /// What was done.
    pub code: String,
    /// Which kind of service that is.
    pub category: String,
    /// When.
    pub served_at: Timestamp,
    /// In which visit or stay.
    pub visit: Uuid,
    /// Class of the encounter (v3 `ActCode`).
    pub encounter_class: String,
    /// Network of whoever did it.
    pub network: Option<String>,
    /// How many units.
    pub quantity: u32,
    /// What is charged for all units.
    pub charge: i64,
    /// What was agreed for one unit.
    pub price: Option<i64>,
    /// Why it was done (ICD-10), if anybody said.
    pub diagnosis: Option<String>,
    /// What is asked of nobody.
    pub written_off: i64,
    /// What is asked of each insurer, in their order.
    pub insured: Vec<i64>,
    /// What is asked of the patient.
    pub patient: i64,
}

/// Prepares a claim to every insurer who is asked for something, in their order. Their
/// ids own the receivables (`RECEIVABLE(claim)`) of what is asked. The first is looked
/// through and ready; those after wait for what it answers.
///
/// # Errors
/// When the database fails, or there are claims for the part.
pub async fn prepare(
    tx: &mut Tx,
    invoice: &Preparation,
    zone: &jiff::tz::TimeZone,
) -> Result<Vec<(ClaimId, i64)>, Error> {
    let now = tx.clock().now();
    let today = now.to_zoned(zone.clone()).date();
    let mut prepared: Vec<(ClaimId, i64)> = Vec::new();
    for (index, insurer) in invoice.insurers.iter().enumerate() {
        let lines: Vec<Line> = invoice.lines.iter().map(|l| l.asked_of(index)).collect();
        let asked: i64 = lines.iter().map(|l| l.position.outstanding).sum();
        if asked == 0 {
            continue;
        }
        let id: ClaimId = tx.clock().id();
        let facts = Facts {
            id,
            root: id,
            replaces: None,
            invoice: invoice.invoice,
            part: invoice.part,
            patient: invoice.patient,
            payer: insurer.payer,
            plan: insurer.plan.clone(),
            plan_version: insurer.plan_version,
            coverage: insurer.coverage,
            ordinal: u8::try_from(index + 1).unwrap_or(u8::MAX),
            after: prepared.last().map(|(id, _)| *id),
            currency: invoice.currency,
            file_by: file_by(&lines, insurer.timely_filing_days, zone),
            lines,
        };
        let waits = facts.after.is_some();
        let mut claim = store::begin(tx, facts, now).await?;
        if !waits {
            look_through(tx, &mut claim, now, today).await?;
        }
        prepared.push((id, asked));
    }
    Ok(prepared)
}

/// Looks a claim through, and says so.
pub(super) async fn look_through(
    tx: &mut Tx,
    claim: &mut Claim,
    now: Timestamp,
    today: Date,
) -> Result<(), Error> {
    let findings = scrub::scrub(&claim.facts, now, today);
    store::append(tx, claim, Event::Scrubbed { findings }, now).await
}

/// The last day on which the oldest line is not yet late.
pub(super) fn file_by(
    lines: &[Line],
    days: Option<u32>,
    zone: &jiff::tz::TimeZone,
) -> Option<Date> {
    let first = lines.iter().map(|line| line.served_at).min()?;
    let day = first.to_zoned(zone.clone()).date();
    let days = jiff::Span::new().try_days(i64::from(days?)).ok()?;
    day.checked_add(days).ok()
}

impl Billed {
    /// As one of the insurers sees it.
    fn asked_of(&self, index: usize) -> Line {
        let share = |at: usize| self.insured.get(at).copied().unwrap_or_default();
        let before: i64 = (0..index).map(share).sum();
        let after: i64 = (index + 1..self.insured.len()).map(share).sum();
        let (written_off, prior) = if index == 0 {
            (self.written_off, 0)
        } else {
            (0, self.written_off + before)
        };
        Line {
            sequence: self.sequence,
            charge_id: self.charge_id,
            code: self.code.clone(),
            category: self.category.clone(),
            served_at: self.served_at,
            visit: self.visit,
            encounter_class: self.encounter_class.clone(),
            network: self.network.clone(),
            quantity: self.quantity,
            charge: self.charge,
            price: self.price,
            diagnosis: self.diagnosis.clone(),
            pre_authorisation: None,
            position: Position {
                received: 0,
                written_off,
                left_over: self.patient + after,
                prior,
                outstanding: share(index),
            },
        }
    }
}

//! What services would cost a patient now: the same calculation as the real one, from
//! what is counted so far, and counting nothing.

use std::collections::BTreeMap;

use galen_contracts::ids::PatientId;
use galen_kernel::{Money, Timestamp};
use jiff::civil::Date;
use sqlx::PgConnection;

use super::error::CoverError;
use super::insured::Insured;
use super::model::{Books, Cover, Service, Shares};
use super::{store, work_out};
use crate::Billing;
use crate::catalogue::tariff::model::EncounterClass;
use crate::catalogue::{PayerId, Priced, price};

/// A service that is to be estimated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub code: String,
    /// How many units.
    pub quantity: u32,
    /// When.
    pub at: Timestamp,
    /// In an encounter of this class.
    pub class: EncounterClass,
}

/// What services would cost.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// Places of services without a price in force: nobody knows what they cost.
    pub unpriced: Vec<u16>,
    /// Who would pay the others, day by day.
    pub days: Vec<Shares>,
}

impl Estimate {
    /// What is asked.
    #[must_use]
    pub fn charge(&self) -> i64 {
        let lines = self.days.iter().flat_map(|shares| &shares.lines);
        lines.map(|line| line.charge).sum()
    }

    /// What is not asked after all, by contracts or because of mistakes.
    #[must_use]
    pub fn forgone(&self) -> i64 {
        let lines = self.days.iter().flat_map(|shares| &shares.lines);
        lines.map(|line| line.contractual + line.denied).sum()
    }

    /// What all payers would pay.
    #[must_use]
    pub fn insurers(&self) -> i64 {
        self.days.iter().map(Shares::insurers).sum()
    }

    /// What the patient would owe.
    #[must_use]
    pub fn patient(&self) -> i64 {
        self.days.iter().map(Shares::patient).sum()
    }
}

/// Estimates services for a patient, who is insured or pays everything. What is counted
/// for one service counts for the later ones. Their numbers are their places.
///
/// # Errors
/// When nobody knows who insures the patient, or the services do not fit the plans.
pub async fn estimate(
    billing: &Billing,
    patient: PatientId,
    is_insured: bool,
    wanted: &[Wanted],
) -> Result<Estimate, CoverError> {
    // Asked in any case, so that nobody is estimated who is not there.
    let insured = Insured::ask(billing, patient, None).await?;
    let mut db = billing.db.pool().acquire().await?;
    under(billing, &mut db, is_insured.then_some(&insured), wanted).await
}

/// As [`estimate`], or [`alone`] for who is not insured, on the caller's connection.
///
/// # Errors
/// As they.
pub async fn within(
    billing: &Billing,
    db: &mut PgConnection,
    patient: PatientId,
    is_insured: bool,
    wanted: &[Wanted],
) -> Result<Estimate, CoverError> {
    let insured = if is_insured {
        Some(Insured::ask(billing, patient, None).await?)
    } else {
        None
    };
    under(billing, db, insured.as_ref(), wanted).await
}

/// Estimates services for somebody who pays everything. Asks nobody: for whoever knows
/// that the patient is there.
///
/// # Errors
/// When the database fails.
pub async fn alone(billing: &Billing, wanted: &[Wanted]) -> Result<Estimate, CoverError> {
    let mut db = billing.db.pool().acquire().await?;
    under(billing, &mut db, None, wanted).await
}

async fn under(
    billing: &Billing,
    db: &mut PgConnection,
    insured: Option<&Insured>,
    wanted: &[Wanted],
) -> Result<Estimate, CoverError> {
    let mut days: BTreeMap<Date, Vec<u16>> = BTreeMap::new();
    for (place, service) in wanted.iter().enumerate() {
        let place = u16::try_from(place).expect("as many services as a request may have");
        let day = service.at.to_zoned(billing.zone.clone()).date();
        days.entry(day).or_default().push(place);
    }
    let mut done = Estimate {
        unpriced: Vec::new(),
        days: Vec::new(),
    };
    let mut books = Books::new();
    for (day, places) in days {
        let covers = match insured {
            Some(insured) => insured.on(db, day).await?,
            None => Vec::new(),
        };
        let mut services = Vec::with_capacity(places.len());
        for place in places {
            match service(db, place, &wanted[usize::from(place)], &covers, day).await? {
                Some(service) => services.push(service),
                None => done.unpriced.push(place),
            }
        }
        let unread: Vec<Cover> = covers
            .iter()
            .filter(|cover| !books.contains_key(&cover.policy.contract))
            .cloned()
            .collect();
        books.extend(store::books(db, &unread).await?);
        let now = billing.clock.now();
        done.days
            .push(work_out::with(db, now, &covers, &services, &mut books).await?);
    }
    Ok(done)
}

/// A service with what is asked for it: the price for everybody, or that of who pays
/// first, where there is no other.
async fn service(
    db: &mut PgConnection,
    place: u16,
    wanted: &Wanted,
    covers: &[Cover],
    day: Date,
) -> Result<Option<Service>, CoverError> {
    let class = wanted.class.code();
    let mut found = price(db, &wanted.code, None, class, day).await?;
    if found.is_none()
        && let Some(first) = first_payer(covers)
    {
        found = price(db, &wanted.code, Some(first), class, day).await?;
    }
    let Some(Priced {
        amount, category, ..
    }) = found
    else {
        return Ok(None);
    };
    let charge = amount.minor.checked_mul(i64::from(wanted.quantity));
    Ok(Some(Service {
        sequence: place,
        at: wanted.at,
        code: wanted.code.clone(),
        category: category.unwrap_or_default(),
        visit: String::new(),
        class: class.to_owned(),
        quantity: wanted.quantity,
        charge: Money {
            minor: charge.ok_or(crate::adjudication::AdjudicationError::Overflow)?,
            currency: amount.currency,
        },
        agreed: Vec::new(),
    }))
}

fn first_payer(covers: &[Cover]) -> Option<PayerId> {
    covers.first().map(|cover| cover.payer)
}

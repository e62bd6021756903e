//! Who insures a patient: asked of the patients service, looked up in the catalogue.

use std::collections::BTreeSet;

use galen_contracts::convert::{self, WireError};
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::{Coverage, ListCoveragesRequest, ListCoveragesResponse};
use galen_kernel::Pii;
use galen_service::rpc::ask;
use jiff::civil::Date;
use sqlx::PgConnection;
use uuid::Uuid;

use super::error::CoverError;
use super::model::{self, Cover, Period};
use crate::Billing;
use crate::adjudication::Policy;
use crate::catalogue::plan::store::in_force;

/// What the patients service knows of who insures somebody.
#[derive(Debug, Clone)]
pub struct Insured {
    /// The record that stands for the person.
    pub patient: PatientId,
    born: Date,
    records: Vec<Uuid>,
    coverages: Vec<Known>,
}

#[derive(Debug, Clone)]
struct Known {
    id: Uuid,
    plan: String,
    from: Date,
    to: Option<Date>,
    contract: String,
    number: Pii<String>,
}

/// By which versions of plans a patient is insured on a day, in the order of paying. A
/// coverage by a plan that is not in the catalogue pays nothing. Asks another service:
/// to be called before a transaction begins.
///
/// # Errors
/// When there is no such patient, they were erased, or somebody did not answer.
pub async fn policies(
    billing: &Billing,
    patient: PatientId,
    on: Date,
) -> Result<Vec<Cover>, CoverError> {
    let insured = Insured::ask(billing, patient, Some(on)).await?;
    let mut db = billing.db.pool().acquire().await?;
    insured.on(&mut db, on).await
}

/// By which versions of plans a patient is insured on some days. Asks another service
/// once: to be called before a transaction begins.
///
/// # Errors
/// As [`policies`].
pub async fn over(
    billing: &Billing,
    patient: PatientId,
    days: &BTreeSet<Date>,
) -> Result<Vec<Period>, CoverError> {
    let insured = Insured::ask(billing, patient, None).await?;
    let mut db = billing.db.pool().acquire().await?;
    let mut covers = Vec::with_capacity(days.len());
    for day in days {
        covers.push((*day, insured.on(&mut db, *day).await?));
    }
    Ok(model::periods(covers))
}

impl Insured {
    /// Asks for all coverages of a patient, or for those of a day.
    ///
    /// # Errors
    /// When there is no such patient, they were erased, or nobody answered.
    pub async fn ask(
        billing: &Billing,
        patient: PatientId,
        on: Option<Date>,
    ) -> Result<Self, CoverError> {
        let mut client = billing.patients.clone();
        let question = ListCoveragesRequest {
            patient_id: patient.to_string(),
            on: on.map(|day| day.to_string()).unwrap_or_default(),
        };
        let answer = ask("patients", question, |request| async move {
            client.list_coverages(request).await
        })
        .await?;
        Self::read(answer).map_err(|error| match error {
            WireError::Missing(field) | WireError::Malformed(field) => CoverError::Malformed(field),
        })
    }

    fn read(answer: ListCoveragesResponse) -> Result<Self, WireError> {
        Ok(Self {
            patient: convert::id("patient_id", &answer.patient_id)?,
            born: day("birth_date", &answer.birth_date)?,
            records: answer
                .record_ids
                .iter()
                .map(|id| id.parse().map_err(|_| WireError::Malformed("record_ids")))
                .collect::<Result<_, _>>()?,
            coverages: answer
                .coverages
                .into_iter()
                .map(Known::read)
                .collect::<Result<_, _>>()?,
        })
    }

    /// The covers of a day. One contract pays once, whoever wrote it down twice.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn on(&self, db: &mut PgConnection, day: Date) -> Result<Vec<Cover>, CoverError> {
        let mut contracts = BTreeSet::new();
        let valid: Vec<&Known> = self
            .coverages
            .iter()
            .filter(|known| known.is_valid(day) && contracts.insert(&known.contract))
            .collect();
        let plans: Vec<&str> = valid.iter().map(|known| known.plan.as_str()).collect();
        if plans.is_empty() {
            return Ok(Vec::new());
        }
        let in_force = in_force(db, &plans, day).await?;
        let cover = |known: &&Known| {
            let found = in_force.iter().find(|found| found.plan.id == known.plan)?;
            Some(Cover {
                coverage: known.id,
                payer: found.payer,
                plan: found.plan.clone(),
                policy: Policy {
                    member: self.patient.to_string(),
                    contract: known.contract.clone(),
                    from: known.from,
                    to: known.to,
                    birth_date: self.born,
                },
                records: self.records.clone(),
                policy_number: known.number.clone(),
            })
        };
        Ok(valid.iter().filter_map(cover).collect())
    }
}

impl Known {
    fn read(coverage: Coverage) -> Result<Self, WireError> {
        let to = match coverage.valid_to.as_str() {
            "" => None,
            end => Some(day("valid_to", end)?),
        };
        Ok(Self {
            id: coverage
                .coverage_id
                .parse()
                .map_err(|_| WireError::Malformed("coverage_id"))?,
            from: day("valid_from", &coverage.valid_from)?,
            to,
            plan: coverage.plan_id,
            contract: coverage.contract,
            number: Pii::new(coverage.policy_number),
        })
    }

    fn is_valid(&self, day: Date) -> bool {
        self.from <= day && self.to.is_none_or(|end| day < end)
    }
}

fn day(field: &'static str, text: &str) -> Result<Date, WireError> {
    text.parse().map_err(|_| WireError::Malformed(field))
}

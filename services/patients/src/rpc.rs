//! What other services may ask: `galen.patients.v1.PatientDirectory` about patients,
//! `CareDirectory` about who may see them.

use std::sync::Arc;

use galen_contracts::convert::{self, WireError};
use galen_contracts::ids::{PatientId, PractitionerId, UserId};
use galen_contracts::patients::v1::care_directory_server::CareDirectory;
use galen_contracts::patients::v1::patient_directory_server::PatientDirectory;
use galen_contracts::patients::v1::{
    self as wire, GetContactRequest, GetContactResponse, GetPatientRequest, GetPatientResponse,
    ListCoveragesRequest, ListCoveragesResponse, ListReachedRequest, ListReachedResponse,
    PatientStatus,
};
use galen_kernel::{Problem, Timestamp};
use galen_service::audit::disclose;
use galen_service::rpc::status;
use galen_storage::Error;
use jiff::civil::Date;
use tonic::{Request, Response};

use crate::care::store::Carer;
use crate::coverage::contract::contract;
use crate::patient::{Patient, Person, Status, person, store};
use crate::{Patients, care, coverage, merge};

/// Most records of one question.
const MOST_ASKED: usize = 1000;

/// Answers questions about patients.
#[derive(Clone)]
pub struct Directory(pub Arc<Patients>);

impl Directory {
    async fn patient(&self, id: &str) -> Result<Patient, Problem> {
        let id: PatientId = convert::id("patient_id", id).map_err(|_| Problem::not_found())?;
        let mut connection = self.0.db.pool().acquire().await.map_err(Error::from)?;
        store::find(&mut connection, id)
            .await?
            .ok_or_else(Problem::not_found)
    }

    /// The record that stands for the person of a record.
    async fn survivor(&self, id: &str) -> Result<Patient, Problem> {
        let id: PatientId = convert::id("patient_id", id).map_err(|_| Problem::not_found())?;
        let mut connection = self.0.db.pool().acquire().await.map_err(Error::from)?;
        let id = merge::store::survivor_of(&mut connection, id)
            .await?
            .ok_or_else(Problem::not_found)?;
        store::find(&mut connection, id)
            .await?
            .ok_or_else(Problem::not_found)
    }

    async fn person(&self, patient: &Patient) -> Result<Person, Problem> {
        let mut connection = self.0.db.pool().acquire().await.map_err(Error::from)?;
        Ok(person::open(&self.0.vault, &mut connection, patient).await?)
    }

    async fn insured(
        &self,
        patient: &Patient,
        on: Option<Date>,
    ) -> Result<ListCoveragesResponse, Problem> {
        let vault = &self.0.vault;
        let mut connection = self.0.db.pool().acquire().await.map_err(Error::from)?;
        let person = person::open(vault, &mut connection, patient).await?;
        let records = merge::store::records_of(&mut connection, patient.id).await?;
        let coverages = coverage::store::of_person(vault, &mut connection, patient.id, on).await?;
        let coverages = coverages.into_iter().map(|coverage| {
            let terms = coverage.terms;
            wire::Coverage {
                coverage_id: coverage.id.to_string(),
                contract: contract(vault, &terms),
                plan_id: terms.plan_id,
                valid_from: terms.valid_from.to_string(),
                valid_to: terms
                    .valid_to
                    .map(|end| end.to_string())
                    .unwrap_or_default(),
                priority: terms.priority.into(),
                policy_number: terms.card.policy_number.into(),
            }
        });
        Ok(ListCoveragesResponse {
            patient_id: patient.id.to_string(),
            birth_date: person.demographics.birth_date.to_string(),
            coverages: coverages.collect(),
            record_ids: records.iter().map(ToString::to_string).collect(),
        })
    }

    async fn reached(&self, carer: &Carer, records: &[PatientId]) -> Result<Vec<PatientId>, Error> {
        let mut connection = self.0.db.pool().acquire().await?;
        let reached = care::store::reached(&mut connection, carer, records).await?;
        Ok(reached.into_iter().map(|(id, _)| id).collect())
    }
}

/// Reads who treats, and which records are asked about.
fn question(
    asked: &ListReachedRequest,
    at: Timestamp,
) -> Result<(Carer, Vec<PatientId>), WireError> {
    let practitioner: PractitionerId = convert::id("practitioner_id", &asked.practitioner_id)?;
    let user: UserId = convert::id("user_id", &asked.user_id)?;
    if MOST_ASKED < asked.patient_ids.len() {
        return Err(WireError::Malformed("patient_ids"));
    }
    let records = asked
        .patient_ids
        .iter()
        .map(|id| convert::id("patient_ids", id))
        .collect::<Result<_, _>>()?;
    let carer = Carer {
        practitioner,
        user,
        own: None,
        at,
    };
    Ok((carer, records))
}

const fn standing(of: Status) -> PatientStatus {
    match of {
        Status::Active => PatientStatus::Active,
        Status::Inactive => PatientStatus::Inactive,
        Status::Merged => PatientStatus::Merged,
        Status::Deceased => PatientStatus::Deceased,
    }
}

#[tonic::async_trait]
impl PatientDirectory for Directory {
    async fn get_patient(
        &self,
        request: Request<GetPatientRequest>,
    ) -> Result<Response<GetPatientResponse>, tonic::Status> {
        let patient = self
            .patient(&request.get_ref().patient_id)
            .await
            .map_err(status)?;
        Ok(Response::new(GetPatientResponse {
            patient_id: patient.id.to_string(),
            mrn: patient.mrn,
            status: standing(patient.status).into(),
            merged_into_id: patient
                .survivor_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
        }))
    }

    /// A merged record answers with the contact of the record that stands for the
    /// person: the one that is kept up to date.
    async fn get_contact(
        &self,
        request: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, tonic::Status> {
        let patient = self
            .survivor(&request.get_ref().patient_id)
            .await
            .map_err(status)?;
        let person = self.person(&patient).await.map_err(status)?.demographics;
        Ok(disclose(
            "patients",
            patient.id,
            GetContactResponse {
                patient_id: patient.id.to_string(),
                given_name: person.given_name,
                family_name: person.family_name,
                email: person
                    .email
                    .map(|email| email.as_str().to_owned())
                    .unwrap_or_default(),
                phone: person
                    .phone
                    .map(|phone| phone.as_str().to_owned())
                    .unwrap_or_default(),
                language: person.language.unwrap_or_default(),
                mrn: patient.mrn,
                address_lines: person
                    .address
                    .map(|address| address.lines())
                    .unwrap_or_default(),
            },
        ))
    }

    /// A merged record answers with the coverages of the person: those of all their
    /// records, under the one that stands for them.
    async fn list_coverages(
        &self,
        request: Request<ListCoveragesRequest>,
    ) -> Result<Response<ListCoveragesResponse>, tonic::Status> {
        let asked = request.get_ref();
        let on = match asked.on.as_str() {
            "" => None,
            day => Some(day.parse().map_err(|_| WireError::Malformed("on"))),
        }
        .transpose()
        .map_err(|error| tonic::Status::invalid_argument(error.to_string()))?;
        let patient = self.survivor(&asked.patient_id).await.map_err(status)?;
        let insured = self.insured(&patient, on).await.map_err(status)?;
        Ok(disclose("patients", patient.id, insured))
    }
}

#[tonic::async_trait]
impl CareDirectory for Directory {
    async fn list_reached(
        &self,
        request: Request<ListReachedRequest>,
    ) -> Result<Response<ListReachedResponse>, tonic::Status> {
        let (carer, records) = question(request.get_ref(), self.0.db.clock().now())
            .map_err(|error| tonic::Status::invalid_argument(error.to_string()))?;
        let reached = self
            .reached(&carer, &records)
            .await
            .map_err(|error| status(error.into()))?;
        Ok(Response::new(ListReachedResponse {
            patient_ids: reached.iter().map(ToString::to_string).collect(),
        }))
    }
}

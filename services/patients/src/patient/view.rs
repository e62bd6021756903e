//! A record as the API shows it.

use galen_kernel::Timestamp;
use galen_vault::{Error, Vault};
use jiff::civil::Date;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::{AddressBody, IdentifierBody};
use super::demographics::Sex;
use super::model::{Patient, Status};
use super::person::{self, Person};

/// A patient.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Patient)]
pub struct PatientView {
    /// Id of the record.
    pub id: Uuid,
    /// Medical record number, with check digits.
    #[schema(examples("G-0000123-58"))]
    pub mrn: String,
    /// State of the record.
    pub status: Status,
    /// Given names.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Day of birth.
    pub birth_date: Date,
    /// Administrative sex.
    pub sex: Sex,
    /// Electronic mail.
    pub email: Option<String>,
    /// Telephone, as E.164 where the country is known.
    pub phone: Option<String>,
    /// Where they live.
    pub address: Option<AddressBody>,
    /// Number given by the state.
    pub national_id: Option<String>,
    /// Language tag (BCP 47).
    pub language: Option<String>,
    /// When they died.
    pub deceased_at: Option<Timestamp>,
    /// Numbers of other systems.
    pub identifiers: Vec<IdentifierBody>,
    /// Of a merged record: the one that stands for the person now.
    pub merged_into_id: Option<Uuid>,
    /// Numbers of the records that were merged into this one; they stay valid.
    pub retired_mrns: Vec<String>,
    /// Their account.
    pub user_id: Option<Uuid>,
    /// Since when the record exists.
    pub registered_at: Timestamp,
    /// Why the record was closed.
    pub deactivation_reason: Option<String>,
    /// Rises by one per change; also the `ETag`.
    pub version: i64,
}

impl PatientView {
    /// Opens a record and shows it.
    ///
    /// # Errors
    /// As [`person::open`].
    pub async fn open(
        vault: &Vault,
        connection: &mut PgConnection,
        patient: Patient,
    ) -> Result<Self, Error> {
        let person = person::open(vault, connection, &patient).await?;
        Ok(Self::of(patient, person))
    }

    /// Shows a record that was opened.
    #[must_use]
    pub fn of(patient: Patient, person: Person) -> Self {
        let Person {
            demographics: person,
            identifiers,
            deactivation_reason,
        } = person;
        Self {
            id: patient.id.uuid(),
            mrn: patient.mrn,
            status: patient.status,
            given_name: person.given_name,
            family_name: person.family_name,
            birth_date: person.birth_date,
            sex: person.sex,
            email: person.email.map(|email| email.as_str().to_owned()),
            phone: person.phone.map(|phone| phone.as_str().to_owned()),
            address: person.address.map(AddressBody::from),
            national_id: person.national_id.map(|id| id.as_str().to_owned()),
            language: person.language,
            deceased_at: person.deceased_at,
            identifiers: identifiers.into_iter().map(IdentifierBody::from).collect(),
            merged_into_id: patient.survivor_id.map(|id| id.uuid()),
            retired_mrns: patient.retired_mrns,
            user_id: patient.user_id.map(|id| id.uuid()),
            registered_at: patient.registered_at,
            deactivation_reason,
            version: patient.version,
        }
    }
}

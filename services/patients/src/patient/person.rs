//! The person of a record, and how they are sealed into its row.
//!
//! Everything that says who somebody is lies in one sealed column; beside it there are
//! only blind indexes (`blind.rs`) and the state of the record. Records travel sealed
//! through the service, and whoever shows or compares one opens it here.

use galen_kernel::{Pii, Timestamp};
use galen_vault::{Column, Error, SealedColumn, Vault};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::contact::{Email, Phone};
use super::demographics::{Address, Demographics, Identifier, NationalId, Sex};
use super::model::Patient;

/// Where persons are sealed.
pub const PERSON: Column<Person> = Column::new("patients", "patient", "demographics");

/// The same for the tools: a record is its own subject.
pub const SEALED: SealedColumn = SealedColumn {
    place: PERSON.place(),
    row: "id",
    subject: "t.id",
};

/// All that a record says about its person. Personal: has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Person {
    /// Who they are and how to reach them.
    pub demographics: Demographics,
    /// Numbers of other systems.
    pub identifiers: Vec<Identifier>,
    /// Why the record was closed, in the words of whoever closed it.
    pub deactivation_reason: Option<String>,
}

/// What is sealed. A form that was ever written stays readable; fields that join one
/// have a default.
#[derive(Serialize, Deserialize)]
#[serde(tag = "form")]
enum Stored {
    #[serde(rename = "1")]
    First(Box<First>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct First {
    given_name: String,
    family_name: String,
    birth_date: Date,
    sex: Sex,
    email: Option<String>,
    phone: Option<String>,
    address: Option<Address>,
    national_id: Option<String>,
    language: Option<String>,
    deceased_at: Option<Timestamp>,
    identifiers: Vec<Identifier>,
    deactivation_reason: Option<String>,
}

impl From<Person> for Stored {
    fn from(person: Person) -> Self {
        let who = person.demographics;
        Self::First(Box::new(First {
            given_name: who.given_name,
            family_name: who.family_name,
            birth_date: who.birth_date,
            sex: who.sex,
            email: who.email.map(|email| email.as_str().to_owned()),
            phone: who.phone.map(|phone| phone.as_str().to_owned()),
            address: who.address,
            national_id: who.national_id.map(|id| id.as_str().to_owned()),
            language: who.language,
            deceased_at: who.deceased_at,
            identifiers: person.identifiers,
            deactivation_reason: person.deactivation_reason,
        }))
    }
}

impl From<Stored> for Person {
    fn from(Stored::First(stored): Stored) -> Self {
        Self {
            demographics: Demographics {
                given_name: stored.given_name,
                family_name: stored.family_name,
                birth_date: stored.birth_date,
                sex: stored.sex,
                email: stored.email.map(Email::stored),
                phone: stored.phone.map(Phone::stored),
                address: stored.address,
                national_id: stored.national_id.map(NationalId::stored),
                language: stored.language,
                deceased_at: stored.deceased_at,
            },
            identifiers: stored.identifiers,
            deactivation_reason: stored.deactivation_reason,
        }
    }
}

/// The person of one record.
///
/// # Errors
/// [`Error::Erased`] when they were erased. Otherwise when it does not open, or the
/// database or the master keys fail.
pub async fn open(
    vault: &Vault,
    connection: &mut PgConnection,
    patient: &Patient,
) -> Result<Person, Error> {
    let keys = vault.keyring(connection, [&patient.sealed]).await?;
    let person = keys.open(&PERSON, patient.id, patient.id.uuid(), &patient.sealed)?;
    Ok(person.into_inner())
}

/// The persons of some records, with keys fetched at once; `None` for those who were
/// erased.
///
/// # Errors
/// When one does not open, or the database or the master keys fail: nothing is shown
/// around a damaged record.
pub async fn open_all(
    vault: &Vault,
    connection: &mut PgConnection,
    patients: &[Patient],
) -> Result<Vec<Option<Person>>, Error> {
    let keys = vault
        .keyring(connection, patients.iter().map(|patient| &patient.sealed))
        .await?;
    patients
        .iter()
        .map(|patient| {
            let (id, sealed) = (patient.id, &patient.sealed);
            let person = keys.open_unless_erased(&PERSON, id, id.uuid(), sealed)?;
            Ok(person.map(Pii::into_inner))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form that is in databases must be readable for ever: this text is what the
    /// migration and the service write.
    #[test]
    fn the_first_form_is_read_as_it_was_written() {
        let text = r#"{"form":"1","givenName":"Agustín","familyName":"Vallejo","birthDate":"1956-11-05","sex":"MALE",
            "email":null,"phone":"+15558376832","address":{"line":"1 Main Street","city":"Boston","state":null,"postalCode":"02101","country":"US"},
            "nationalId":"999-97-4496","language":"es","deceasedAt":"2020-02-03T04:05:06.789000Z",
            "identifiers":[{"system":"s","value":"1"}],"deactivationReason":"moved"}"#;
        let person: Person = serde_json::from_str(text).expect("a person");
        assert_eq!(
            person.demographics.birth_date,
            jiff::civil::date(1956, 11, 5)
        );
        let address = person.demographics.address.as_ref().expect("an address");
        assert_eq!(address.postal_code.as_deref(), Some("02101"));
        let written = serde_json::to_value(&person).expect("data");
        assert_eq!(
            written["deceasedAt"], "2020-02-03T04:05:06.789Z",
            "instants are written as JSON writes them elsewhere"
        );
        assert!(serde_json::from_value::<Person>(written).expect("a person") == person);
    }

    #[test]
    fn an_unknown_form_is_not_guessed_at() {
        assert!(serde_json::from_str::<Person>(r#"{"form":"2"}"#).is_err());
    }
}

//! Who a person is and how to reach them.
//!
//! Nothing here implements `Debug`: these values are personal and must not reach a log.

use std::str::FromStr;

use galen_kernel::{Timestamp, Violations};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::contact::{Email, Phone};
use super::name;
use crate::named::named;

named! {
    /// Administrative sex (FHIR `administrative-gender`).
    pub enum Sex {
        /// Male.
        Male = "MALE",
        /// Female.
        Female = "FEMALE",
        /// Neither.
        Other = "OTHER",
        /// Not known.
        Unknown = "UNKNOWN",
    }
}

/// Where a person lives. Its names are those that are sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Street and house number.
    pub line: String,
    /// City.
    pub city: String,
    /// State or province.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
}

impl Address {
    /// What two spellings of one address have in common.
    #[must_use]
    pub fn key(&self) -> String {
        name::key(&format!("{} {}", self.line, self.city))
    }

    /// As on an envelope.
    #[must_use]
    pub fn lines(self) -> Vec<String> {
        let town = match self.postal_code {
            Some(code) => format!("{code} {}", self.city),
            None => self.city,
        };
        [Some(self.line), Some(town), self.state, self.country]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// A number that a state gives a person.
#[derive(Clone, PartialEq, Eq)]
pub struct NationalId {
    text: String,
}

/// Not a number that a state gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be made of letters, digits, blanks and . / -")]
pub struct NationalIdError;

impl FromStr for NationalId {
    type Err = NationalIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let spelled = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '/' | '-'));
        let id = Self::stored(text.to_owned());
        if spelled && !id.key().is_empty() {
            Ok(id)
        } else {
            Err(NationalIdError)
        }
    }
}

impl NationalId {
    /// A number as it was stored.
    #[must_use]
    pub const fn stored(text: String) -> Self {
        Self { text }
    }

    /// As given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Without blanks and punctuation, in capitals: equal for two spellings of one number.
    #[must_use]
    pub fn key(&self) -> String {
        self.text
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_uppercase())
            .collect()
    }
}

/// A number by which another system knows a person. Its names are those that are sealed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identifier {
    /// Whose number it is: a URI.
    pub system: String,
    /// The number.
    pub value: String,
}

/// Everything a record says about the person.
#[derive(Clone, PartialEq, Eq)]
pub struct Demographics {
    /// Given names.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Day of birth.
    pub birth_date: Date,
    /// Administrative sex.
    pub sex: Sex,
    /// Electronic mail.
    pub email: Option<Email>,
    /// Telephone.
    pub phone: Option<Phone>,
    /// Where they live.
    pub address: Option<Address>,
    /// Number given by the state.
    pub national_id: Option<NationalId>,
    /// Language to speak with them (BCP 47).
    pub language: Option<String>,
    /// When they died.
    pub deceased_at: Option<Timestamp>,
}

impl Demographics {
    /// Notes what contradicts itself: nobody dies before they are born.
    pub fn check(&self, violations: &mut Violations, zone: &TimeZone) {
        if let Some(deceased_at) = self.deceased_at {
            let day = deceased_at.to_zoned(zone.clone()).date();
            violations.require(
                self.birth_date <= day,
                "/deceasedAt",
                "BEFORE_BIRTH",
                "must not lie before the day of birth",
            );
        }
    }

    /// The names of the fields in which two versions differ.
    #[must_use]
    pub fn changes(&self, other: &Self) -> Vec<&'static str> {
        [
            ("givenName", self.given_name != other.given_name),
            ("familyName", self.family_name != other.family_name),
            ("birthDate", self.birth_date != other.birth_date),
            ("sex", self.sex != other.sex),
            ("email", self.email != other.email),
            ("phone", self.phone != other.phone),
            ("address", self.address != other.address),
            ("nationalId", self.national_id != other.national_id),
            ("language", self.language != other.language),
            ("deceasedAt", self.deceased_at != other.deceased_at),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn somebody() -> Demographics {
        Demographics {
            given_name: "Agustín".to_owned(),
            family_name: "Vallejo".to_owned(),
            birth_date: date(1956, 11, 5),
            sex: Sex::Male,
            email: None,
            phone: None,
            address: None,
            national_id: None,
            language: None,
            deceased_at: None,
        }
    }

    fn codes(person: &Demographics) -> Vec<&'static str> {
        let mut violations = Violations::new();
        person.check(&mut violations, &TimeZone::UTC);
        violations.finish().map_or_else(
            |problem| problem.errors.iter().map(|e| e.code).collect(),
            |()| Vec::new(),
        )
    }

    #[test]
    fn nobody_dies_before_they_are_born() {
        let mut person = somebody();
        person.deceased_at = Some("1956-11-04T23:59:59Z".parse().expect("an instant"));
        assert_eq!(codes(&person), ["BEFORE_BIRTH"]);
        person.deceased_at = Some("1956-11-05T00:00:00Z".parse().expect("an instant"));
        assert!(codes(&person).is_empty());
    }

    #[test]
    fn changes_are_named_and_sameness_is_not_a_change() {
        let before = somebody();
        let mut after = before.clone();
        assert!(before.changes(&after).is_empty());
        after.family_name = "Vallejo Ruiz".to_owned();
        after.language = Some("es".to_owned());
        assert_eq!(before.changes(&after), ["familyName", "language"]);
    }
}

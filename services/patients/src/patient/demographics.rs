//! Who a person is and how to reach them: the fields of a record, each parsed once.
//!
//! Nothing here implements `Debug`: these values are personal and must not reach a log.

use galen_kernel::{Timestamp, Violations};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::contact::{CallingCode, Email, Phone};
use super::name;
use crate::input;
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

/// Where a person lives.
#[derive(Clone, PartialEq, Eq)]
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
}

/// A number that a state gives a person.
#[derive(Clone, PartialEq, Eq)]
pub struct NationalId {
    text: String,
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

/// A number by which another system knows a person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
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

/// What the fields of one request are read against.
pub struct Reader<'a> {
    /// Collects what is wrong.
    pub violations: &'a mut Violations,
    /// Now.
    pub now: Timestamp,
    /// The hospital's zone, for its today.
    pub zone: &'a TimeZone,
    /// The hospital's country, for telephone numbers.
    pub home: Option<&'a CallingCode>,
}

/// Most characters of a name.
pub const NAME_LENGTH: usize = 100;

impl Reader<'_> {
    /// A given or family name.
    pub fn name(&mut self, pointer: &str, text: &str) -> Option<String> {
        input::line(self.violations, pointer, text, NAME_LENGTH)
    }

    /// A day of birth, today at the latest.
    pub fn birth_date(&mut self, pointer: &str, text: &str) -> Option<Date> {
        let today = self.now.to_zoned(self.zone.clone()).date();
        input::day(self.violations, pointer, text, input::EARLIEST, today)
    }

    /// An instant that has passed.
    pub fn past(&mut self, pointer: &str, text: &str) -> Option<Timestamp> {
        input::instant(self.violations, pointer, text, self.now)
    }

    /// An electronic mail address.
    pub fn email(&mut self, pointer: &str, text: &str) -> Option<Email> {
        self.violations.keep(pointer, "INVALID_EMAIL", text.parse())
    }

    /// A telephone number.
    pub fn phone(&mut self, pointer: &str, text: &str) -> Option<Phone> {
        self.violations
            .keep(pointer, "INVALID_PHONE", Phone::parse(text, self.home))
    }

    /// A number given by a state: letters, digits, blanks and `. / -`.
    pub fn national_id(&mut self, pointer: &str, text: &str) -> Option<NationalId> {
        let text = input::line(self.violations, pointer, text, 64)?;
        let spelled = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '/' | '-'));
        let id = NationalId { text };
        let valid = spelled && !id.key().is_empty();
        self.violations.require(
            valid,
            pointer,
            "INVALID_NATIONAL_ID",
            "must be made of letters, digits, blanks and . / -",
        );
        valid.then_some(id)
    }

    /// A language tag (RFC 5646, its shape only).
    pub fn language(&mut self, pointer: &str, text: &str) -> Option<String> {
        let mut parts = text.split('-');
        let primary = parts.next().is_some_and(|part| {
            (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic())
        });
        let valid = primary
            && text.len() <= 35
            && parts.all(|part| {
                (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
            });
        self.violations.require(
            valid,
            pointer,
            "INVALID_LANGUAGE",
            "must be a language tag, such as de or en-US",
        );
        valid.then(|| text.to_owned())
    }

    /// A postal address.
    pub fn address(&mut self, pointer: &str, given: &AddressBody) -> Option<Address> {
        let mut optional = |field: &str, text: &Option<String>, longest| match text {
            Some(text) => input::line(
                self.violations,
                &format!("{pointer}/{field}"),
                text,
                longest,
            )
            .map(Some),
            None => Some(None),
        };
        let state = optional("state", &given.state, 100);
        let postal_code = optional("postalCode", &given.postal_code, 20);
        let country = given
            .country
            .as_ref()
            .map(|code| self.country(&format!("{pointer}/country"), code));
        let line = input::line(
            self.violations,
            &format!("{pointer}/line"),
            &given.line,
            200,
        );
        let city = input::line(
            self.violations,
            &format!("{pointer}/city"),
            &given.city,
            100,
        );
        let country = match country {
            Some(None) => return None,
            known => known.flatten(),
        };
        Some(Address {
            line: line?,
            city: city?,
            state: state?,
            postal_code: postal_code?,
            country,
        })
    }

    fn country(&mut self, pointer: &str, code: &str) -> Option<String> {
        let valid = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        self.violations.require(
            valid,
            pointer,
            "INVALID_COUNTRY",
            "must be two capital letters (ISO 3166-1)",
        );
        valid.then(|| code.to_owned())
    }

    /// An identifier of another system. The bar separates system and value in a
    /// search, so the system cannot hold one.
    pub fn identifier(&mut self, pointer: &str, given: &IdentifierBody) -> Option<Identifier> {
        let at = format!("{pointer}/system");
        let system = input::line(self.violations, &at, &given.system, 255);
        let separable = system.as_ref().is_none_or(|system| !system.contains('|'));
        self.violations
            .require(separable, &at, "INVALID_SYSTEM", "must not contain |");
        let value = input::line(
            self.violations,
            &format!("{pointer}/value"),
            &given.value,
            255,
        );
        Some(Identifier {
            system: system.filter(|_| separable)?,
            value: value?,
        })
    }
}

/// A postal address, as it is given and shown.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PatientAddress)]
pub struct AddressBody {
    /// Street and house number.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("1 Main Street")
    )]
    pub line: String,
    /// City.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Boston")
    )]
    pub city: String,
    /// State or province.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub state: Option<String>,
    /// Postal code.
    #[schema(
        min_length = 1,
        max_length = 20,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(min_length = 2, max_length = 2, pattern = "^[A-Z]{2}$", examples("US"))]
    pub country: Option<String>,
}

impl From<Address> for AddressBody {
    fn from(address: Address) -> Self {
        let Address {
            line,
            city,
            state,
            postal_code,
            country,
        } = address;
        Self {
            line,
            city,
            state,
            postal_code,
            country,
        }
    }
}

/// A number by which another system knows a person or an entry, as it is given and shown.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PatientIdentifier)]
pub struct IdentifierBody {
    /// Whose number it is: a URI without `|`.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^|\x00-\x1f\x7f-\x9f]*[^|\s\x00-\x1f\x7f-\x9f][^|\x00-\x1f\x7f-\x9f]*$",
        examples("https://hospital.example/patients")
    )]
    pub system: String,
    /// The number.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("9971058")
    )]
    pub value: String,
}

impl From<Identifier> for IdentifierBody {
    fn from(Identifier { system, value }: Identifier) -> Self {
        Self { system, value }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn codes(read: impl FnOnce(&mut Reader<'_>)) -> Vec<&'static str> {
        let mut violations = Violations::new();
        let now = "2026-06-01T12:00:00Z".parse().expect("an instant");
        read(&mut Reader {
            violations: &mut violations,
            now,
            zone: &TimeZone::UTC,
            home: None,
        });
        violations.finish().map_or_else(
            |problem| problem.errors.iter().map(|e| e.code).collect(),
            |()| Vec::new(),
        )
    }

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

    #[test]
    fn old_and_new_born_people_can_be_registered() {
        assert!(codes(|r| _ = r.birth_date("/birthDate", "1850-01-01")).is_empty());
        assert!(codes(|r| _ = r.birth_date("/birthDate", "2026-06-01")).is_empty());
        assert_eq!(
            codes(|r| _ = r.birth_date("/birthDate", "2026-06-02")),
            ["OUT_OF_RANGE"]
        );
    }

    #[test]
    fn national_ids_are_equal_however_they_are_spelled() {
        let key = |text: &str| {
            let mut violations = Violations::new();
            let now = Timestamp::UNIX_EPOCH;
            Reader {
                violations: &mut violations,
                now,
                zone: &TimeZone::UTC,
                home: None,
            }
            .national_id("/nationalId", text)
            .map(|id| id.key())
        };
        assert_eq!(key("999-97-4496"), key("999 974496"));
        assert_eq!(key("ab.12"), Some("AB12".to_owned()));
        assert_eq!(key("---"), None);
        assert_eq!(key("12\u{0}3"), None);
    }

    #[test]
    fn language_tags_have_their_shape() {
        for tag in ["de", "en-US", "zh-Hans-CN", "sr-Latn"] {
            assert!(
                codes(|r| _ = r.language("/language", tag)).is_empty(),
                "{tag}"
            );
        }
        for tag in ["", "d", "english", "en_US", "en-", "de-\u{e9}\u{e9}"] {
            assert_eq!(
                codes(|r| _ = r.language("/language", tag)),
                ["INVALID_LANGUAGE"],
                "{tag}"
            );
        }
    }

    #[test]
    fn every_wrong_field_of_an_address_is_named() {
        let given = AddressBody {
            line: " ".to_owned(),
            city: "x".repeat(101),
            state: Some("\0".to_owned()),
            postal_code: None,
            country: Some("us".to_owned()),
        };
        let mut found = codes(|r| assert!(r.address("/address", &given).is_none()));
        found.sort_unstable();
        assert_eq!(
            found,
            ["BLANK", "CONTROL_CHARACTER", "INVALID_COUNTRY", "TOO_LONG"]
        );
    }

    #[test]
    fn nobody_dies_before_they_are_born() {
        let mut person = somebody();
        person.deceased_at = Some("1956-11-04T23:59:59Z".parse().expect("an instant"));
        assert_eq!(
            codes(|r| person.check(r.violations, &TimeZone::UTC)),
            ["BEFORE_BIRTH"]
        );
        person.deceased_at = Some("1956-11-05T00:00:00Z".parse().expect("an instant"));
        assert!(codes(|r| person.check(r.violations, &TimeZone::UTC)).is_empty());
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

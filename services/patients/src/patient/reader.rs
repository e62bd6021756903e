//! Reading what a request says about a person: every field parsed once, everything
//! wrong noted.

use galen_kernel::{Timestamp, Violations, text};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::body::{AddressBody, IdentifierBody};
use super::contact::{CallingCode, Email, Phone};
use super::demographics::{Address, Identifier, NationalId};
use crate::input;

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
        text::line(self.violations, pointer, text, NAME_LENGTH)
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

    /// A number given by a state.
    pub fn national_id(&mut self, pointer: &str, text: &str) -> Option<NationalId> {
        let text = text::line(self.violations, pointer, text, 64)?;
        self.violations
            .keep(pointer, "INVALID_NATIONAL_ID", text.parse())
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
            Some(text) => text::line(
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
        let line = text::line(
            self.violations,
            &format!("{pointer}/line"),
            &given.line,
            200,
        );
        let city = text::line(
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
        let system = text::line(self.violations, &at, &given.system, 255);
        let separable = system.as_ref().is_none_or(|system| !system.contains('|'));
        self.violations
            .require(separable, &at, "INVALID_SYSTEM", "must not contain |");
        let value = text::line(
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

#[cfg(test)]
mod tests {
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
}

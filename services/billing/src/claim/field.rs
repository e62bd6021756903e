//! Fields of requests, refused precisely.

use galen_kernel::{Currency, Money, MoneyError, Violations};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::ToSchema;

use super::scrub::is_diagnosis;

/// A date `YYYY-MM-DD` of the years 1900 to 9998.
pub(crate) fn date(wrong: &mut Violations, pointer: &str, text: &str) -> Option<Date> {
    let shaped = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let read: Option<Date> = shaped.then(|| text.parse().ok()).flatten();
    match read {
        Some(date) if (1900..=9998).contains(&date.year()) => Some(date),
        Some(_) => {
            wrong.push(pointer, "OUT_OF_RANGE", "must be of the years 1900 to 9998");
            None
        }
        None => {
            wrong.push(pointer, "INVALID_VALUE", "must be a date YYYY-MM-DD");
            None
        }
    }
}

fn is_token(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn token(wrong: &mut Violations, pointer: &str, text: &str, most: usize) -> String {
    if !is_token(text, most) {
        wrong.push(
            pointer,
            "INVALID_CODE",
            format!("must be 1 to {most} letters, digits, points, dashes and underscores"),
        );
    }
    text.to_owned()
}

/// The code of a service.
pub(crate) fn service_code(wrong: &mut Violations, pointer: &str, text: &str) -> String {
    token(wrong, pointer, text, 64)
}

/// A number of somebody else: of a pre-authorisation, of a payment.
pub(crate) fn number(wrong: &mut Violations, pointer: &str, text: &str) -> String {
    token(wrong, pointer, text, 50)
}

/// An ICD-10 code.
pub(crate) fn diagnosis(wrong: &mut Violations, pointer: &str, text: &str) -> String {
    wrong.require(
        is_diagnosis(text),
        pointer,
        "NOT_ICD_10",
        "must be an ICD-10 code such as J45.9",
    );
    text.to_owned()
}

/// An amount of money in a request: nothing or more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = NonNegativeMoney)]
#[serde(deny_unknown_fields)]
pub struct NonNegativeMoney {
    /// A decimal string, with at most the currency's digits.
    #[schema(
        min_length = 1,
        max_length = 32,
        pattern = r"^[0-9]+(\.[0-9]+)?$",
        example = "150.00"
    )]
    amount: String,
    /// ISO 4217.
    #[schema(
        min_length = 3,
        max_length = 3,
        pattern = "^[A-Z]{3}$",
        example = "EUR"
    )]
    currency: String,
}

/// More than any sum of amounts may be: a hundredth of what 64 bits hold.
const LARGEST: i64 = i64::MAX / 100;

impl NonNegativeMoney {
    /// Reads it, or notes what is wrong with which of its fields.
    pub(crate) fn read(&self, wrong: &mut Violations, pointer: &str) -> Option<Money> {
        let currency = self.currency.parse::<Currency>();
        let unknown = format!("{pointer}/currency");
        let currency = wrong.keep(&unknown, "UNKNOWN_CURRENCY", currency)?;
        let at = format!("{pointer}/amount");
        match Money::parse(&self.amount, currency) {
            Ok(money) if (0..=LARGEST).contains(&money.minor) => return Some(money),
            Ok(money) if money.minor < 0 => {
                wrong.push(at, "NEGATIVE", "must not be less than zero");
            }
            Ok(_) | Err(MoneyError::Overflow) => {
                wrong.push(at, "AMOUNT_TOO_LARGE", "is too large");
            }
            Err(MoneyError::TooManyDigits) => {
                let why = MoneyError::TooManyDigits.to_string();
                wrong.push(at, "TOO_MANY_DIGITS", why);
            }
            Err(error) => wrong.push(at, "NOT_DECIMAL", error.to_string()),
        }
        None
    }

    /// Reads one that must be of a currency.
    pub(crate) fn of(
        &self,
        wrong: &mut Violations,
        pointer: &str,
        currency: Option<Currency>,
    ) -> Option<i64> {
        let money = self.read(wrong, pointer)?;
        if currency.is_some_and(|currency| currency != money.currency) {
            let at = format!("{pointer}/currency");
            wrong.push(
                at,
                "CURRENCY_MISMATCH",
                "must be the same currency everywhere",
            );
            return None;
        }
        Some(money.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(check: impl FnOnce(&mut Violations)) -> Option<&'static str> {
        let mut wrong = Violations::new();
        check(&mut wrong);
        wrong.finish().err().map(|problem| problem.errors[0].code)
    }

    #[test]
    fn a_date_is_a_day_of_the_calendar() {
        let check = |text: &str| refusal(|wrong| _ = date(wrong, "/on", text));
        assert_eq!(check("2026-02-28"), None);
        for text in [
            "2026-02-30",
            "2026-2-3",
            "-00001-01-01",
            "",
            "2026-02-28T00:00",
        ] {
            assert_eq!(check(text), Some("INVALID_VALUE"), "{text}");
        }
        assert_eq!(check("0001-01-01"), Some("OUT_OF_RANGE"));
    }

    #[test]
    fn an_amount_may_be_nothing_and_no_less() {
        let check = |amount: &str| {
            let given = NonNegativeMoney {
                amount: amount.to_owned(),
                currency: "EUR".to_owned(),
            };
            refusal(|wrong| _ = given.read(wrong, "/amount"))
        };
        assert_eq!(check("0.00"), None);
        assert_eq!(check("-0.01"), Some("NEGATIVE"));
        assert_eq!(check("0.001"), Some("TOO_MANY_DIGITS"));
        assert_eq!(check("99999999999999999"), Some("AMOUNT_TOO_LARGE"));
        assert_eq!(check("1e3"), Some("NOT_DECIMAL"));
    }

    #[test]
    fn a_code_is_short_and_plain() {
        let check = |text: &str| refusal(|wrong| _ = service_code(wrong, "/code", text));
        assert_eq!(check("MRI-HEAD"), None);
        for text in ["", "-A", "A B", "Ä", "\0", &"A".repeat(65)] {
            assert_eq!(check(text), Some("INVALID_CODE"), "{text}");
        }
    }
}

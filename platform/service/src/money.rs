//! Money in requests and answers: `{"amount":"150.00","currency":"EUR"}`.

use galen_kernel::{Currency, Money, MoneyError, Violations};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount of money in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Money)]
pub struct MoneyView {
    /// A decimal string with the currency's digits.
    #[schema(example = "150.00")]
    pub amount: String,
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    pub currency: String,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self {
            amount: money.to_string(),
            currency: money.currency.code().to_owned(),
        }
    }
}

/// An amount of money in a request that moves some: more than zero.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = PositiveMoney)]
#[serde(deny_unknown_fields)]
pub struct PositiveMoney {
    /// A decimal string, more than zero, with at most the currency's digits.
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

impl PositiveMoney {
    /// Reads it, or notes what is wrong with which of its fields; `pointer` is its own.
    pub fn read(&self, wrong: &mut Violations, pointer: &str) -> Option<Money> {
        positive(wrong, pointer, &self.amount, &self.currency)
    }
}

/// Reads the two fields of an amount that has to be more than zero, or notes what is wrong
/// with which of them; `pointer` is the amount's own.
pub fn positive(
    wrong: &mut Violations,
    pointer: &str,
    amount: &str,
    currency: &str,
) -> Option<Money> {
    at_least(1, wrong, pointer, (amount, currency))
}

/// As [`positive`], of an amount that may be zero.
pub fn not_negative(
    wrong: &mut Violations,
    pointer: &str,
    amount: &str,
    currency: &str,
) -> Option<Money> {
    at_least(0, wrong, pointer, (amount, currency))
}

fn at_least(
    least: i64,
    wrong: &mut Violations,
    pointer: &str,
    (amount, currency): (&str, &str),
) -> Option<Money> {
    let unknown = format!("{pointer}/currency");
    let currency = wrong.keep(&unknown, "UNKNOWN_CURRENCY", currency.parse::<Currency>())?;
    let at = format!("{pointer}/amount");
    match Money::parse(amount, currency) {
        Ok(money) if money.minor >= least => return Some(money),
        Ok(_) if least > 0 => wrong.push(at, "NOT_POSITIVE", "must be more than zero"),
        Ok(_) => wrong.push(at, "NEGATIVE", "must not be less than zero"),
        Err(error) => wrong.push(at, code(error), error.to_string()),
    }
    None
}

const fn code(error: MoneyError) -> &'static str {
    match error {
        MoneyError::UnknownCurrency => "UNKNOWN_CURRENCY",
        MoneyError::NotDecimal => "NOT_DECIMAL",
        MoneyError::TooManyDigits => "TOO_MANY_DIGITS",
        MoneyError::Overflow => "AMOUNT_TOO_LARGE",
        MoneyError::CurrencyMismatch => "CURRENCY_MISMATCH",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(amount: &str, currency: &str) -> Result<i64, (String, &'static str)> {
        let mut wrong = Violations::new();
        let given = PositiveMoney {
            amount: amount.into(),
            currency: currency.into(),
        };
        given
            .read(&mut wrong, "/amount")
            .map(|money| money.minor)
            .ok_or_else(|| {
                let error = wrong.finish().expect_err("it says why").errors.remove(0);
                (error.pointer, error.code)
            })
    }

    #[test]
    fn what_moves_is_more_than_zero_and_has_the_digits_of_its_currency() {
        assert_eq!(read("150.00", "EUR"), Ok(15_000));
        assert_eq!(read("150", "JPY"), Ok(150));
        for (amount, currency, pointer, code) in [
            ("0.00", "EUR", "/amount/amount", "NOT_POSITIVE"),
            ("-1.00", "EUR", "/amount/amount", "NOT_POSITIVE"),
            ("1.234", "EUR", "/amount/amount", "TOO_MANY_DIGITS"),
            ("1.5", "JPY", "/amount/amount", "TOO_MANY_DIGITS"),
            ("1e3", "EUR", "/amount/amount", "NOT_DECIMAL"),
            ("", "EUR", "/amount/amount", "NOT_DECIMAL"),
            ("\0", "EUR", "/amount/amount", "NOT_DECIMAL"),
            (
                "92233720368547758.08",
                "EUR",
                "/amount/amount",
                "AMOUNT_TOO_LARGE",
            ),
            ("1.00", "XXX", "/amount/currency", "UNKNOWN_CURRENCY"),
        ] {
            assert_eq!(
                read(amount, currency),
                Err((pointer.to_owned(), code)),
                "{amount} {currency}"
            );
        }
    }

    #[test]
    fn what_is_counted_may_be_nothing_and_not_less() {
        let counted = |amount| {
            let mut wrong = Violations::new();
            let read = not_negative(&mut wrong, "/total", amount, "EUR");
            let refused = wrong.finish().err().map(|problem| problem.errors[0].code);
            read.map(|money| money.minor).ok_or(refused)
        };
        assert_eq!(counted("0"), Ok(0));
        assert_eq!(counted("0.01"), Ok(1));
        assert_eq!(counted("-0.01"), Err(Some("NEGATIVE")));
    }
}

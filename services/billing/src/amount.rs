//! Amounts of money as the API takes and shows them.

use galen_kernel::{Currency, Money, Violations};
use galen_service::money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// More than anybody is ever asked for at once, in minor units; sums of it stay far
/// below what can be written down.
pub(crate) const MOST: i64 = 1_000_000_000_000;

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Amount)]
#[serde(deny_unknown_fields)]
pub struct AmountView {
    /// A decimal string with at most the currency's digits.
    #[schema(
        pattern = r"^-?[0-9]{1,12}(\.[0-9]{1,3})?$",
        max_length = 17,
        example = "150.00"
    )]
    pub amount: String,
    /// ISO 4217.
    #[schema(
        pattern = "^[A-Z]{3}$",
        min_length = 3,
        max_length = 3,
        example = "EUR"
    )]
    pub currency: String,
}

impl AmountView {
    /// Minor units of a currency.
    #[must_use]
    pub fn of(minor: i64, currency: Currency) -> Self {
        Money { minor, currency }.into()
    }

    /// Reads a field that has to be more than nothing.
    pub fn positive(&self, wrong: &mut Violations, pointer: &str) -> Option<Money> {
        let money = money::positive(wrong, pointer, &self.amount, &self.currency)?;
        bearable(wrong, pointer, money)
    }

    /// Reads a field that may be nothing, but not less.
    pub fn not_negative(&self, wrong: &mut Violations, pointer: &str) -> Option<Money> {
        let money = money::not_negative(wrong, pointer, &self.amount, &self.currency)?;
        bearable(wrong, pointer, money)
    }
}

fn bearable(wrong: &mut Violations, pointer: &str, money: Money) -> Option<Money> {
    if money.minor <= MOST {
        return Some(money);
    }
    let pointer = format!("{pointer}/amount");
    wrong.push(pointer, "AMOUNT_TOO_LARGE", "is too large");
    None
}

impl From<Money> for AmountView {
    fn from(money: Money) -> Self {
        Self {
            amount: money.to_string(),
            currency: money.currency.code().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(amount: &str, currency: &str) -> Option<(String, &'static str)> {
        let mut wrong = Violations::new();
        let given = AmountView {
            amount: amount.to_owned(),
            currency: currency.to_owned(),
        };
        let read = given.positive(&mut wrong, "/amount");
        let refused = wrong.finish().err();
        assert_eq!(read.is_none(), refused.is_some());
        refused.map(|problem| (problem.errors[0].pointer.clone(), problem.errors[0].code))
    }

    #[test]
    fn an_amount_is_exact_positive_and_bearable() {
        assert_eq!(refusal("150.00", "EUR"), None);
        for (amount, currency, pointer, code) in [
            ("0.00", "EUR", "/amount/amount", "NOT_POSITIVE"),
            ("-1", "EUR", "/amount/amount", "NOT_POSITIVE"),
            ("1.001", "EUR", "/amount/amount", "TOO_MANY_DIGITS"),
            ("1,00", "EUR", "/amount/amount", "NOT_DECIMAL"),
            ("1", "XXX", "/amount/currency", "UNKNOWN_CURRENCY"),
            ("99999999999", "EUR", "/amount/amount", "AMOUNT_TOO_LARGE"),
            (
                "99999999999999999999",
                "EUR",
                "/amount/amount",
                "AMOUNT_TOO_LARGE",
            ),
        ] {
            assert_eq!(
                refusal(amount, currency),
                Some((pointer.to_owned(), code)),
                "{amount} {currency}"
            );
        }
    }
}

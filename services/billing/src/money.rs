//! Amounts as the API shows them.

use galen_contracts::securepay::v1 as wire;
use galen_kernel::{Currency, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The largest amount of one price or one line, in minor units: ten billion euro.
pub const LARGEST: i64 = 1_000_000_000_000;

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Money)]
pub struct MoneyView {
    /// A decimal string with the currency's digits.
    #[schema(pattern = r"^-?[0-9]{1,17}(\.[0-9]{1,3})?$", example = "150.00")]
    pub amount: String,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
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

impl MoneyView {
    /// Minor units of a currency.
    #[must_use]
    pub fn of(minor: i64, currency: Currency) -> Self {
        Money { minor, currency }.into()
    }
}

/// Money as other services are told it.
#[must_use]
pub fn to_wire(money: Money) -> wire::Money {
    wire::Money {
        minor: money.minor,
        currency: money.currency.code().to_owned(),
    }
}

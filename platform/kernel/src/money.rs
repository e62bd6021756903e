//! Money: integer minor units and an ISO 4217 currency. Never a float.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A currency Galen can hold, with its number of minor digits (ISO 4217).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Currency([u8; 3]);

/// Code and minor digits of the active currencies that hospitals meet; a currency
/// that is missing here is refused rather than guessed to have two digits.
const CURRENCIES: &[(&str, u32)] = &[
    ("AED", 2),
    ("AUD", 2),
    ("BGN", 2),
    ("BHD", 3),
    ("BRL", 2),
    ("CAD", 2),
    ("CHF", 2),
    ("CLP", 0),
    ("CNY", 2),
    ("CZK", 2),
    ("DKK", 2),
    ("EGP", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("HKD", 2),
    ("HUF", 2),
    ("IDR", 2),
    ("ILS", 2),
    ("INR", 2),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KES", 2),
    ("KRW", 0),
    ("KWD", 3),
    ("MAD", 2),
    ("MXN", 2),
    ("MYR", 2),
    ("NGN", 2),
    ("NOK", 2),
    ("NZD", 2),
    ("OMR", 3),
    ("PHP", 2),
    ("PKR", 2),
    ("PLN", 2),
    ("QAR", 2),
    ("RON", 2),
    ("RSD", 2),
    ("SAR", 2),
    ("SEK", 2),
    ("SGD", 2),
    ("THB", 2),
    ("TND", 3),
    ("TRY", 2),
    ("TWD", 2),
    ("UAH", 2),
    ("UGX", 0),
    ("USD", 2),
    ("VND", 0),
    ("ZAR", 2),
];

impl Currency {
    /// The alphabetic code.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency is made of ASCII letters")
    }

    /// Digits after the decimal point.
    #[must_use]
    pub fn digits(&self) -> u32 {
        CURRENCIES
            .iter()
            .find(|(code, _)| *code == self.code())
            .map_or(2, |(_, digits)| *digits)
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        CURRENCIES
            .iter()
            .find(|(code, _)| *code == s)
            .and_then(|(code, _)| code.as_bytes().try_into().ok().map(Self))
            .ok_or(MoneyError::UnknownCurrency)
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

/// An amount of one currency in its minor unit (cents for EUR, yen for JPY).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units; may be negative.
    pub minor: i64,
    /// What they are units of.
    pub currency: Currency,
}

/// Why a text or a sum is not money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not an ISO 4217 code that Galen knows.
    #[error("is not a known ISO 4217 currency code")]
    UnknownCurrency,
    /// Not a plain decimal number.
    #[error("must be a decimal number such as \"150.00\"")]
    NotDecimal,
    /// More digits than the currency has.
    #[error("has more digits after the point than the currency")]
    TooManyDigits,
    /// Outside what 64 bits of minor units hold.
    #[error("is too large")]
    Overflow,
    /// Two currencies in one sum.
    #[error("mixes currencies")]
    CurrencyMismatch,
}

impl Money {
    /// Reads a decimal string exactly.
    ///
    /// # Errors
    /// [`MoneyError`] for anything that is not a plain decimal with at most the
    /// currency's digits.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, digits) = match amount.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, amount),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty()
            || !plain(whole)
            || !plain(fraction)
            || (digits.contains('.') && fraction.is_empty())
        {
            return Err(MoneyError::NotDecimal);
        }
        let scale = currency.digits() as usize;
        if fraction.len() > scale {
            return Err(MoneyError::TooManyDigits);
        }
        let text = format!(
            "{}{whole}{fraction:0<scale$}",
            if negative { "-" } else { "" }
        );
        let minor = text.parse().map_err(|_| MoneyError::Overflow)?;
        Ok(Self { minor, currency })
    }

    /// The sum of two amounts of one currency.
    ///
    /// # Errors
    /// On different currencies or overflow.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        let minor = self
            .minor
            .checked_add(other.minor)
            .ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }
}

/// The amount as a decimal string with exactly the currency's digits.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.currency.digits();
        let unit = 10_u64.pow(scale);
        let (sign, value) = (
            if self.minor < 0 { "-" } else { "" },
            self.minor.unsigned_abs(),
        );
        if scale == 0 {
            return write!(f, "{sign}{value}");
        }
        write!(
            f,
            "{sign}{}.{:0width$}",
            value / unit,
            value % unit,
            width = scale as usize
        )
    }
}

/// The wire form: `{"amount":"150.00","currency":"EUR"}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    amount: String,
    currency: Currency,
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire {
            amount: self.to_string(),
            currency: self.currency,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Self::parse(&wire.amount, wire.currency).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap_or_else(|e| panic!("{code}: {e}"))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(minor: i64, at in 0..CURRENCIES.len()) {
            let money = Money { minor, currency: currency(CURRENCIES[at].0) };
            prop_assert_eq!(Money::parse(&money.to_string(), money.currency), Ok(money));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Money::parse(&text, currency("EUR"));
        }
    }

    #[test]
    fn digits_follow_the_currency() {
        assert_eq!(
            Money::parse("150", currency("EUR")).map(|m| m.minor),
            Ok(15000)
        );
        assert_eq!(
            Money::parse("1.5", currency("EUR")).map(|m| m.minor),
            Ok(150)
        );
        assert_eq!(
            Money::parse("1.555", currency("EUR")),
            Err(MoneyError::TooManyDigits)
        );
        assert_eq!(
            Money::parse("1.555", currency("KWD")).map(|m| m.minor),
            Ok(1555)
        );
        assert_eq!(
            Money::parse("1.0", currency("JPY")),
            Err(MoneyError::TooManyDigits)
        );
        assert_eq!(
            Money::parse("1.", currency("EUR")),
            Err(MoneyError::NotDecimal)
        );
        assert_eq!(
            Money::parse("1e2", currency("EUR")),
            Err(MoneyError::NotDecimal)
        );
        assert_eq!(
            Money::parse("99999999999999999999", currency("EUR")),
            Err(MoneyError::Overflow)
        );
        assert_eq!("EURO".parse::<Currency>(), Err(MoneyError::UnknownCurrency));
    }
}

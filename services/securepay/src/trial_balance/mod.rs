//! The trial balance: of every currency, what was debited and credited by kind of
//! account. Both columns have the same sum, or something is wrong.

mod store;

use galen_kernel::{Currency, Money};
use serde::Serialize;

pub use store::{read, read_before};

/// The books of one currency.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Book {
    /// Which.
    pub currency: Currency,
    /// By kind of account.
    pub rows: Vec<Row>,
    /// All of them.
    pub total: Row,
}

/// The accounts of one kind together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// What they are for; `TOTAL` for all.
    pub kind: String,
    /// How many.
    pub accounts: i64,
    /// What was posted on one side.
    pub debits: Sum,
    /// What was posted on the other.
    pub credits: Sum,
    /// Credits without debits.
    pub balance: Sum,
}

/// A sum of amounts, which may be larger than any one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// Minor units.
    pub minor: i128,
    /// What they are units of.
    pub currency: Currency,
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { minor, currency } = *self;
        if let Ok(minor) = i64::try_from(minor) {
            return Money { minor, currency }.fmt(f);
        }
        let unit = 10_u128.pow(currency.digits());
        let sign = if minor < 0 { "-" } else { "" };
        let (whole, rest) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
        match currency.digits() {
            0 => write!(f, "{sign}{whole}"),
            digits => write!(f, "{sign}{whole}.{rest:0width$}", width = digits as usize),
        }
    }
}

impl Serialize for Sum {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Book {
    /// Adds rows up.
    #[must_use]
    pub fn new(currency: Currency, rows: Vec<Row>) -> Self {
        let sum = |of: fn(&Row) -> Sum| Sum {
            minor: rows.iter().map(|row| of(row).minor).sum(),
            currency,
        };
        let total = Row {
            kind: "TOTAL".to_owned(),
            accounts: rows.iter().map(|row| row.accounts).sum(),
            debits: sum(|row| row.debits),
            credits: sum(|row| row.credits),
            balance: sum(|row| row.balance),
        };
        Self {
            currency,
            rows,
            total,
        }
    }

    /// Whether as much was debited as credited.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.total.debits == self.total.credits && self.total.balance.minor == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str, debits: i128, credits: i128) -> Row {
        let currency = "EUR".parse().unwrap();
        let sum = |minor| Sum { minor, currency };
        Row {
            kind: kind.to_owned(),
            accounts: 1,
            debits: sum(debits),
            credits: sum(credits),
            balance: sum(credits - debits),
        }
    }

    #[test]
    fn books_balance_when_both_sides_are_equal() {
        let euros = "EUR".parse().unwrap();
        let book = Book::new(euros, vec![row("WALLET", 100, 300), row("BANK", 300, 100)]);
        assert!(book.balances());
        assert_eq!((book.total.accounts, book.total.debits.minor), (2, 400));
        assert!(!Book::new(euros, vec![row("WALLET", 100, 300)]).balances());
    }

    #[test]
    fn a_sum_is_written_with_the_digits_of_its_currency_however_large() {
        let text = |minor, code: &str| {
            let currency = code.parse().unwrap();
            Sum { minor, currency }.to_string()
        };
        assert_eq!(text(-15_005, "EUR"), "-150.05");
        assert_eq!(text(7, "JPY"), "7");
        let beyond = i128::from(i64::MAX) * 10;
        assert_eq!(text(beyond, "EUR"), "922337203685477580.70");
        assert_eq!(text(-beyond, "KWD"), "-92233720368547758.070");
        assert_eq!(text(beyond, "JPY"), "92233720368547758070");
    }
}

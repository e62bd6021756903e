//! Whose paper it is: what an operator says about the hospital, and when invoices are
//! due.

use galen_service::{Config, ConfigError, Setting};
use jiff::ToSpan as _;
use jiff::civil::Date;

const NAME: &str = "billing.hospital.name";
const ADDRESS: &str = "billing.hospital.address";
const CONTACT: &str = "billing.hospital.contact";
const TAX_NUMBER: &str = "billing.hospital.tax_number";
const ACCOUNT: &str = "billing.hospital.bank_account";
const NOTE: &str = "billing.invoice.note";
const DUE_DAYS: &str = "billing.invoice.due_days";

/// Most letters of a line.
const LONGEST: usize = 120;
/// Most letters of what stands at the foot, beside the name.
pub(super) const SHORT: usize = 60;
/// Most lines of a setting.
const MOST_LINES: usize = 5;

const fn setting(key: &'static str, doc: &'static str) -> Setting {
    Setting {
        key,
        doc,
        secret: false,
    }
}

/// All of them, for `--help` and the check of the file.
pub(crate) const SETTINGS: &[Setting] = &[
    setting(
        NAME,
        "The hospital's name on printed documents; Galen Hospital.",
    ),
    setting(
        ADDRESS,
        "Its address on printed documents, lines separated by semicolons; none.",
    ),
    setting(
        CONTACT,
        "How to reach it, on printed documents, lines separated by semicolons; none.",
    ),
    setting(
        TAX_NUMBER,
        "Its tax or registration number, at the foot of printed documents; none.",
    ),
    setting(
        ACCOUNT,
        "The bank account that invoices ask to pay to, such as an IBAN; none.",
    ),
    setting(
        NOTE,
        "What stands below every invoice, such as why it bears no tax; none.",
    ),
    setting(
        DUE_DAYS,
        "Days after which what an invoice asks for is due, 0 to 365; 30.",
    ),
];

/// What stands on the hospital's paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letterhead {
    /// The hospital's name.
    pub name: String,
    /// Its address, by line.
    pub address: Vec<String>,
    /// How to reach it, by line.
    pub contact: Vec<String>,
    /// Its tax or registration number.
    pub tax_number: Option<String>,
    /// Where to pay to.
    pub account: Option<String>,
    /// What stands below every invoice.
    pub note: Option<String>,
    /// Days until what is asked for is due.
    pub due_days: u16,
}

impl Default for Letterhead {
    fn default() -> Self {
        Self {
            name: "Galen Hospital".to_owned(),
            address: Vec::new(),
            contact: Vec::new(),
            tax_number: None,
            account: None,
            note: None,
            due_days: 30,
        }
    }
}

impl Letterhead {
    /// Reads it.
    ///
    /// # Errors
    /// When a line is empty or too long, or there are too many.
    pub fn read(config: &Config) -> Result<Self, ConfigError> {
        let usual = Self::default();
        let due_days = config.get_or(DUE_DAYS, usual.due_days)?;
        if due_days > 365 {
            return Err(invalid(DUE_DAYS, "must be 0 to 365"));
        }
        let (tax_number, account) = (line(config, TAX_NUMBER)?, line(config, ACCOUNT)?);
        for (key, text) in [(TAX_NUMBER, &tax_number), (ACCOUNT, &account)] {
            if text
                .as_ref()
                .is_some_and(|text| text.chars().count() > SHORT)
            {
                return Err(invalid(key, "must be at most 60 letters"));
            }
        }
        Ok(Self {
            name: line(config, NAME)?.unwrap_or(usual.name),
            address: lines(config, ADDRESS)?,
            contact: lines(config, CONTACT)?,
            tax_number,
            account,
            note: config.get(NOTE)?,
            due_days,
        })
    }

    /// What stands at the foot of every page.
    #[must_use]
    pub fn foot(&self) -> String {
        let account = self.account.as_ref();
        let parts = [
            Some(self.name.clone()),
            self.tax_number.clone(),
            account.map(|account| format!("Bank account {account}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// When what began to be owed on a day is due; at the end of time at the latest.
    #[must_use]
    pub fn due(&self, owed: Date) -> Date {
        owed.saturating_add(i64::from(self.due_days).days())
    }
}

fn invalid(key: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid {
        key: key.to_owned(),
        reason: reason.to_owned(),
    }
}

fn line(config: &Config, key: &str) -> Result<Option<String>, ConfigError> {
    let mut lines = lines(config, key)?;
    if lines.len() > 1 {
        return Err(invalid(key, "must be one line"));
    }
    Ok(lines.pop())
}

fn lines(config: &Config, key: &str) -> Result<Vec<String>, ConfigError> {
    let Some(given) = config.get::<String>(key)? else {
        return Ok(Vec::new());
    };
    let lines: Vec<String> = given
        .split(';')
        .map(|line| line.trim().to_owned())
        .collect();
    let fits = |line: &String| !line.is_empty() && line.chars().count() <= LONGEST;
    if lines.len() > MOST_LINES || !lines.iter().all(fits) {
        return Err(invalid(key, "must be at most 5 lines of 1 to 120 letters"));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, value: &str) -> Result<Letterhead, ConfigError> {
        Letterhead::read(&Config::from_values(
            [(key.to_owned(), value.to_owned())].into(),
        ))
    }

    #[test]
    fn an_address_has_lines() {
        let set = read(ADDRESS, "1 High Street; 06100 Ankara").expect("an address");
        assert_eq!(set.address, ["1 High Street", "06100 Ankara"]);
        assert_eq!(
            set,
            Letterhead {
                address: set.address.clone(),
                ..Letterhead::default()
            }
        );
    }

    #[test]
    fn nonsense_is_refused_with_its_key() {
        let long = "x".repeat(121);
        for (key, value) in [
            (ADDRESS, "a;;b"),
            (ADDRESS, "a;b;c;d;e;f"),
            (NAME, "a;b"),
            (NAME, " "),
            (CONTACT, long.as_str()),
            (ACCOUNT, &long[..61]),
            (DUE_DAYS, "366"),
            (DUE_DAYS, "-1"),
        ] {
            let error = read(key, value).expect_err("nonsense");
            assert!(error.to_string().contains(key), "{error}");
        }
    }

    #[test]
    fn what_is_owed_is_due_later() {
        let set = read(DUE_DAYS, "14").expect("days");
        assert_eq!(
            set.due(Date::constant(2026, 12, 25)),
            Date::constant(2027, 1, 8)
        );
        assert_eq!(set.due(Date::MAX), Date::MAX);
    }
}

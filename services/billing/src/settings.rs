//! What an operator can set, read once at the start.

use std::str::FromStr;
use std::sync::LazyLock;

use galen_kernel::Currency;
use galen_service::{Config, ConfigError, Setting};

use crate::print::letterhead;
use crate::{cash_session, claim, payment_plan, prepayment};

const CURRENCY: &str = "billing.currency";
/// How much of an appointment is paid before it.
pub(crate) const PREPAYMENT: &str = "billing.prepayment";

/// What can be set.
pub(crate) static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    [
        OWN,
        prepayment::terms::SETTINGS,
        claim::settings::SETTINGS,
        letterhead::SETTINGS,
        cash_session::settings::SETTINGS,
        payment_plan::settings::SETTINGS,
    ]
    .concat()
});

/// What concerns all of it.
const OWN: &[Setting] = &[
    Setting {
        key: CURRENCY,
        doc: "Currency that the hospital keeps its prices, invoices and plans in, ISO 4217; EUR.",
        secret: false,
    },
    Setting {
        key: PREPAYMENT,
        doc: "What patients are asked to pay before an appointment: none, share (what they are expected to owe) or full (the price); none.",
        secret: false,
    },
];

/// What patients are asked to pay before an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prepayment {
    /// Nothing.
    None,
    /// What the patient is expected to owe.
    Share,
    /// The price.
    Full,
}

impl FromStr for Prepayment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "share" => Ok(Self::Share),
            "full" => Ok(Self::Full),
            _ => Err("must be none, share or full"),
        }
    }
}

/// What everything is counted in.
///
/// # Errors
/// When it is not a currency.
pub(crate) fn currency(config: &Config) -> Result<Currency, ConfigError> {
    let usual = "EUR".parse().expect("the euro is a currency");
    config.get_or(CURRENCY, usual)
}

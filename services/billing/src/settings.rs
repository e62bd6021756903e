//! What an operator can set, read once at the start.

use galen_kernel::Currency;
use galen_service::{Config, ConfigError, Setting};

const CURRENCY: &str = "billing.currency";

/// What can be set.
pub(crate) const SETTINGS: &[Setting] = &[Setting {
    key: CURRENCY,
    doc: "Currency that the hospital keeps its prices, invoices and plans in, ISO 4217; EUR.",
    secret: false,
}];

/// What everything is counted in.
///
/// # Errors
/// When it is not a currency.
pub(crate) fn currency(config: &Config) -> Result<Currency, ConfigError> {
    let usual = "EUR".parse().expect("the euro is a currency");
    config.get_or(CURRENCY, usual)
}

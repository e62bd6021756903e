//! What an operator can set about tills.

use galen_service::{Config, ConfigError, Setting};

const TOLERANCE: &str = "billing.cash.tolerance";

/// All of it, for `--help` and the check of the file.
pub(crate) const SETTINGS: &[Setting] = &[Setting {
    key: TOLERANCE,
    doc: "Minor units that a counted till may differ from what should be in it before another person has to agree; 0.",
    secret: false,
}];

/// By how much a till may differ without another person; minor units.
///
/// # Errors
/// When it is not a number.
pub(crate) fn tolerance(config: &Config) -> Result<i64, ConfigError> {
    config.get_or(TOLERANCE, 0_u32).map(i64::from)
}

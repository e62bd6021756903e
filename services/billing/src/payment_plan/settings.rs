//! What an operator can set about payment plans.

use galen_service::{Config, ConfigError, Setting};
use jiff::{Span, ToSpan as _};

const GRACE: &str = "billing.payment-plans.grace-days";
/// The longest grace that makes sense.
const LONGEST: u16 = 365;

/// All of it, for `--help` and the check of the file.
pub(crate) const SETTINGS: &[Setting] = &[Setting {
    key: GRACE,
    doc: "Days after the day of an instalment until which it may still be paid before its plan is given up; 7.",
    secret: false,
}];

/// How long after its day an instalment may be paid.
///
/// # Errors
/// When it is not a number of days.
pub(crate) fn grace(config: &Config) -> Result<Span, ConfigError> {
    let days = config.get_or(GRACE, 7_u16)?;
    if days > LONGEST {
        return Err(ConfigError::Invalid {
            key: GRACE.to_owned(),
            reason: format!("must be 0 to {LONGEST}"),
        });
    }
    Ok(i64::from(days).days())
}

//! What cancelling late and not coming costs. Pure, but for reading the settings.

use std::str::FromStr;

use galen_kernel::Timestamp;
use galen_service::{Config, ConfigError, Setting};
use jiff::SignedDuration;

const LATE_FEE: &str = "billing.late-cancellation-fee";
const NOTICE: &str = "billing.cancellation-notice";
const NO_SHOW_FEE: &str = "billing.no-show-fee";
const GRACE: &str = "billing.no-show-grace";

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
        LATE_FEE,
        "Percent of a prepayment that is kept when the patient cancels later than the notice; 0.",
    ),
    setting(
        NOTICE,
        "Hours before an appointment until which cancelling costs nothing; 24.",
    ),
    setting(
        NO_SHOW_FEE,
        "Percent of a prepayment that is kept when the patient does not come; 0.",
    ),
    setting(
        GRACE,
        "Hours after a no-show was noted until its prepayment is settled: it may have been noted in error; 24.",
    ),
];

/// The longest notice and grace, in hours.
const LONGEST: u16 = 31 * 24;

/// A part of a whole, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Percent(u8);

impl Percent {
    /// A hundred at most.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        if value <= 100 {
            Some(Self(value))
        } else {
            None
        }
    }

    /// That part of an amount; what cannot be divided stays the patient's.
    #[must_use]
    pub fn of(self, minor: i64) -> i64 {
        let part = i128::from(minor) * i128::from(self.0) / 100;
        i64::try_from(part).expect("a part is not more than the whole")
    }
}

impl FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let value = text.parse().ok().and_then(Self::new);
        value.ok_or("must be 0 to 100 percent")
    }
}

/// Hours, up to a month.
struct Hours(SignedDuration);

impl FromStr for Hours {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<u16>() {
            Ok(hours) if hours <= LONGEST => Ok(Self(SignedDuration::from_hours(hours.into()))),
            _ => Err("must be 0 to 744 hours"),
        }
    }
}

/// What an operator set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What of it is kept when the patient cancels late.
    pub late_fee: Percent,
    /// How long before the start cancelling costs nothing.
    pub notice: SignedDuration,
    /// What of it is kept when the patient does not come.
    pub no_show_fee: Percent,
    /// How long a no-show may turn out to be a mistake.
    pub grace: SignedDuration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            late_fee: Percent(0),
            notice: SignedDuration::from_hours(24),
            no_show_fee: Percent(0),
            grace: SignedDuration::from_hours(24),
        }
    }
}

impl Terms {
    /// Reads them.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn read(config: &Config) -> Result<Self, ConfigError> {
        let usual = Self::default();
        Ok(Self {
            late_fee: config.get_or(LATE_FEE, usual.late_fee)?,
            notice: config.get_or(NOTICE, Hours(usual.notice))?.0,
            no_show_fee: config.get_or(NO_SHOW_FEE, usual.no_show_fee)?,
            grace: config.get_or(GRACE, Hours(usual.grace))?.0,
        })
    }

    /// What a cancellation costs: nothing when the hospital cancels, or in time.
    #[must_use]
    pub fn of_cancellation(&self, by_patient: bool, start: Timestamp, at: Timestamp) -> Percent {
        if by_patient && start.duration_since(at) < self.notice {
            self.late_fee
        } else {
            Percent(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_out_of_range_is_refused_with_its_key() {
        for (key, value) in [
            (LATE_FEE, "101"),
            (LATE_FEE, "-1"),
            (NO_SHOW_FEE, "half"),
            (NOTICE, "745"),
            (GRACE, "a day"),
        ] {
            let config = Config::from_values([(key.to_owned(), value.to_owned())].into());
            let error = Terms::read(&config).expect_err("nonsense");
            assert!(error.to_string().contains(key), "{error}");
        }
    }

    #[test]
    fn only_patients_who_are_late_pay_for_cancelling() {
        let terms = Terms {
            late_fee: Percent(50),
            ..Terms::default()
        };
        let start: Timestamp = "2026-03-03T09:00:00Z".parse().expect("an instant");
        let before = |hours| start - SignedDuration::from_hours(hours);
        assert_eq!(terms.of_cancellation(true, start, before(23)), Percent(50));
        assert_eq!(terms.of_cancellation(true, start, before(24)), Percent(0));
        assert_eq!(terms.of_cancellation(false, start, before(1)), Percent(0));
    }

    proptest! {
        #[test]
        fn a_part_is_never_more_than_the_whole(minor in 0..=i64::MAX, percent in 0_u8..=100) {
            let part = Percent(percent).of(minor);
            prop_assert!((0..=minor).contains(&part));
            prop_assert_eq!(Percent(100).of(minor), minor);
            prop_assert_eq!(Percent(0).of(minor), 0);
        }
    }
}

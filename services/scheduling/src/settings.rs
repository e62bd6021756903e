//! What an operator can set.

use galen_service::{Config, ConfigError, Setting};
use jiff::SignedDuration;

const HOLD: &str = "scheduling.hold_minutes";
const OFFER: &str = "scheduling.offer_minutes";
const PATIENT_CUTOFF: &str = "scheduling.patient_cutoff_minutes";
const CHECK_IN: &str = "scheduling.check_in_minutes";
const NO_SHOW: &str = "scheduling.no_show_minutes";
const BOOKING_DEADLINE: &str = "scheduling.booking_deadline_minutes";
const QUOTE: &str = "scheduling.quote_minutes";

const fn setting(key: &'static str, doc: &'static str) -> Setting {
    Setting {
        key,
        doc,
        secret: false,
    }
}

/// All of them, for `--help` and the check of the file.
pub const SETTINGS: &[Setting] = &[
    setting(HOLD, "Minutes that a hold keeps its slot; 5."),
    setting(
        OFFER,
        "Minutes that somebody on the waitlist may think about an offer; 30.",
    ),
    setting(
        PATIENT_CUTOFF,
        "Minutes before the start from which patients can no longer change their own appointment; 120.",
    ),
    setting(
        CHECK_IN,
        "Minutes before the start from which patients can arrive; 720.",
    ),
    setting(
        NO_SHOW,
        "Minutes after the end of an appointment after which nobody comes any more; 30.",
    ),
    setting(
        BOOKING_DEADLINE,
        "Minutes that the booking process may take; 1440.",
    ),
    setting(
        QUOTE,
        "Minutes that a booking waits for a price that billing did not say, before it is confirmed without one; 60.",
    ),
];

/// Times that differ between hospitals. All are set in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a hold keeps its slot.
    pub hold: SignedDuration,
    /// How long somebody on the waitlist may think.
    pub offer: SignedDuration,
    /// How long before the start patients can no longer change their own
    /// appointment.
    pub patient_cutoff: SignedDuration,
    /// How long before the start somebody can arrive.
    pub check_in: SignedDuration,
    /// How long after the end nobody comes any more.
    pub no_show: SignedDuration,
    /// How long the booking process may take.
    pub booking_deadline: SignedDuration,
    /// How long a booking waits for a price that billing did not say.
    pub quote: SignedDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hold: SignedDuration::from_mins(5),
            offer: SignedDuration::from_mins(30),
            patient_cutoff: SignedDuration::from_hours(2),
            check_in: SignedDuration::from_hours(12),
            no_show: SignedDuration::from_mins(30),
            booking_deadline: SignedDuration::from_hours(24),
            quote: SignedDuration::from_hours(1),
        }
    }
}

/// The longest time that any of them makes sense for.
const LONGEST_MINUTES: u32 = 7 * 24 * 60;

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// When one is not a number of minutes up to a week.
    pub fn read(config: &Config) -> Result<Self, ConfigError> {
        let usual = Self::default();
        Ok(Self {
            hold: minutes(config, HOLD, 1, usual.hold)?,
            offer: minutes(config, OFFER, 1, usual.offer)?,
            patient_cutoff: minutes(config, PATIENT_CUTOFF, 0, usual.patient_cutoff)?,
            check_in: minutes(config, CHECK_IN, 0, usual.check_in)?,
            no_show: minutes(config, NO_SHOW, 0, usual.no_show)?,
            booking_deadline: minutes(config, BOOKING_DEADLINE, 1, usual.booking_deadline)?,
            quote: minutes(config, QUOTE, 0, usual.quote)?,
        })
    }
}

fn minutes(
    config: &Config,
    key: &str,
    least: u32,
    usual: SignedDuration,
) -> Result<SignedDuration, ConfigError> {
    match config.get::<u32>(key)? {
        None => Ok(usual),
        Some(minutes) if (least..=LONGEST_MINUTES).contains(&minutes) => {
            Ok(SignedDuration::from_mins(i64::from(minutes)))
        }
        Some(_) => Err(ConfigError::Invalid {
            key: key.to_owned(),
            reason: format!("must be {least} to {LONGEST_MINUTES} minutes"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, value: &str) -> Result<Settings, ConfigError> {
        Settings::read(&Config::from_values(
            [(key.to_owned(), value.to_owned())].into(),
        ))
    }

    #[test]
    fn what_is_not_set_is_as_usual() {
        let set = read("scheduling.hold_minutes", "7").expect("a good setting");
        assert_eq!(
            set,
            Settings {
                hold: SignedDuration::from_mins(7),
                ..Settings::default()
            }
        );
    }

    #[test]
    fn nonsense_is_refused_with_its_key() {
        for value in ["0", "-1", "soon", "999999"] {
            let error = read("scheduling.offer_minutes", value).expect_err("nonsense");
            assert!(
                error.to_string().contains("scheduling.offer_minutes"),
                "{error}"
            );
        }
    }
}

//! What an operator can set about claims and the payer that is simulated.

use galen_service::{Config, ConfigError, Setting};
use jiff::SignedDuration;

const ACKNOWLEDGE: &str = "billing.payer.acknowledge_seconds";
const ANSWER: &str = "billing.payer.answer_seconds";
const REVIEW: &str = "billing.payer.review_seconds";
const REMIT: &str = "billing.payer.remit_seconds";
const ASK: &str = "billing.payer.ask_seconds";
const AUTHORISE_ABOVE: &str = "billing.payer.authorise_above";
const REVIEW_ABOVE: &str = "billing.payer.review_above";
const LOSE: &str = "billing.payer.lose_percent";
const FOLLOW_UP: &str = "billing.claims.follow_up_days";

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
        ACKNOWLEDGE,
        "Seconds after which the simulated payer says whether it takes a claim; 2.",
    ),
    setting(
        ANSWER,
        "Seconds after which the simulated payer decides on a claim; 10.",
    ),
    setting(
        REVIEW,
        "Seconds more that it thinks about large claims; 30.",
    ),
    setting(
        REMIT,
        "Seconds after its decision when the simulated payer pays; 5.",
    ),
    setting(
        ASK,
        "Seconds between two questions to a payer about a claim; 5.",
    ),
    setting(
        AUTHORISE_ABOVE,
        "Minor units above which the simulated payer wants to be asked before a service; 100000.",
    ),
    setting(
        REVIEW_ABOVE,
        "Minor units of a claim above which the simulated payer looks closer; 500000.",
    ),
    setting(
        LOSE,
        "How many of a hundred answers of the simulated payer get lost; 0.",
    ),
    setting(
        FOLLOW_UP,
        "Days without an answer after which somebody should ask the payer in person; 30.",
    ),
];

/// Times and amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Until the simulated payer takes a claim or not.
    pub acknowledge: SignedDuration,
    /// Until it decides.
    pub answer: SignedDuration,
    /// How much longer it thinks about large claims.
    pub review: SignedDuration,
    /// Until it pays, after its decision.
    pub remit: SignedDuration,
    /// Between two questions.
    pub ask: SignedDuration,
    /// Minor units of a line above which it wants to be asked before.
    pub authorise_above: i64,
    /// Minor units of a claim above which it looks closer.
    pub review_above: i64,
    /// How many of a hundred of its answers get lost.
    pub lose_percent: u8,
    /// Without an answer until somebody should ask in person.
    pub follow_up: SignedDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            acknowledge: SignedDuration::from_secs(2),
            answer: SignedDuration::from_secs(10),
            review: SignedDuration::from_secs(30),
            remit: SignedDuration::from_secs(5),
            ask: SignedDuration::from_secs(5),
            authorise_above: 100_000,
            review_above: 500_000,
            lose_percent: 0,
            follow_up: SignedDuration::from_hours(30 * 24),
        }
    }
}

/// The longest time that makes sense: thirty days.
const LONGEST_SECONDS: u32 = 30 * 24 * 60 * 60;

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// When one is not a number within its bounds.
    pub fn read(config: &Config) -> Result<Self, ConfigError> {
        let usual = Self::default();
        let days = bounded(config, FOLLOW_UP, 1, 3650)?;
        Ok(Self {
            acknowledge: seconds(config, ACKNOWLEDGE, usual.acknowledge)?,
            answer: seconds(config, ANSWER, usual.answer)?,
            review: seconds(config, REVIEW, usual.review)?,
            remit: seconds(config, REMIT, usual.remit)?,
            ask: seconds(config, ASK, usual.ask)?,
            authorise_above: bounded(config, AUTHORISE_ABOVE, 0, u32::MAX)?
                .map_or(usual.authorise_above, i64::from),
            review_above: bounded(config, REVIEW_ABOVE, 0, u32::MAX)?
                .map_or(usual.review_above, i64::from),
            lose_percent: bounded(config, LOSE, 0, 100)?
                .and_then(|percent| u8::try_from(percent).ok())
                .unwrap_or(usual.lose_percent),
            follow_up: days.map_or(usual.follow_up, |days| {
                SignedDuration::from_hours(24 * i64::from(days))
            }),
        })
    }
}

fn seconds(
    config: &Config,
    key: &str,
    usual: SignedDuration,
) -> Result<SignedDuration, ConfigError> {
    let given = bounded(config, key, 0, LONGEST_SECONDS)?;
    Ok(given.map_or(usual, |n| SignedDuration::from_secs(i64::from(n))))
}

fn bounded(config: &Config, key: &str, least: u32, most: u32) -> Result<Option<u32>, ConfigError> {
    match config.get::<u32>(key)? {
        Some(given) if !(least..=most).contains(&given) => Err(ConfigError::Invalid {
            key: key.to_owned(),
            reason: format!("must be {least} to {most}"),
        }),
        given => Ok(given),
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
        let set = read(ASK, "7").expect("a good setting");
        let usual = Settings {
            ask: SignedDuration::from_secs(7),
            ..Settings::default()
        };
        assert_eq!(set, usual);
    }

    #[test]
    fn nonsense_is_refused_with_its_key() {
        for (key, value) in [(LOSE, "101"), (FOLLOW_UP, "0"), (ANSWER, "soon")] {
            let error = read(key, value).expect_err("nonsense");
            assert!(error.to_string().contains(key), "{error}");
        }
    }
}

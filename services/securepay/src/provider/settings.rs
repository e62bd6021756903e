//! What an operator can set of payment providers.

use std::time::Duration;

use galen_service::{Config, ConfigError, Setting};
use jiff::SignedDuration;

use super::order::model::GRACE;
use super::signature::Secret;
use super::simulator::Temper;

const NAME: &str = "securepay.provider.name";
const DEADLINE: &str = "securepay.provider.deadline_minutes";
const WEBHOOK_SECRET: &str = "securepay.provider.webhook_secret";
const SEED: &str = "securepay.provider.seed";
const DECLINES: &str = "securepay.provider.declines";
const SILENCES: &str = "securepay.provider.silences";
const LATENCY: &str = "securepay.provider.latency_ms";

const fn setting(key: &'static str, doc: &'static str) -> Setting {
    Setting {
        key,
        doc,
        secret: false,
    }
}

/// All of them.
pub const SETTINGS: &[Setting] = &[
    setting(
        NAME,
        "who moves money from and to banks and cards: none, or simulator, which moves no real money but fills wallets as if it did; none",
    ),
    setting(
        DEADLINE,
        "minutes after which a top-up or payout is decided or somebody has to look at it, 10 to 43200; 1440",
    ),
    Setting {
        key: WEBHOOK_SECRET,
        doc: "what the provider signs its webhooks with: whsec_ and base64; of the simulator, a new one with each start",
        secret: true,
    },
    setting(SEED, "simulator: what its chances are drawn from; 0"),
    setting(
        DECLINES,
        "simulator: of a hundred orders, so many are declined; 5",
    ),
    setting(
        SILENCES,
        "simulator: of a hundred questions, so many are not answered; 5",
    ),
    setting(
        LATENCY,
        "simulator: milliseconds that an answer takes, up to 9000; 200",
    ),
];

/// Who moves money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Nobody: there are no top-ups and no payouts.
    None,
    /// Nobody, but it looks as if somebody did.
    Simulator(Temper),
}

/// What was set.
pub struct Settings {
    /// Who moves money.
    pub choice: Choice,
    /// How long an order may take.
    pub deadline: SignedDuration,
    /// What webhooks are signed with.
    pub secret: Option<Secret>,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// When one makes no sense.
    pub fn read(config: &Config) -> Result<Self, ConfigError> {
        let invalid = |key: &str, reason: &str| ConfigError::Invalid {
            key: key.to_owned(),
            reason: reason.to_owned(),
        };
        let name: Option<String> = config.get(NAME)?;
        let temper = Temper {
            seed: config.get_or(SEED, 0)?,
            declines: percent(config, DECLINES)?,
            silences: percent(config, SILENCES)?,
            latency: Duration::from_millis(bounded(config, LATENCY, 0..=9_000, 200)?),
        };
        let choice = match name.as_deref() {
            None | Some("none") => Choice::None,
            Some("simulator") => Choice::Simulator(temper),
            Some(_) => return Err(invalid(NAME, "must be none or simulator")),
        };
        let shortest = GRACE.as_mins().unsigned_abs() * 2;
        let minutes = bounded(config, DEADLINE, shortest..=43_200, 1_440)?;
        let secret = config
            .secret(WEBHOOK_SECRET)?
            .map(|text| Secret::read(&text))
            .transpose()
            .map_err(|error| invalid(WEBHOOK_SECRET, &error.to_string()))?;
        Ok(Self {
            choice,
            deadline: SignedDuration::from_mins(minutes.cast_signed()),
            secret,
        })
    }
}

fn percent(config: &Config, key: &str) -> Result<u8, ConfigError> {
    let percent = bounded(config, key, 0..=100, 5)?;
    Ok(u8::try_from(percent).expect("a percentage fits"))
}

fn bounded(
    config: &Config,
    key: &str,
    range: std::ops::RangeInclusive<u64>,
    usual: u64,
) -> Result<u64, ConfigError> {
    match config.get::<u64>(key)? {
        None => Ok(usual),
        Some(value) if range.contains(&value) => Ok(value),
        Some(_) => Err(ConfigError::Invalid {
            key: key.to_owned(),
            reason: format!("must be {} to {}", range.start(), range.end()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let values = values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Settings::read(&Config::from_values(values.collect()))
    }

    #[test]
    fn nobody_moves_money_unless_it_is_said_who() {
        let usual = read(&[]).expect("defaults");
        assert_eq!(usual.choice, Choice::None);
        assert_eq!(usual.deadline, SignedDuration::from_hours(24));
        assert!(usual.secret.is_none());
        let set = read(&[(NAME, "simulator"), (SEED, "7"), (DECLINES, "0")]);
        assert_eq!(
            set.expect("good settings").choice,
            Choice::Simulator(Temper {
                seed: 7,
                declines: 0,
                silences: 5,
                latency: Duration::from_millis(200),
            })
        );
    }

    #[test]
    fn nonsense_is_refused_with_its_key() {
        for (key, value) in [
            (NAME, "stripe"),
            (DEADLINE, "9"),
            (DEADLINE, "999999"),
            (DECLINES, "101"),
            (SILENCES, "-1"),
            (LATENCY, "10000"),
            (WEBHOOK_SECRET, "hunter2"),
        ] {
            let error = read(&[(key, value)]).err().expect("nonsense");
            assert!(error.to_string().contains(key), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}

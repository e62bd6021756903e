//! The settings of the edge, read once at the start.

use std::fmt;
use std::num::{NonZeroU8, NonZeroU32};
use std::str::FromStr;
use std::time::Duration;

use galen_service::{Config, ConfigError, Setting};
use http::HeaderValue;

use super::peer::Network;

/// What can be set; other keys of the gateway's part of the file are refused.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("gateway.limits", "Rate limits: on or off. Default: on."),
    setting(
        "gateway.auth_per_minute",
        "Attempts to log in, register and the like, per account or address. Default: 60.",
    ),
    setting(
        "gateway.auth_burst",
        "How many of them at once. Default: 60.",
    ),
    setting(
        "gateway.write_per_minute",
        "Changes per account or address. Default: 3000.",
    ),
    setting(
        "gateway.write_burst",
        "How many of them at once. Default: 300.",
    ),
    setting(
        "gateway.search_per_minute",
        "Searches of patients, duplicates and the audit log, per account or address. Default: 600.",
    ),
    setting(
        "gateway.search_burst",
        "How many of them at once. Default: 120.",
    ),
    setting(
        "gateway.read_per_minute",
        "Reads per account or address. Default: 12000.",
    ),
    setting(
        "gateway.read_burst",
        "How many of them at once. Default: 600.",
    ),
    setting(
        "gateway.limited_keys",
        "Accounts and addresses that are counted apart in each class; beyond that, addresses share. Default: 100000.",
    ),
    setting(
        "gateway.concurrency",
        "Requests under way at a time; further ones are shed. Default: 512.",
    ),
    setting(
        "gateway.reserved",
        "Further requests for health and for logins, each. Default: 16.",
    ),
    setting(
        "gateway.body_seconds",
        "How long the body of a request may take to arrive. Default: 20.",
    ),
    setting(
        "gateway.arriving",
        "Bodies that may be arriving at a time; when there are more, the slowest is let go. Default: 256.",
    ),
    setting(
        "gateway.trusted_proxies",
        "Addresses or networks whose X-Forwarded-For is believed, separated by commas. Default: none.",
    ),
    setting(
        "gateway.allowed_origins",
        "Origins of other sites whose pages may call the API, separated by commas. Default: none.",
    ),
    setting(
        "gateway.hsts",
        "Strict-Transport-Security although TLS ends in a proxy in front: on or off. Over Galen's own TLS it is always sent. Default: off.",
    ),
    setting("gateway.streams", "Live streams at a time. Default: 256."),
    setting(
        "gateway.streams_per_account",
        "Live streams of one account at a time. Default: 8.",
    ),
];

const fn setting(key: &'static str, doc: &'static str) -> Setting {
    Setting {
        key,
        doc,
        secret: false,
    }
}

/// How many requests of a class pass: a bucket of `burst` tokens that fills evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) per_minute: NonZeroU32,
    pub(crate) burst: NonZeroU32,
}

impl Rate {
    /// How long an empty bucket takes to fill.
    pub(crate) fn refill(self) -> Duration {
        Duration::from_secs(60) * self.burst.get() / self.per_minute.get()
    }
}

/// The rates of the four classes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) auth: Rate,
    pub(crate) write: Rate,
    pub(crate) search: Rate,
    pub(crate) read: Rate,
}

/// All of them.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `None`: no rate limits.
    pub(crate) rates: Option<Rates>,
    pub(crate) limited_keys: usize,
    pub(crate) concurrency: usize,
    pub(crate) reserved: usize,
    pub(crate) arriving: usize,
    pub(crate) body_patience: Duration,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) allowed_origins: Vec<HeaderValue>,
    pub(crate) hsts: bool,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// Naming the first that cannot be used.
    pub(crate) fn read(config: &Config) -> Result<Self, ConfigError> {
        let rate = |class: &str, per_minute, burst| {
            Ok::<_, ConfigError>(Rate {
                per_minute: config.get_or(&format!("gateway.{class}_per_minute"), per_minute)?,
                burst: config.get_or(&format!("gateway.{class}_burst"), burst)?,
            })
        };
        let rates = Rates {
            auth: rate("auth", at_least_one(60), at_least_one(60))?,
            write: rate("write", at_least_one(3_000), at_least_one(300))?,
            search: rate("search", at_least_one(600), at_least_one(120))?,
            read: rate("read", at_least_one(12_000), at_least_one(600))?,
        };
        Ok(Self {
            rates: config
                .get_or("gateway.limits", Switch(true))?
                .0
                .then_some(rates),
            limited_keys: config.get_or("gateway.limited_keys", 100_000)?,
            concurrency: bounded(config, "gateway.concurrency", 512)?,
            reserved: bounded(config, "gateway.reserved", 16)?,
            arriving: bounded(config, "gateway.arriving", 256)?,
            body_patience: Duration::from_secs(
                config
                    .get_or(
                        "gateway.body_seconds",
                        NonZeroU8::new(20).unwrap_or(NonZeroU8::MIN),
                    )?
                    .get()
                    .into(),
            ),
            trusted_proxies: config
                .get_or("gateway.trusted_proxies", List(Vec::new()))?
                .0,
            allowed_origins: config
                .get_or("gateway.allowed_origins", List::<Origin>(Vec::new()))?
                .0
                .into_iter()
                .map(|origin| origin.0)
                .collect(),
            hsts: config.get_or("gateway.hsts", Switch(false))?.0,
        })
    }
}

/// The defaults are constants; a zero among them would be read as one.
const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// A number of things at a time: at least one, and no more than a semaphore counts.
pub(crate) fn bounded(config: &Config, key: &str, default: usize) -> Result<usize, ConfigError> {
    const MOST: usize = 1 << 20;
    match config.get_or(key, default)? {
        number @ 1..=MOST => Ok(number),
        _ => Err(ConfigError::Invalid {
            key: key.to_owned(),
            reason: format!("must be between 1 and {MOST}"),
        }),
    }
}

/// `on` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Switch(bool);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be on or off")]
struct NotASwitch;

impl FromStr for Switch {
    type Err = NotASwitch;

    fn from_str(text: &str) -> Result<Self, NotASwitch> {
        match text {
            "on" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err(NotASwitch),
        }
    }
}

/// Things separated by commas; an empty text is no things.
#[derive(Debug, Clone, PartialEq, Eq)]
struct List<T>(Vec<T>);

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        Ok(Self(items.map(str::parse).collect::<Result<_, _>>()?))
    }
}

/// `https://console.example:8443` (RFC 6454): a scheme, a host and perhaps a port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin(HeaderValue);

#[derive(Debug, PartialEq, Eq)]
struct NotAnOrigin;

impl fmt::Display for NotAnOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be origins such as https://console.example, without a path")
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let (scheme, host) = text.split_once("://").ok_or(NotAnOrigin)?;
        let uri: http::Uri = text.parse().map_err(|_| NotAnOrigin)?;
        let plain = uri
            .authority()
            .is_some_and(|authority| authority.as_str() == host && !host.contains('@'));
        if !matches!(scheme, "http" | "https") || !plain || text.contains('*') {
            return Err(NotAnOrigin);
        }
        HeaderValue::from_str(text)
            .map(Self)
            .map_err(|_| NotAnOrigin)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<Settings, String> {
        let values: BTreeMap<_, _> = values
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Settings::read(&Config::from_values(values)).map_err(|error| error.to_string())
    }

    #[test]
    fn without_settings_the_edge_is_closed() {
        let settings = read(&[]).unwrap();
        assert!(settings.rates.is_some() && !settings.hsts);
        assert!(settings.trusted_proxies.is_empty() && settings.allowed_origins.is_empty());
    }

    #[test]
    fn wrong_settings_are_named() {
        for (key, value) in [
            ("gateway.limits", "maybe"),
            ("gateway.auth_per_minute", "0"),
            ("gateway.read_burst", "-1"),
            ("gateway.concurrency", "0"),
            ("gateway.search_per_minute", "0"),
            ("gateway.body_seconds", "0"),
            ("gateway.arriving", "0"),
            ("gateway.trusted_proxies", "10.0.0.0/33"),
            ("gateway.allowed_origins", "*"),
            ("gateway.allowed_origins", "https://console.example/path"),
            ("gateway.allowed_origins", "https://user@console.example"),
            ("gateway.allowed_origins", "console.example"),
        ] {
            let error = read(&[(key, value)]).unwrap_err();
            assert!(error.starts_with(key), "{error}");
        }
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let settings = read(&[
            (
                "gateway.allowed_origins",
                "https://a.example, http://localhost:5173",
            ),
            ("gateway.trusted_proxies", "10.0.0.0/8,::1"),
            ("gateway.limits", "off"),
        ]);
        let settings = settings.unwrap();
        assert_eq!(
            settings.allowed_origins,
            ["https://a.example", "http://localhost:5173"]
        );
        assert_eq!(settings.trusted_proxies.len(), 2);
        assert!(settings.rates.is_none());
    }

    #[test]
    fn a_bucket_fills_evenly() {
        let rate = Rate {
            per_minute: at_least_one(120),
            burst: at_least_one(60),
        };
        assert_eq!(rate.refill(), Duration::from_secs(30));
    }
}

//! What an operator can set, read once at the start.

use std::str::FromStr;

use galen_service::{Config, ConfigError, Setting};
use lettre::message::Mailbox;
use secrecy::SecretString;

use crate::template::Locale;

/// Most reminders of one appointment; a fixed number, so that all of them can be
/// taken back without knowing what was set when they were made.
pub const MAX_REMINDERS: usize = 4;

const fn setting(key: &'static str, doc: &'static str) -> Setting {
    Setting {
        key,
        doc,
        secret: false,
    }
}

const fn secret_setting(key: &'static str, doc: &'static str) -> Setting {
    Setting {
        key,
        doc,
        secret: true,
    }
}

/// What can be set.
pub const SETTINGS: &[Setting] = &[
    setting(
        "notifications.hospital_name",
        "the hospital's name in texts; Galen Hospital",
    ),
    setting(
        "notifications.language",
        "language of texts when a patient has none; en",
    ),
    setting(
        "notifications.reminder_hours",
        "hours before an appointment at which its patient is reminded; 24,2",
    ),
    setting(
        "notifications.from",
        "who mails come from: Name <address>; needed with a mail server",
    ),
    setting(
        "notifications.smtp_host",
        "mail server; without one, mails become files in the data directory",
    ),
    setting(
        "notifications.smtp_port",
        "its port; 587, 465 or 25 by smtp_tls",
    ),
    setting("notifications.smtp_tls", "starttls, tls or none; starttls"),
    setting(
        "notifications.smtp_username",
        "who logs in to the mail server",
    ),
    secret_setting("notifications.smtp_password", "with which password"),
    setting(
        "notifications.sms_url",
        "where SMS are posted; without it, there are none",
    ),
    secret_setting(
        "notifications.sms_token",
        "bearer token of the SMS provider",
    ),
];

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The hospital's name in texts: `notifications.hospital_name`.
    pub hospital: String,
    /// The language of texts when nobody wished another: `notifications.language`.
    pub language: Locale,
    /// Hours before an appointment, most first: `notifications.reminder_hours`.
    pub reminders: ReminderHours,
    /// Who mails come from: `notifications.from`.
    pub from: Mailbox,
    /// The mail server; without one, mails become files.
    pub smtp: Option<SmtpSettings>,
    /// The SMS provider; without one, there are no SMS.
    pub sms: Option<SmsSettings>,
}

/// How to reach the mail server: `notifications.smtp_*`.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Encryption.
    pub tls: TlsMode,
    /// Who logs in, and with what.
    pub login: Option<(String, SecretString)>,
}

/// How to reach the SMS provider: `notifications.sms_url`, `notifications.sms_token`.
#[derive(Debug, Clone)]
pub struct SmsSettings {
    /// Where messages are posted.
    pub url: reqwest::Url,
    /// Bearer token.
    pub token: SecretString,
}

/// Encryption of the connection to the mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// Begins in clear and must switch (RFC 3207); port 587.
    StartTls,
    /// From the first byte (RFC 8314); port 465.
    Tls,
    /// None, for a relay on the same machine; port 25.
    None,
}

impl FromStr for TlsMode {
    type Err = &'static str;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "starttls" => Ok(Self::StartTls),
            "tls" => Ok(Self::Tls),
            "none" => Ok(Self::None),
            _ => Err("must be starttls, tls or none"),
        }
    }
}

/// How many hours before an appointment its patient is reminded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderHours(Vec<i64>);

impl ReminderHours {
    /// The hours, most first.
    #[must_use]
    pub fn hours(&self) -> &[i64] {
        &self.0
    }
}

impl FromStr for ReminderHours {
    type Err = &'static str;

    /// `24,2`, or nothing for no reminders.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let wrong = "must be up to four different numbers of hours from 1 to 720, such as 24,2";
        let mut hours = s
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().map_err(|_| wrong))
            .collect::<Result<Vec<i64>, _>>()?;
        hours.sort_unstable_by(|a, b| b.cmp(a));
        let distinct = hours.windows(2).all(|pair| pair[0] != pair[1]);
        let sane = hours.len() <= MAX_REMINDERS && hours.iter().all(|h| (1..=720).contains(h));
        if distinct && sane {
            Ok(Self(hours))
        } else {
            Err(wrong)
        }
    }
}

fn missing(name: &str) -> ConfigError {
    ConfigError::Missing {
        key: format!("notifications.{name}"),
        env: format!("GALEN_NOTIFICATIONS_{}", name.to_ascii_uppercase()),
    }
}

fn invalid(key: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid {
        key: key.to_owned(),
        reason: reason.to_owned(),
    }
}

fn secret(config: &Config, key: &str) -> Result<Option<SecretString>, ConfigError> {
    Ok(config.get::<String>(key)?.map(SecretString::from))
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// When one is missing or wrong.
    pub fn read(config: &Config) -> Result<Self, ConfigError> {
        let default_hours = ReminderHours(vec![24, 2]);
        let smtp = smtp(config)?;
        let from = config.get::<Mailbox>("notifications.from")?;
        let from = match (from, &smtp) {
            (Some(from), _) => from,
            (None, Some(_)) => return Err(missing("from")),
            // Nobody receives a file, and `.invalid` is never anybody's (RFC 2606).
            (None, None) => Mailbox::new(
                None,
                "no-reply@hospital.invalid".parse().map_err(
                    |e: lettre::address::AddressError| {
                        invalid("notifications.from", &e.to_string())
                    },
                )?,
            ),
        };
        Ok(Self {
            hospital: config.get_or("notifications.hospital_name", "Galen Hospital".to_owned())?,
            language: config.get_or("notifications.language", Locale::english())?,
            reminders: config.get_or("notifications.reminder_hours", default_hours)?,
            from,
            smtp,
            sms: sms(config)?,
        })
    }
}

fn smtp(config: &Config) -> Result<Option<SmtpSettings>, ConfigError> {
    let Some(host) = config.get::<String>("notifications.smtp_host")? else {
        return Ok(None);
    };
    let tls = config.get_or("notifications.smtp_tls", TlsMode::StartTls)?;
    let usual = match tls {
        TlsMode::StartTls => 587,
        TlsMode::Tls => 465,
        TlsMode::None => 25,
    };
    let username = config.get::<String>("notifications.smtp_username")?;
    let password = secret(config, "notifications.smtp_password")?;
    let login = match (username, password) {
        (Some(username), Some(password)) => Some((username, password)),
        (None, None) => None,
        (Some(_), None) => return Err(missing("smtp_password")),
        (None, Some(_)) => return Err(missing("smtp_username")),
    };
    if login.is_some() && tls == TlsMode::None {
        let reason = "a password is not sent without encryption";
        return Err(invalid("notifications.smtp_tls", reason));
    }
    let port = config.get_or("notifications.smtp_port", usual)?;
    Ok(Some(SmtpSettings {
        host,
        port,
        tls,
        login,
    }))
}

fn sms(config: &Config) -> Result<Option<SmsSettings>, ConfigError> {
    let Some(url) = config.get::<reqwest::Url>("notifications.sms_url")? else {
        return Ok(None);
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(
            "notifications.sms_url",
            "must begin with http:// or https://",
        ));
    }
    let token = secret(config, "notifications.sms_token")?.ok_or_else(|| missing("sms_token"))?;
    Ok(Some(SmsSettings { url, token }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let values = pairs
            .iter()
            .map(|(k, v)| (format!("notifications.{k}"), (*v).to_owned()));
        Settings::read(&Config::from_values(values.collect())).map_err(|e| e.to_string())
    }

    #[test]
    fn nothing_set_is_a_hospital_that_writes_files() {
        let settings = read(&[]).expect("defaults");
        assert!(settings.smtp.is_none() && settings.sms.is_none());
        assert_eq!(settings.reminders.hours(), [24, 2]);
        assert_eq!(settings.language, Locale::english());
    }

    #[test]
    fn a_missing_or_wrong_setting_is_named() {
        for (pairs, key) in [
            (&[("smtp_host", "mail")][..], "notifications.from"),
            (
                &[("smtp_host", "mail"), ("smtp_username", "u")],
                "notifications.smtp_password",
            ),
            (
                &[("smtp_host", "mail"), ("smtp_tls", "ssl")],
                "notifications.smtp_tls",
            ),
            (
                &[("sms_url", "https://sms.example")],
                "notifications.sms_token",
            ),
            (
                &[("sms_url", "ftp://sms.example"), ("sms_token", "t")],
                "notifications.sms_url",
            ),
            (
                &[("reminder_hours", "24,0")],
                "notifications.reminder_hours",
            ),
            (
                &[("reminder_hours", "5,4,3,2,1")],
                "notifications.reminder_hours",
            ),
            (&[("language", "English")], "notifications.language"),
        ] {
            let error = read(pairs).expect_err(key);
            assert!(error.starts_with(key), "{error}");
        }
    }

    #[test]
    fn a_password_is_never_sent_in_clear() {
        let login = [
            ("smtp_host", "mail"),
            ("smtp_username", "u"),
            ("smtp_password", "p"),
        ];
        let clear = [
            &login[..],
            &[("smtp_tls", "none"), ("from", "a@example.org")],
        ]
        .concat();
        assert!(read(&clear).is_err());
        let settings = read(&[&login[..], &[("from", "a@example.org")]].concat()).expect("is fine");
        assert!(!format!("{settings:?}").contains("\"p\""));
    }

    #[test]
    fn reminders_are_ordered_and_may_be_switched_off() {
        assert_eq!(
            "2, 48,24".parse().map(|h: ReminderHours| h.0),
            Ok(vec![48, 24, 2])
        );
        assert_eq!("".parse().map(|h: ReminderHours| h.0), Ok(vec![]));
    }
}

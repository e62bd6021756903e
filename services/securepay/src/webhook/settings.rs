//! What an operator can set about webhooks.

use galen_service::{Config, ConfigError, Setting};

const ALLOW_HTTP: &str = "securepay.webhooks.allow_http";
const ALLOW_PRIVATE: &str = "securepay.webhooks.allow_private_networks";

/// What can be set.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: ALLOW_HTTP,
        doc: "Whether webhooks may be posted without TLS, for development; false.",
        secret: false,
    },
    Setting {
        key: ALLOW_PRIVATE,
        doc: "Whether webhooks may be posted to addresses of this machine and of private networks; false.",
        secret: false,
    },
];

/// What was set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Without TLS as well.
    pub(crate) allow_http: bool,
    /// To addresses that are not public as well.
    pub(crate) allow_private: bool,
}

impl Settings {
    /// Reads them.
    pub(crate) fn read(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            allow_http: config.get_or(ALLOW_HTTP, false)?,
            allow_private: config.get_or(ALLOW_PRIVATE, false)?,
        })
    }
}

//! Configuration from flags, environment and file, with errors that name the key.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

/// A service's settings. Keys are `<service>.<name>`; the environment spells them
/// `GALEN_<SERVICE>_<NAME>`; the environment wins over the file.
#[derive(Clone, Default)]
pub struct Config {
    values: Arc<BTreeMap<String, String>>,
}

/// A setting that cannot be used. The value is not repeated: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It must be there.
    #[error("{key} is not set (environment: {env})")]
    Missing {
        /// In the file.
        key: String,
        /// In the environment.
        env: String,
    },
    /// It cannot be read as what it is.
    #[error("{key}: {reason}")]
    Invalid {
        /// In the file.
        key: String,
        /// Why.
        reason: String,
    },
}

impl Config {
    /// Settings as given, for tests and the command line.
    #[must_use]
    pub fn from_values(values: BTreeMap<String, String>) -> Self {
        Self {
            values: Arc::new(values),
        }
    }

    /// A setting, or `None`.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn get<T: FromStr>(&self, key: &str) -> Result<Option<T>, ConfigError>
    where
        T::Err: std::fmt::Display,
    {
        self.values
            .get(key)
            .map(|text| {
                text.parse().map_err(|e: T::Err| ConfigError::Invalid {
                    key: key.to_owned(),
                    reason: e.to_string(),
                })
            })
            .transpose()
    }

    /// A setting, or its default.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn get_or<T: FromStr>(&self, key: &str, default: T) -> Result<T, ConfigError>
    where
        T::Err: std::fmt::Display,
    {
        Ok(self.get(key)?.unwrap_or(default))
    }
}

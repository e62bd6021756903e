//! Configuration from flags, environment and file, with errors that name the key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;

/// A setting of a service, for the check of the file and for `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// `<service>.<name>`.
    pub key: &'static str,
    /// What it does, and its default.
    pub doc: &'static str,
    /// Never printed.
    pub secret: bool,
}

/// A service's settings. Keys are `<service>.<name>`; the environment spells them
/// `GALEN_<SERVICE>_<NAME>`; flags win over the environment, and the environment
/// over the file. `<key>_file` names a file that holds the value, so that secrets
/// can be mounted.
#[derive(Clone, Default)]
pub struct Config {
    layers: Arc<Layers>,
}

#[derive(Default)]
struct Layers {
    /// Keys that somebody asked for: they are known, declared or not.
    asked: Mutex<BTreeSet<String>>,
    flags: BTreeMap<String, String>,
    /// By the names of the environment.
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
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
    /// No service knows it.
    #[error("{key} is not a setting")]
    Unknown {
        /// In the file.
        key: String,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration file is not TOML.
    #[error("{path} is not a configuration file: {reason}", path = path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where and why, without the text of the file.
        reason: String,
    },
}

impl Config {
    /// Settings as given, for tests and the command line.
    #[must_use]
    pub fn from_values(values: BTreeMap<String, String>) -> Self {
        Self {
            layers: Arc::new(Layers {
                flags: values,
                ..Layers::default()
            }),
        }
    }

    /// Reads the file, when there is one, and puts the environment and the flags
    /// over it.
    ///
    /// # Errors
    /// When the file cannot be read or is not TOML with a table for each service.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let layers = Layers {
            asked: Mutex::default(),
            flags: flags.into_iter().collect(),
            environment: environment
                .into_iter()
                .filter(|(name, _)| name.starts_with("GALEN_"))
                .collect(),
            file: file.map(read_file).transpose()?.unwrap_or_default(),
        };
        Ok(Self {
            layers: Arc::new(layers),
        })
    }

    /// Refuses keys of the file that no service declares and none has asked for, so
    /// that a typo is not silently a default. To be called when all have started.
    /// Keys outside of tables are the command line's ([`options_in`]).
    ///
    /// # Errors
    /// [`ConfigError::Unknown`], naming the key.
    pub fn refuse_unknown(&self, known: &[Setting]) -> Result<(), ConfigError> {
        let asked = self
            .layers
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_known =
            |key: &str| asked.contains(key) || known.iter().any(|setting| setting.key == key);
        match self
            .layers
            .file
            .keys()
            .filter(|key| key.contains('.'))
            .find(|key| !is_known(key) && !key.strip_suffix("_file").is_some_and(is_known))
        {
            Some(key) => Err(ConfigError::Unknown { key: key.clone() }),
            None => Ok(()),
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
        self.text(key)?
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

    /// A setting that must be there.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn require<T: FromStr>(&self, key: &str) -> Result<T, ConfigError>
    where
        T::Err: std::fmt::Display,
    {
        self.get(key)?.ok_or_else(|| ConfigError::Missing {
            key: key.to_owned(),
            env: variable(key),
        })
    }

    /// A secret, or `None`. It does not print itself.
    ///
    /// # Errors
    /// When it is in a file that cannot be read.
    pub fn secret(&self, key: &str) -> Result<Option<SecretString>, ConfigError> {
        Ok(self.text(key)?.map(SecretString::from))
    }

    /// The first that is set: the flag, the variable, the key of the file; in each
    /// of them the value itself before the file that holds it.
    fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let Layers {
            asked,
            flags,
            environment,
            file,
        } = &*self.layers;
        asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.to_owned());
        let in_file = format!("{key}_file");
        for (layer, value, path) in [
            (flags, key.to_owned(), in_file.clone()),
            (environment, variable(key), variable(&in_file)),
            (file, key.to_owned(), in_file.clone()),
        ] {
            match (layer.get(&value), layer.get(&path)) {
                (Some(_), Some(_)) => {
                    let reason = format!("{value} and {path} are both set");
                    return Err(ConfigError::Invalid {
                        key: key.to_owned(),
                        reason,
                    });
                }
                (Some(text), None) => return Ok(Some(text.clone())),
                (None, Some(path)) => {
                    let path = PathBuf::from(path);
                    // Editors and secret stores end files with a newline.
                    return match std::fs::read_to_string(&path) {
                        Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
                        Err(source) => Err(ConfigError::File { path, source }),
                    };
                }
                (None, None) => {}
            }
        }
        Ok(None)
    }
}

/// The environment's name of a key: `identity.admin_username` is
/// `GALEN_IDENTITY_ADMIN_USERNAME`.
fn variable(key: &str) -> String {
    format!(
        "GALEN_{}",
        key.replace(['.', '-'], "_").to_ascii_uppercase()
    )
}

/// The keys of a configuration file that stand outside of tables: options of the
/// process itself, as opposed to settings of its services.
///
/// # Errors
/// When the file cannot be read or is not TOML.
pub fn options_in(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut values = read_file(path)?;
    values.retain(|key, _| !key.contains('.'));
    Ok(values)
}

/// Tables of TOML as dotted keys; lists are joined by commas.
fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File {
        path: path.to_owned(),
        source,
    })?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        // The error's own text shows the line, which may hold a secret.
        let line = e
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1);
        ConfigError::Malformed {
            path: path.to_owned(),
            reason: format!("line {line}: {}", e.message()),
        }
    })?;
    let mut values = BTreeMap::new();
    flatten("", table, &mut values)?;
    Ok(values)
}

fn flatten(
    prefix: &str,
    table: toml::Table,
    values: &mut BTreeMap<String, String>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            toml::Value::Table(table) => flatten(&key, table, values)?,
            toml::Value::Array(items) => {
                let items: Option<Vec<String>> = items.into_iter().map(scalar).collect();
                let reason = "must be a list of simple values".to_owned();
                let items = items.ok_or_else(|| ConfigError::Invalid {
                    key: key.clone(),
                    reason,
                })?;
                values.insert(key, items.join(","));
            }
            value => {
                values.extend(scalar(value).map(|text| (key, text)));
            }
        }
    }
    Ok(())
}

fn scalar(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(value) => Some(value.to_string()),
        toml::Value::Datetime(at) => Some(at.to_string()),
        toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests;

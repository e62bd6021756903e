//! The port to whatever keeps the master keys: a file, or a key management service.

use std::fmt;

use aws_lc_rs::hkdf::{self, HKDF_SHA256};
use futures::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretBox};

/// 256 secret bits. Wiped when dropped; does not print itself.
pub struct Secret(SecretBox<[u8; 32]>);

impl Secret {
    /// New ones.
    #[must_use]
    pub fn random() -> Self {
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; 32]| {
            *bytes = rand::random();
        }))
    }

    /// Given ones.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// Reads them, deliberately.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// Another secret for one purpose only (HKDF-SHA-256, RFC 5869): knowing it tells
    /// nothing about this one, nor about those of other purposes.
    #[must_use]
    pub fn derive(&self, purpose: &[&str]) -> Self {
        let mut info = Vec::new();
        for part in purpose {
            info.extend_from_slice(&(part.len() as u64).to_be_bytes());
            info.extend_from_slice(part.as_bytes());
        }
        let key = hkdf::Salt::new(HKDF_SHA256, b"galen vault").extract(self.expose());
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; 32]| {
            key.expand(&[&info], HKDF_SHA256)
                .and_then(|output| output.fill(bytes))
                .expect("32 bytes are one block of the hash");
        }))
    }

    #[cfg(test)]
    pub(crate) fn derived_for_tests(n: u128) -> Self {
        Self::new([7; 32]).derive(&[&n.to_string()])
    }
}

impl Clone for Secret {
    fn clone(&self) -> Self {
        Self::new(*self.expose())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The name of a master key. Not secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MasterId(String);

impl MasterId {
    /// Names a master key.
    #[must_use]
    pub const fn new(name: String) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why master keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MasterError {
    /// There is no master key of this name.
    #[error("there is no master key {0}")]
    Unknown(MasterId),
    /// The wrapped key was changed, or belongs elsewhere.
    #[error("a data key was changed or moved, and does not unwrap")]
    Refused,
    /// The master key in use cannot be given up.
    #[error("master key {0} is in use")]
    InUse(MasterId),
    /// The file cannot be used.
    #[error("{path}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not one of master keys.
    #[error("{path} line {line}: {reason}")]
    Malformed {
        /// Which.
        path: String,
        /// Where.
        line: usize,
        /// Why, without the text.
        reason: &'static str,
    },
    /// The service does not answer.
    #[error("the key management service does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl MasterError {
    /// Whether trying again may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Keeps master keys, which never leave it. `bound` is what a wrapped key is bound to:
/// it unwraps with the same bytes only.
pub trait MasterKeys: fmt::Debug + Send + Sync + 'static {
    /// Where they are kept, for people who look for them.
    fn whereabouts(&self) -> String;

    /// All names, the one in use last.
    fn ids(&self) -> BoxFuture<'_, Result<Vec<MasterId>, MasterError>>;

    /// Wraps a data key with the master key in use.
    fn wrap<'a>(
        &'a self,
        bound: &'a [u8],
        key: &'a Secret,
    ) -> BoxFuture<'a, Result<(MasterId, Vec<u8>), MasterError>>;

    /// Unwraps a data key.
    fn unwrap<'a>(
        &'a self,
        master: &'a MasterId,
        bound: &'a [u8],
        wrapped: &'a [u8],
    ) -> BoxFuture<'a, Result<Secret, MasterError>>;

    /// What blind indexes are derived from. Stays the same when the master is replaced:
    /// otherwise every index would have to be made anew.
    fn root(&self) -> BoxFuture<'_, Result<Secret, MasterError>>;

    /// Makes a master key and puts it to use; the others can still unwrap.
    fn rotate(&self) -> BoxFuture<'_, Result<MasterId, MasterError>>;

    /// Destroys a master key that wraps nothing any more.
    fn forget<'a>(&'a self, master: &'a MasterId) -> BoxFuture<'a, Result<(), MasterError>>;
}

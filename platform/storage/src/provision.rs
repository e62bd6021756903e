//! One schema and one login role per service: created, granted, migrated.

use std::path::Path;

use galen_kernel::Clock;
use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;

use crate::migrate::MigrateError;
use crate::{Db, Error, Migration, Wake};

/// What a service needs of the database.
#[derive(Debug, Clone, Copy)]
pub struct SchemaSpec {
    /// Service name = schema name; the role is `galen_<name>`.
    pub service: &'static str,
    /// Its history.
    pub migrations: &'static [Migration],
    /// Topics it reads, besides its own. Publishing is allowed on its own only.
    pub subscribes: &'static [&'static str],
}

/// Why provisioning failed.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// A schema cannot be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The database refused.
    #[error(transparent)]
    Storage(#[from] Error),
    /// The file with the secret cannot be used.
    #[error("{path}: {source}")]
    Secret {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// The secret that role passwords are derived from (HMAC-SHA-256 of the role name):
/// one file to guard, and nothing to store per service.
#[derive(Clone)]
pub struct Access {
    admin: PgConnectOptions,
    secret: SecretString,
}

impl Access {
    /// Uses a secret that the operator gave.
    #[must_use]
    pub const fn new(admin: PgConnectOptions, secret: SecretString) -> Self {
        Self { admin, secret }
    }

    /// Reads the secret from a file that only the owner can read, and makes it at
    /// the first start.
    ///
    /// # Errors
    /// When the file cannot be used or others can read it.
    pub fn from_file(admin: PgConnectOptions, path: &Path) -> Result<Self, ProvisionError> {
        let _ = (admin, path);
        todo!()
    }
}

/// Creates what is missing and hands out each service's [`Db`].
pub struct Databases {
    access: Access,
    clock: Clock,
    wake: Wake,
}

impl Databases {
    /// Creates the `events` schema (with the given migrations, owned by
    /// `galen_events`), every service's schema and role, grants, and migrates:
    /// `shared` first in every service's schema, then the service's own.
    /// Idempotent; safe beside another process that does the same.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub async fn provision(access: Access, events: &'static [Migration], shared: &'static [Migration], services: &[SchemaSpec], clock: Clock) -> Result<Self, ProvisionError> {
        let _ = (events, shared, services);
        let databases = Self { access, clock, wake: Wake::default() };
        let _ = (&databases.access, &databases.clock);
        todo!()
    }

    /// The database of one service, logged in as its role (`galen_<service>`), pool
    /// of at most `connections`.
    ///
    /// # Errors
    /// When the role cannot log in.
    pub async fn open(&self, service: &'static str, connections: u32) -> Result<Db, Error> {
        let _ = (service, connections);
        todo!()
    }

    /// The `events` schema as its owner `galen_events`: sequencer, retention, operations.
    ///
    /// # Errors
    /// When the role cannot log in.
    pub async fn open_events(&self, connections: u32) -> Result<Db, Error> {
        let _ = connections;
        todo!()
    }

    /// What the sequencer waits on; every [`Db`] opened here notifies it.
    #[must_use]
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }
}

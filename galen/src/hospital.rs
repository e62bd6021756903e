//! What a hospital is made of, and its database.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use galen_eventing::Operations;
use galen_kernel::Clock;
use galen_service::{Host, SHARED_MIGRATIONS};
use galen_storage::cluster::ClusterOptions;
use galen_storage::{Access, Cluster, Databases, ProvisionError};
use galen_vault::{FileKeys, MasterError, MasterKeys, rotate};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::cli::Database;

/// Where the passwords of the services' roles come from.
const SECRET_FILE: &str = "database-secret";

/// The master keys, unless the command line says otherwise.
const VAULT_KEYS: &str = "vault-keys";

/// Every service of the hospital, behind its edge.
#[must_use]
pub(crate) fn host() -> Host {
    Host::new()
        .with::<galen_identity::Identity>()
        .with::<galen_patients::Patients>()
        .with::<galen_staff::Staff>()
        .with::<galen_scheduling::Scheduling>()
        .with::<galen_notifications::Notifications>()
        .with::<galen_securepay::SecurePay>()
        .with::<galen_billing::Billing>()
        .with::<galen_audit::Audit>()
        .with::<galen_gateway::Gateway>()
        .with_edge(galen_gateway::edge)
}

/// A hospital's provisioned database.
pub(crate) struct Opened {
    /// The private cluster, when this process started it.
    cluster: Option<Cluster>,
    databases: Databases,
    operations: Operations,
}

impl Opened {
    /// For `galen up`: takes the data directory for itself.
    ///
    /// # Errors
    /// When the database does not start or cannot be provisioned.
    pub(crate) async fn exclusively(options: &Database) -> Result<Self, Box<dyn Error>> {
        std::fs::create_dir_all(&options.data_dir)?;
        match &options.database_url {
            Some(url) => Self::provision(None, existing(url)?, &options.data_dir).await,
            None => {
                let cluster = Cluster::start(cluster_options(options)).await?;
                let admin = cluster.admin();
                Self::provision(Some(cluster), admin, &options.data_dir).await
            }
        }
    }

    /// For tools: beside a running hospital, or on a stopped one.
    ///
    /// # Errors
    /// As [`Opened::exclusively`], and when there is no hospital.
    pub(crate) async fn open(options: &Database) -> Result<Self, Box<dyn Error>> {
        if let Some(url) = &options.database_url {
            return Self::provision(None, existing(url)?, &options.data_dir).await;
        }
        if !options.data_dir.is_dir() {
            return Err(format!("{} holds no hospital", options.data_dir.display()).into());
        }
        match Cluster::running(&options.data_dir)? {
            Some(admin) => Self::beside(admin, &options.data_dir).await,
            None => Self::exclusively(options).await,
        }
    }

    async fn provision(
        cluster: Option<Cluster>,
        admin: PgConnectOptions,
        data_dir: &Path,
    ) -> Result<Self, Box<dyn Error>> {
        let access = access(admin, data_dir)?;
        let host = host();
        let databases = Databases::provision(
            access,
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            host.schemas(),
            Clock::system(),
        )
        .await?;
        let operations = Operations::new(databases.open_events(2).await?);
        Ok(Self {
            cluster,
            databases,
            operations,
        })
    }

    /// A running hospital has provisioned its database itself.
    async fn beside(admin: PgConnectOptions, data_dir: &Path) -> Result<Self, Box<dyn Error>> {
        let access = access(admin, data_dir)?;
        let databases = Databases::provisioned(access, Clock::system());
        let operations = Operations::new(databases.open_events(2).await?);
        Ok(Self {
            cluster: None,
            databases,
            operations,
        })
    }

    /// Opens services' databases.
    #[must_use]
    pub(crate) const fn databases(&self) -> &Databases {
        &self.databases
    }

    /// The operator's view.
    #[must_use]
    pub(crate) const fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Stops what this process started.
    ///
    /// # Errors
    /// When the cluster does not stop.
    pub(crate) async fn close(self) -> Result<(), Box<dyn Error>> {
        if let Some(cluster) = self.cluster {
            cluster.stop().await?;
        }
        Ok(())
    }
}

fn existing(url: &SecretString) -> Result<PgConnectOptions, Box<dyn Error>> {
    // The error of a URL would repeat its password.
    url.expose_secret()
        .parse()
        .map_err(|_| "GALEN_DATABASE_URL is not a PostgreSQL URL".into())
}

fn cluster_options(options: &Database) -> ClusterOptions {
    ClusterOptions {
        dir: options.data_dir.clone(),
        fsync: true,
        bin: options.postgres_bin.clone(),
    }
}

/// The roles of the database behind a hospital's files.
///
/// # Errors
/// When the secret cannot be used.
pub(crate) fn access(admin: PgConnectOptions, data_dir: &Path) -> Result<Access, ProvisionError> {
    Access::from_file(admin, &data_dir.join(SECRET_FILE))
}

/// Where the master keys are.
pub(crate) fn vault_keys(options: &Database) -> PathBuf {
    options
        .vault_keys
        .clone()
        .unwrap_or_else(|| options.data_dir.join(VAULT_KEYS))
}

/// The master keys, if there are any.
///
/// # Errors
/// When the file is there and cannot be used.
pub(crate) fn present_masters(options: &Database) -> Result<Option<FileKeys>, MasterError> {
    FileKeys::open(&vault_keys(options))
}

/// The master keys of what is sealed. They are made for a database in which nothing is
/// sealed yet, and for no other: with new ones, what is sealed would never open again.
///
/// # Errors
/// When the file cannot be used, or is not there and something is sealed.
pub(crate) async fn masters(
    options: &Database,
    databases: &Databases,
) -> Result<Arc<dyn MasterKeys>, Box<dyn Error>> {
    if let Some(keys) = present_masters(options)? {
        return Ok(Arc::new(keys));
    }
    let path = vault_keys(options);
    for spec in host().schemas() {
        let db = databases.open(spec.service, 1).await?;
        let used = rotate::usage(&db).await?;
        db.pool().close().await;
        if let Some((master, keys)) = used.first() {
            return Err(format!(
                "{} is not there, but schema {} has {keys} data keys under its master key {master}; put the file back (--vault-keys or GALEN_VAULT_KEYS says where it is): nothing that is sealed opens without it",
                path.display(),
                spec.service,
            )
            .into());
        }
    }
    Ok(Arc::new(FileKeys::open_or_create(&path)?))
}

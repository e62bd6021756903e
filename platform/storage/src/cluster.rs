//! The private PostgreSQL cluster of `galen up`.

use std::path::{Path, PathBuf};

/// How to run the private cluster.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Data directory of Galen; the cluster lives in `postgres/` below it.
    pub dir: PathBuf,
    /// Durable commits. Only throw-away test clusters turn it off.
    pub fsync: bool,
}

/// Why the private cluster is not there.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No server binaries on this machine.
    #[error("no PostgreSQL server binaries found; install the package postgresql-15 or set GALEN_POSTGRES_BIN")]
    NoBinaries,
    /// Another Galen uses the directory.
    #[error("{0} is in use by another Galen")]
    InUse(PathBuf),
    /// A file operation failed.
    #[error("{what}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// A PostgreSQL tool failed.
    #[error("{tool} failed: {output}")]
    Tool {
        /// Which.
        tool: &'static str,
        /// What it said.
        output: String,
    },
    /// The server did not answer in time.
    #[error("PostgreSQL did not become ready: {0}")]
    NotReady(String),
}

/// A running private cluster. Held exclusively: a second start on the directory is refused.
pub struct Cluster {
    _private: (),
}

impl Cluster {
    /// Initialises the directory if needed, starts (or adopts) the server and waits
    /// until it answers. Restarts the server if it dies, until [`Cluster::stop`].
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        let _ = options;
        todo!()
    }

    /// Connection options of the cluster's superuser, over its socket.
    #[must_use]
    pub fn admin(&self) -> sqlx::postgres::PgConnectOptions {
        todo!()
    }

    /// Process id of the server, for fault tests.
    #[must_use]
    pub fn server_pid(&self) -> Option<u32> {
        todo!()
    }

    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        todo!()
    }

    /// Stops the server cleanly.
    ///
    /// # Errors
    /// When it does not stop.
    pub async fn stop(self) -> Result<(), ClusterError> {
        todo!()
    }
}

//! The private PostgreSQL cluster of `galen up`.
//!
//! One directory, one server, one owner: the directory is locked for as long as a
//! [`Cluster`] lives. The server outlives a killed Galen and is adopted by the next
//! one; it is restarted when it is killed itself. It listens on a socket that only
//! its own account can reach, and on no network address.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use self::account::Account;
use self::layout::Layout;
use self::server::Server;
use self::supervisor::Supervisor;

mod account;
mod binaries;
mod initialise;
mod layout;
mod probe;
mod server;
mod supervisor;

/// Name of the superuser and of the database of a private cluster.
const SUPERUSER: &str = "postgres";
const DATABASE: &str = "galen";

/// How to run the private cluster.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Data directory of Galen; the cluster lives in `postgres/` below it.
    pub dir: PathBuf,
    /// Durable commits. Only throw-away test clusters turn it off.
    pub fsync: bool,
    /// Where the server binaries are (`GALEN_POSTGRES_BIN`). `None` looks in
    /// `/usr/lib/postgresql/*/bin` for the newest version, then in `PATH`.
    pub bin: Option<PathBuf>,
}

/// Why the private cluster is not there.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No server binaries on this machine.
    #[error(
        "no PostgreSQL server binaries found (version 15 or newer); install the package postgresql-15 or set GALEN_POSTGRES_BIN"
    )]
    NoBinaries,
    /// The directory was made by a version whose binaries are not here.
    #[error(
        "{dir} was created by PostgreSQL {version}, whose server binaries are not on this machine"
    )]
    WrongVersion {
        /// The cluster's directory.
        dir: PathBuf,
        /// Major version it needs.
        version: String,
    },
    /// Another Galen uses the directory.
    #[error("{0} is in use by another Galen")]
    InUse(PathBuf),
    /// PostgreSQL refuses to run as root, and there is nobody else to run as.
    #[error(
        "PostgreSQL does not run as root, and this machine has neither an account postgres nor nobody"
    )]
    NoAccount,
    /// The account that PostgreSQL runs under cannot get to the directory.
    #[error(
        "{parent} cannot be entered by the account {account}, under which PostgreSQL runs; choose another data directory or open it with: chmod a+x {parent}"
    )]
    Unreachable {
        /// The directory on the way that is closed.
        parent: PathBuf,
        /// The account.
        account: String,
    },
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

/// Puts a sentence around an I/O error.
fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ClusterError {
    let what = what.into();
    move |source| ClusterError::Io { what, source }
}

/// A running private cluster. Held exclusively: a second start on the directory is
/// refused. Dropping it stops the server, as [`Cluster::stop`] does.
#[derive(Debug)]
pub struct Cluster {
    supervisor: Supervisor,
    server: Arc<Server>,
    dir: PathBuf,
    password: String,
    // Last, so that the directory is free only after the server has stopped.
    _lock: File,
}

impl Cluster {
    /// Initialises the directory if needed, starts (or adopts) the server and waits
    /// until it answers. Restarts the server if it dies, until [`Cluster::stop`].
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        tokio::task::spawn_blocking(move || Self::start_blocking(&options))
            .await
            .map_err(|e| ClusterError::Io {
                what: "the start was interrupted".to_owned(),
                source: std::io::Error::other(e),
            })?
    }

    /// [`Cluster::start`] without a runtime: the cluster belongs to the process and
    /// outlives any runtime.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn start_blocking(options: &ClusterOptions) -> Result<Self, ClusterError> {
        let account = Account::for_server()?;
        let dir = create_dir(&options.dir, account.as_ref())?;
        let lock = lock(&dir)?;
        if let Some(account) = &account {
            account.check_reach(&dir)?;
        }
        let layout = Layout::prepare(&dir, account.as_ref())?;
        let binaries = binaries::find(options.bin.as_deref(), &layout.data)?;
        let server = Server {
            binaries,
            layout,
            account,
            fsync: options.fsync,
        };
        initialise::initialise(&server)?;
        let password = server.layout.password()?;
        let server = Arc::new(server);
        let supervisor = Supervisor::start(Arc::clone(&server))?;
        Ok(Self {
            supervisor,
            server,
            dir,
            password,
            _lock: lock,
        })
    }

    /// Connection options of the cluster's superuser in the database `galen`, over
    /// its socket.
    #[must_use]
    pub fn admin(&self) -> PgConnectOptions {
        connect_options(&self.server.layout.socket, &self.password)
    }

    /// [`Cluster::admin`] of a cluster that another process runs; `None` when the
    /// directory holds no cluster or nothing answers there.
    ///
    /// # Errors
    /// When the directory may not be read.
    pub fn running(dir: &Path) -> Result<Option<PgConnectOptions>, ClusterError> {
        let Some(layout) = Layout::existing(dir)? else {
            return Ok(None);
        };
        if probe::probe(&layout.socket) != probe::Answer::Ready {
            return Ok(None);
        }
        Ok(Some(connect_options(&layout.socket, &layout.password()?)))
    }

    /// Process id of the server, for fault tests.
    #[must_use]
    pub fn server_pid(&self) -> Option<u32> {
        self.server.layout.server_pid()
    }

    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stops the server cleanly.
    ///
    /// # Errors
    /// When it does not stop.
    pub async fn stop(self) -> Result<(), ClusterError> {
        tokio::task::spawn_blocking(move || self.supervisor.stop())
            .await
            .map_err(|e| ClusterError::Io {
                what: "the stop was interrupted".to_owned(),
                source: std::io::Error::other(e),
            })?
    }
}

fn connect_options(socket: &Path, password: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket)
        .port(layout::PORT)
        .username(SUPERUSER)
        .password(password)
        .database(DATABASE)
        .ssl_mode(PgSslMode::Disable)
        .application_name("galen")
}

/// Creates the data directory: closed to others, but to be passed through by the
/// server's account when that is another one.
fn create_dir(dir: &Path, account: Option<&Account>) -> Result<PathBuf, ClusterError> {
    use std::os::unix::fs::DirBuilderExt;

    let mode = if account.is_some() { 0o711 } else { 0o700 };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(dir)
        .map_err(io(format!("cannot create {}", dir.display())))?;
    fs::canonicalize(dir).map_err(io(format!("cannot open {}", dir.display())))
}

/// Locks the directory. The kernel releases the lock with the process, however it ends.
fn lock(dir: &Path) -> Result<File, ClusterError> {
    let path = dir.join("galen.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io(format!("cannot open {}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ClusterError::InUse(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(ClusterError::Io {
            what: format!("cannot lock {}", path.display()),
            source,
        }),
    }
}

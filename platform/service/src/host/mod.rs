//! Runs services: in one process all of them, or some.

mod health;
mod run;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use galen_access::KeySet;
use galen_eventing::{Projection, TimerSubscription, subscription};
use galen_kernel::Clock;
use galen_storage::{Db, SchemaSpec};
use galen_vault::{MasterKeys, SealedColumn, Vault};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

pub use galen_listener::{Encrypted, TlsFiles};
pub use run::RunningHost;

use crate::audit::Recorder;
use crate::command::sealed_answers;
use crate::{Check, Config, ConfigError, Job, Peers, ProblemPage, Setting};

/// What the host gives a service.
#[derive(Clone)]
pub struct Platform {
    /// The service's own schema.
    pub db: Db,
    /// Seals and opens what is personal in it.
    pub vault: Vault,
    /// Time and ids.
    pub clock: Clock,
    /// Other services.
    pub peers: Peers,
    /// Settings.
    pub config: Config,
    /// The keys that access tokens are checked with; identity replaces them.
    pub keys: KeySet,
    /// The hospital's time zone, for shifts, days and texts.
    pub zone: jiff::tz::TimeZone,
    /// Where files that are not in the database go (`<data-dir>/<service>`).
    pub data_dir: PathBuf,
    /// Cancelled when the host begins to stop: answers without an end, such as
    /// streams of events, are to end then.
    pub stopping: CancellationToken,
    /// Cancelled when no request, job or handler is under way any more: what they rest
    /// on is to end then.
    pub drained: CancellationToken,
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
    /// What it holds sealed cannot be used.
    #[error(transparent)]
    Vault(#[from] galen_vault::Error),
    /// Anything else, named.
    #[error("{what}")]
    Other {
        /// What was being done.
        what: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A bounded context.
pub trait Service: Sized + Send + Sync + 'static {
    /// Its name: schema, topic, and first segment of metrics.
    const NAME: &'static str;
    /// Its schema's history, and the topics it reads.
    const SCHEMA: SchemaSpec;

    /// Builds it. No requests and no events arrive before this returns.
    fn start(platform: Platform) -> impl Future<Output = Result<Self, StartError>> + Send;

    /// REST routes below `/api/v1`, documented.
    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        OpenApiRouter::new()
    }

    /// Routes at the root beside `/api/v1`, for well-known URIs (RFC 8615).
    fn well_known(self: &Arc<Self>) -> axum::Router {
        axum::Router::new()
    }

    /// gRPC services, for other services only.
    fn rpc(self: &Arc<Self>) -> Option<tonic::service::Routes> {
        None
    }

    /// What it hears.
    fn subscriptions(self: &Arc<Self>) -> Vec<subscription::Definition> {
        Vec::new()
    }

    /// Its read models.
    fn projections(self: &Arc<Self>) -> Vec<Projection> {
        Vec::new()
    }

    /// Its durable timers.
    fn timers(self: &Arc<Self>) -> Vec<TimerSubscription> {
        Vec::new()
    }

    /// Its recurring work.
    fn jobs(self: &Arc<Self>) -> Vec<Job> {
        Vec::new()
    }

    /// Its invariants.
    fn checks() -> &'static [Check] {
        &[]
    }

    /// Its sealed columns. What is not named here is not sealed anew and not verified.
    fn sealed() -> &'static [SealedColumn] {
        &[]
    }

    /// Its settings; other keys in its part of the configuration file are refused.
    fn settings() -> &'static [Setting] {
        &[]
    }

    /// The pages of its problems' codes.
    fn problems() -> &'static [ProblemPage] {
        &[]
    }
}

/// What the operator chose.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Public REST listener; port 0 picks one.
    pub listen: SocketAddr,
    /// Certificate and key of the public listener; `None` for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Listener without TLS that sends everybody to the public one; only with TLS.
    pub redirect_listen: Option<SocketAddr>,
    /// Connections of one client to the public listener at a time.
    pub connections_per_address: usize,
    /// Private listener: health, metrics.
    pub ops_listen: SocketAddr,
    /// gRPC listener for other processes; `None` in one process.
    pub grpc_listen: Option<SocketAddr>,
    /// Addresses of services that run elsewhere.
    pub peers: BTreeMap<String, String>,
    /// Hospital zone, IANA name.
    pub zone: String,
    /// Data directory.
    pub data_dir: PathBuf,
    /// The master keys of what is sealed.
    pub masters: Arc<dyn MasterKeys>,
    /// How long shutdown waits for requests under way.
    pub drain: std::time::Duration,
    /// Connections per service's pool.
    pub pool: u32,
}

/// Why the host does not run.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A service does not start.
    #[error("{service} does not start")]
    Start {
        /// Which.
        service: &'static str,
        /// Why.
        #[source]
        source: StartError,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Plain HTTP would be sent to TLS, which is not spoken.
    #[error("there is no TLS to redirect to")]
    NowhereToRedirect,
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] galen_listener::TlsError),
    /// A service's directory cannot be made.
    #[error("cannot make {path}", path = path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
    /// What is sealed would not open.
    #[error(transparent)]
    Vault(#[from] galen_vault::Error),
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The policies that say who may what cannot be used.
    #[error(transparent)]
    Policies(#[from] &'static galen_access::PolicyError),
}

type Starter = Box<dyn FnOnce(Platform) -> BoxFuture<'static, Result<Started, StartError>> + Send>;

/// A started service, its type forgotten.
struct Started {
    name: &'static str,
    vault: Vault,
    rest: OpenApiRouter,
    well_known: axum::Router,
    rpc: Option<tonic::service::Routes>,
    subscriptions: Vec<subscription::Definition>,
    projections: Vec<Projection>,
    timers: Vec<TimerSubscription>,
    jobs: Vec<Job>,
}

/// Collects services, then runs them.
#[derive(Default)]
pub struct Host {
    schemas: Vec<SchemaSpec>,
    checks: Vec<(&'static str, &'static [Check])>,
    sealed: Vec<(&'static str, Vec<SealedColumn>)>,
    settings: Vec<Setting>,
    problems: Vec<ProblemPage>,
    starters: Vec<(&'static str, Starter)>,
    edge: Option<Edge>,
    exclusive: bool,
    audit: Option<Recorder>,
}

/// Wraps the public router: limits, CORS, security headers. The gateway's.
type Edge = Box<dyn FnOnce(axum::Router, &Config) -> Result<axum::Router, ConfigError> + Send>;

impl Host {
    /// No services yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service.
    #[must_use]
    pub fn with<S: Service>(mut self) -> Self {
        self.schemas.push(S::SCHEMA);
        self.checks.push((S::NAME, S::checks()));
        let mut sealed = S::sealed().to_vec();
        sealed.push(sealed_answers(S::NAME));
        self.sealed.push((S::NAME, sealed));
        self.settings.extend(S::settings());
        self.problems.extend(S::problems());
        self.starters.push((
            S::NAME,
            Box::new(|platform| {
                Box::pin(async move {
                    let vault = platform.vault.clone();
                    let service = Arc::new(S::start(platform).await?);
                    Ok(Started {
                        name: S::NAME,
                        vault,
                        rest: service.rest(),
                        well_known: service.well_known(),
                        rpc: service.rpc(),
                        subscriptions: service.subscriptions(),
                        projections: service.projections(),
                        timers: service.timers(),
                        jobs: service.jobs(),
                    })
                })
            }),
        ));
        self
    }

    /// Wraps the public router in an edge.
    #[must_use]
    pub fn with_edge(
        mut self,
        edge: impl FnOnce(axum::Router, &Config) -> Result<axum::Router, ConfigError> + Send + 'static,
    ) -> Self {
        self.edge = Some(Box::new(edge));
        self
    }

    /// There is no other process on the database, so that nothing waits for what a
    /// killed predecessor seems to hold.
    #[must_use]
    pub const fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// Records in memory instead of the audit log: for tests of hosts, on databases
    /// without the log.
    #[must_use]
    pub fn with_audit_in_memory(mut self, recorder: Recorder) -> Self {
        self.audit = Some(recorder);
        self
    }

    /// The schemas of all added services, for provisioning.
    #[must_use]
    pub fn schemas(&self) -> &[SchemaSpec] {
        &self.schemas
    }

    /// The invariants of all added services.
    #[must_use]
    pub fn checks(&self) -> &[(&'static str, &'static [Check])] {
        &self.checks
    }

    /// The sealed columns of all added services, their stored answers included.
    #[must_use]
    pub fn sealed(&self) -> &[(&'static str, Vec<SealedColumn>)] {
        &self.sealed
    }

    /// The settings of all added services.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }
}

//! Starts everything in order, and stops it in the opposite one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use galen_access::KeySet;
use galen_eventing::{Backbone, Running};
use galen_kernel::Clock;
use galen_listener::{Bounds, Tls, serve, to_https};
use galen_storage::{Databases, Db};
use galen_vault::Vault;
use http::header;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::server::TcpIncoming;

use super::health::{self, Health};
use super::{Host, HostError, HostOptions, Platform, Started};
use crate::audit::{self, Recorder};
use crate::command::{self, KEY_LIFETIME};
use crate::extract::Gate;
use crate::job;
use crate::ops::{self, Ops};
use crate::peers::Incoming;
use crate::{Config, ConfigError, Job, Peers, ProblemPage, openapi, problems, rest, rpc};

/// Who signs access tokens, unless `access.issuer` says otherwise.
const ISSUER: &str = "galen";
/// Connections of the backbone's own pool.
const EVENTS_POOL: u32 = 8;
/// How often old idempotency keys are forgotten.
const FORGETTING: Duration = Duration::from_secs(600);

/// A serving host.
pub struct RunningHost {
    /// Where the REST API is.
    pub address: SocketAddr,
    /// Where health and metrics are.
    pub ops_address: SocketAddr,
    /// Where plain HTTP is sent to TLS.
    pub redirect_address: Option<SocketAddr>,
    /// Where gRPC is, when it is served to other processes.
    pub grpc_address: Option<SocketAddr>,
    /// The backbone, for `/ops` and tests.
    pub backbone: Arc<Running>,
    /// The OpenAPI document of everything that is served, as JSON.
    pub openapi: Bytes,
    works: Works,
}

impl RunningHost {
    /// Stops listening, lets requests and handlers finish, stops everything.
    pub async fn shutdown(self) {
        let Self {
            backbone, works, ..
        } = self;
        works.stop(Some(backbone)).await;
    }
}

impl Host {
    /// Starts everything and serves.
    ///
    /// # Errors
    /// [`HostError`]; what was started is stopped again.
    pub async fn run(
        self,
        databases: &Databases,
        options: HostOptions,
        config: Config,
        clock: Clock,
    ) -> Result<RunningHost, HostError> {
        let mut works = Works::new(options.drain);
        match start(self, databases, options, config, clock, &mut works).await {
            Ok(serving) => Ok(RunningHost {
                address: serving.address,
                ops_address: serving.ops_address,
                redirect_address: serving.redirect_address,
                grpc_address: serving.grpc_address,
                backbone: serving.backbone,
                openapi: serving.openapi,
                works,
            }),
            Err(error) => {
                works.stop(None).await;
                Err(error)
            }
        }
    }
}

/// What runs, in the order in which it is stopped.
struct Works {
    drain: Duration,
    /// Readiness, streams, listeners.
    stopping: CancellationToken,
    listeners: TaskTracker,
    jobs: TaskTracker,
    backbone: CancellationToken,
    /// After the backbone, whose handlers ask other services.
    rpc: CancellationToken,
    rpc_servers: TaskTracker,
    /// After everything that asks.
    drained: CancellationToken,
    databases: Vec<Db>,
    vaults: Vec<Vault>,
}

impl Works {
    fn new(drain: Duration) -> Self {
        Self {
            drain,
            stopping: CancellationToken::new(),
            listeners: TaskTracker::new(),
            jobs: TaskTracker::new(),
            backbone: CancellationToken::new(),
            rpc: CancellationToken::new(),
            rpc_servers: TaskTracker::new(),
            drained: CancellationToken::new(),
            databases: Vec::new(),
            vaults: Vec::new(),
        }
    }

    async fn stop(self, backbone: Option<Arc<Running>>) {
        self.stopping.cancel();
        finished("requests", &self.listeners, self.drain * 2).await;
        finished("jobs", &self.jobs, self.drain).await;
        self.backbone.cancel();
        if let Some(backbone) = backbone
            && tokio::time::timeout(self.drain, backbone.stopped())
                .await
                .is_err()
        {
            tracing::warn!("the backbone does not stop in time");
        }
        self.rpc.cancel();
        finished("gRPC calls", &self.rpc_servers, self.drain).await;
        self.drained.cancel();
        for vault in &self.vaults {
            vault.close().await;
        }
        for db in &self.databases {
            if tokio::time::timeout(self.drain, db.pool().close())
                .await
                .is_err()
            {
                tracing::warn!(
                    service = db.service(),
                    "database connections are still in use"
                );
            }
        }
    }
}

async fn finished(what: &'static str, tasks: &TaskTracker, patience: Duration) {
    tasks.close();
    if tokio::time::timeout(patience, tasks.wait()).await.is_err() {
        tracing::warn!(tasks = tasks.len(), "{what} do not end in time");
    }
}

struct Serving {
    address: SocketAddr,
    ops_address: SocketAddr,
    redirect_address: Option<SocketAddr>,
    grpc_address: Option<SocketAddr>,
    backbone: Arc<Running>,
    openapi: Bytes,
}

async fn start(
    mut host: Host,
    databases: &Databases,
    options: HostOptions,
    config: Config,
    clock: Clock,
    works: &mut Works,
) -> Result<Serving, HostError> {
    galen_access::policy::check()?;
    let zone = TimeZone::get(&options.zone).map_err(|e| invalid("zone", &e))?;
    let tls = options
        .tls
        .map(|files| Tls::load(files, clock.clone()))
        .transpose()?;
    // Listening comes first: a taken port should not cost a started hospital.
    let (public, address) = listen(options.listen).await?;
    let (private, ops_address) = listen(options.ops_listen).await?;
    let redirecting = match options.redirect_listen {
        Some(_) if tls.is_none() => return Err(HostError::NowhereToRedirect),
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let redirect_address = redirecting.as_ref().map(|(_, address)| *address);
    let grpc = match options.grpc_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let grpc_address = grpc.as_ref().map(|(_, address)| *address);

    let peers = Peers::default();
    let mut incoming: BTreeMap<&'static str, Incoming> = BTreeMap::new();
    for (service, _) in &host.starters {
        incoming.insert(service, peers.in_process(service));
    }
    for (service, address) in &options.peers {
        peers
            .at(service, address)
            .map_err(|e| invalid(&format!("peers.{service}"), &e))?;
    }

    let keys = KeySet::new(&config.get_or("access.issuer", ISSUER.to_owned())?);
    let mut started = Vec::new();
    for (name, starter) in std::mem::take(&mut host.starters) {
        let db = databases.open(name, options.pool).await?;
        works.databases.push(db.clone());
        let vault = Vault::open(&db, Arc::clone(&options.masters)).await?;
        works.vaults.push(vault.clone());
        let data_dir = options.data_dir.join(name);
        make_directory(&data_dir)?;
        let platform = Platform {
            db: db.clone(),
            vault,
            clock: clock.clone(),
            peers: peers.asking_as(name),
            config: config.clone(),
            keys: keys.clone(),
            zone: zone.clone(),
            data_dir,
            stopping: works.stopping.clone(),
            drained: works.drained.clone(),
        };
        let service = starter(platform).await.map_err(|source| HostError::Start {
            service: name,
            source,
        })?;
        started.push((db, service));
    }

    let events = databases.open_events(EVENTS_POOL).await?;
    works.databases.push(events.clone());
    let mut backbone = Backbone::new(events.clone(), databases.wake());
    if host.exclusive {
        backbone = backbone.exclusive();
    }
    for (db, service) in &mut started {
        service
            .subscriptions
            .drain(..)
            .for_each(|subscription| backbone.subscribe(db, subscription));
        service
            .projections
            .drain(..)
            .for_each(|projection| backbone.project(db, projection));
        service
            .timers
            .drain(..)
            .for_each(|timers| backbone.on_timer(db, timers));
    }
    let recorder = |db: &Db| match &host.audit {
        Some(recorder) => recorder.clone(),
        None => Recorder::to_log(db.clone()),
    };
    let mut started: Vec<_> = started
        .into_iter()
        .map(|(db, service)| (recorder(&db), db, service))
        .collect();
    serve_rpc(
        &started,
        incoming,
        grpc.map(|(listener, _)| listener),
        &clock,
        works,
    );
    let backbone = Arc::new(backbone.run(works.backbone.clone()));

    let mut jobs = Vec::new();
    for (_, db, service) in &mut started {
        let mut own = std::mem::take(&mut service.jobs);
        own.push(forgetting(service.name, db.clone(), service.vault.clone()));
        jobs.extend(job::schedule(db, own, &works.stopping, &works.jobs));
    }

    let gate = Gate::new(keys, clock.clone());
    let health = Arc::new(Health {
        databases: works.databases.clone(),
        stopping: works.stopping.clone(),
    });
    let (operations, document) =
        ops::router(Arc::new(Ops::new(Arc::clone(&backbone), jobs))).split_for_parts();
    let operations = audit::watched(operations, recorder(&events), clock.clone());
    let (router, openapi) = public_router(
        started,
        host.problems,
        (operations, document),
        &clock,
        &health,
    );
    let mut router = rest::guarded(router, gate.clone());
    if let Some(edge) = host.edge {
        // The edge asks who calls, too.
        router = edge(router, &config)?.layer(axum::Extension(gate));
    }
    config.refuse_unknown(&host.settings)?;

    let private_router = rest::without_gate(health::operators(health));
    if let Some(tls) = tls.clone() {
        works.listeners.spawn(tls.watch(works.stopping.clone()));
    }
    let bounds = Bounds {
        per_address: options.connections_per_address,
        ..Bounds::default()
    };
    if let Some((redirecting, _)) = redirecting {
        works.listeners.spawn(serve(
            redirecting,
            None,
            to_https(address.port()),
            bounds,
            works.stopping.clone(),
            options.drain,
        ));
    }
    works.listeners.spawn(serve(
        public,
        tls,
        rest::observed(router),
        bounds,
        works.stopping.clone(),
        options.drain,
    ));
    works.listeners.spawn(serve(
        private,
        None,
        private_router,
        Bounds::default(),
        works.stopping.clone(),
        options.drain,
    ));
    Ok(Serving {
        address,
        ops_address,
        redirect_address,
        grpc_address,
        backbone,
        openapi,
    })
}

fn invalid(key: &str, error: &dyn std::error::Error) -> HostError {
    ConfigError::Invalid {
        key: key.to_owned(),
        reason: crate::outcome::chain(error),
    }
    .into()
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), HostError> {
    let failed = |source| HostError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Made for the owner alone: a service may keep secrets there.
fn make_directory(path: &Path) -> Result<(), HostError> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|source| HostError::Directory {
        path: path.to_owned(),
        source,
    })
}

/// Serves each service's gRPC to its neighbours through memory, and all of it to
/// other processes on the listener.
fn serve_rpc(
    started: &[(Recorder, Db, Started)],
    mut incoming: BTreeMap<&'static str, Incoming>,
    listener: Option<TcpListener>,
    clock: &Clock,
    works: &Works,
) {
    let mut all = Routes::default().into_axum_router();
    for (recorder, _, service) in started {
        let Some(routes) = service.rpc.clone() else {
            continue;
        };
        let routes = audit::watched_rpc(routes.into_axum_router(), recorder.clone(), clock.clone());
        all = all.merge(routes.clone().reset_fallback());
        let routes = RoutesBuilder::from(routes).routes();
        if let Some(incoming) = incoming.remove(service.name) {
            let stop = works.rpc.clone().cancelled_owned();
            works
                .rpc_servers
                .spawn(rpc::serve(service.name, routes, incoming.stream(), stop));
        }
    }
    if let Some(listener) = listener {
        let connections = TcpIncoming::from(listener).with_nodelay(Some(true));
        let stop = works.rpc.clone().cancelled_owned();
        works.rpc_servers.spawn(rpc::serve(
            "all",
            RoutesBuilder::from(all).routes(),
            connections,
            stop,
        ));
    }
}

fn forgetting(service: &'static str, db: Db, vault: Vault) -> Job {
    Job::new(
        format!("{service}.forget-idempotency-keys"),
        FORGETTING,
        move || {
            let (db, vault) = (db.clone(), vault.clone());
            async move {
                let before = db.clock().now() - KEY_LIFETIME;
                let forgotten = command::forget_keys(&db, before).await?;
                // A day more, for a process whose clock is behind.
                command::erase_days(&vault, before - KEY_LIFETIME).await?;
                Ok(forgotten)
            }
        },
    )
}

/// Everything below the public address, and its document.
fn public_router(
    started: Vec<(Recorder, Db, Started)>,
    mut pages: Vec<ProblemPage>,
    (operations, operations_document): (Router, utoipa::openapi::OpenApi),
    clock: &Clock,
    health: &Arc<Health>,
) -> (Router, Bytes) {
    let mut api = operations;
    let mut root = Router::new();
    let mut documents = vec![("operations", operations_document)];
    for (recorder, _, service) in started {
        let (routes, document) = service.rest.split_for_parts();
        let whole = |routes| {
            rest::with_vault(
                audit::watched(routes, recorder.clone(), clock.clone()),
                service.vault.clone(),
            )
        };
        api = api.merge(whole(routes));
        root = root.merge(whole(service.well_known));
        documents.push((service.name, document));
    }
    for (name, document) in &documents {
        root = root.merge(document_route(
            &format!("/openapi/{name}.json"),
            written(&openapi::merge([(*name, document.clone())])),
        ));
    }
    let whole = written(&openapi::merge(documents));
    pages.extend(problems::PAGES);
    let root = root
        .nest(openapi::BASE, api)
        .merge(document_route("/openapi.json", whole.clone()))
        .merge(problems::router(pages))
        .merge(health::router(Arc::clone(health)));
    (root, whole)
}

fn written(document: &serde_json::Value) -> Bytes {
    document.to_string().into()
}

fn document_route(path: &str, document: Bytes) -> Router {
    Router::new().route(
        path,
        get(move || async move { ([(header::CONTENT_TYPE, "application/json")], document) }),
    )
}

//! Gateway: the hospital's front door.
//!
//! **Edge** ([`edge()`]): limits per account and address, shedding of load, CORS,
//! security headers, and the removal of headers that only we may set. It wraps the
//! public router of a host, whichever services that runs.
//!
//! **Owns** the entries of the live stream: ids and codes of what happened, for a day.
//!
//! **Offers** `GET /stream`, resumable, with each event only for those who may know it.
//!
//! **Hears** every event of every topic.
//!
//! **Schedules** the forgetting of old entries.

mod edge;
mod measure;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use galen_access::EndedSessions;
use galen_contracts::registry;
use galen_eventing::Subscription;
use galen_eventing::subscription::Definition;
use galen_service::{Job, Platform, ProblemPage, Service, Setting, StartError};
use galen_storage::{Db, SchemaSpec, migrations};
use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use edge::edge;

use crate::stream::care::Care;
use crate::stream::record::Recorder;
use crate::stream::seats::Seats;
use crate::stream::store;
use crate::stream::tail::Tail;

/// How long a client can be away and still resume.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How often older entries are forgotten.
const FORGETTING: Duration = Duration::from_secs(600);

/// The service behind the live stream.
pub struct Gateway {
    pub(crate) db: Db,
    pub(crate) tail: Arc<Tail>,
    pub(crate) seats: Arc<Seats>,
    pub(crate) care: Care,
    pub(crate) ended: EndedSessions,
    pub(crate) stopping: CancellationToken,
    wake: Arc<Notify>,
}

impl Service for Gateway {
    const NAME: &'static str = "gateway";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: Self::NAME,
        migrations: migrations!["0001_stream_entry"],
        subscribes: registry::TOPICS,
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        measure::describe();
        let Platform {
            db,
            config,
            peers,
            keys,
            stopping,
            ..
        } = platform;
        let streams = edge::bounded(&config, "gateway.streams", 256)?;
        let per_account = edge::bounded(&config, "gateway.streams_per_account", 8)?;
        let wake = Arc::<Notify>::default();
        let tail = Arc::new(Tail::new(db.clone(), Arc::clone(&wake)));
        tokio::spawn(Arc::clone(&tail).run(stopping.clone()));
        Ok(Self {
            db,
            tail,
            seats: Arc::new(Seats::new(streams, per_account)),
            care: Care::new(&peers),
            ended: keys.ended().clone(),
            stopping,
            wake,
        })
    }

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        OpenApiRouter::new()
            .routes(routes!(stream::follow::follow))
            .with_state(Arc::clone(self))
    }

    fn subscriptions(self: &Arc<Self>) -> Vec<Definition> {
        let recorder = Arc::new(Recorder::new(Arc::clone(&self.wake), self.ended.clone()));
        vec![
            Subscription::new("gateway.stream", recorder)
                .in_batches(registry::ALL)
                .build(),
        ]
    }

    fn jobs(self: &Arc<Self>) -> Vec<Job> {
        let db = self.db.clone();
        vec![Job::new(
            "gateway.forget-stream-entries",
            FORGETTING,
            move || {
                let db = db.clone();
                async move { Ok(store::forget(&db, db.clock().now() - KEPT).await?) }
            },
        )]
    }

    fn settings() -> &'static [Setting] {
        edge::SETTINGS
    }

    fn problems() -> &'static [ProblemPage] {
        edge::PAGES
    }
}

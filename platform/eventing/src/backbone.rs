//! Runs everything: sequencer, subscriptions, lanes, timers, retention.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use galen_storage::{Db, Error, Wake};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::alarm::{Alarm, ServiceTimers};
use crate::consumer::Consumer;
use crate::group::Group;
use crate::log::{self, Heads, Topic};
use crate::membership::Membership;
use crate::projection::Projection;
use crate::rebuild::{RebuildError, rebuild};
use crate::retention::Maintainer;
use crate::retrier::Retrier;
use crate::sequencer::Sequencer;
use crate::slot::Slot;
use crate::subscription::Definition;
use crate::{Operations, TimerSubscription, backoff, measure, settle};

/// Most consumers of one group. Its partitions are shared out among them, and each
/// takes its partitions together: on few processors few do, and batches grow instead
/// of the number of transactions.
const GROUP_PARALLEL: usize = 4;

/// How many transactions of one service the backbone has open at once, at most; never
/// more than half of the service's pool, whose other half is for requests.
const SERVICE_PARALLEL: usize = 6;

/// The backbone of one process. Services add what they hear; then it runs.
pub struct Backbone {
    events: Db,
    wake: Wake,
    exclusive: bool,
    keep: Option<Duration>,
    groups: Vec<Arc<Group>>,
    projections: Vec<(Arc<Group>, &'static [&'static str])>,
    timers: Vec<(Db, TimerSubscription)>,
}

/// A running backbone.
pub struct Running {
    operations: Operations,
    shared: Arc<Shared>,
    projections: Vec<(Arc<Group>, &'static [&'static str])>,
    tasks: TaskTracker,
}

/// What the parts of a running backbone share.
pub(crate) struct Shared {
    pub(crate) events: Db,
    pub(crate) groups: Vec<Arc<Group>>,
    pub(crate) services: Vec<Arc<ServiceTimers>>,
    permits: HashMap<&'static str, Arc<Semaphore>>,
    /// Told whenever something was applied.
    pub(crate) progress: Arc<Notify>,
    /// Told when a lane has something to do.
    pub(crate) lanes: Arc<Notify>,
    /// Told when timers are to be looked at.
    pub(crate) alarm: Arc<Notify>,
    pub(crate) phase: watch::Sender<Phase>,
}

/// How far the start is.
#[derive(Clone)]
pub(crate) enum Phase {
    /// Waiting for the database.
    Starting,
    /// Running, with what the database was asked for.
    Ready(Arc<Ready>),
    /// A subscription can never work: a mistake in a service's source.
    Refused,
}

/// What the database had to be asked for.
pub(crate) struct Ready {
    topics: Vec<Arc<Topic>>,
    heads: Arc<Heads>,
    pub(crate) slots: Arc<[Arc<Slot>]>,
    shares: Vec<Share>,
}

/// The part of a group's partitions that one consumer works on.
struct Share {
    group: Arc<Group>,
    bell: Arc<Notify>,
    slots: Vec<Arc<Slot>>,
}

impl Backbone {
    /// `events` logs in as the owner of the `events` schema.
    #[must_use]
    pub const fn new(events: Db, wake: Wake) -> Self {
        Self {
            events,
            wake,
            exclusive: false,
            keep: None,
            groups: Vec::new(),
            projections: Vec::new(),
            timers: Vec::new(),
        }
    }

    /// There is no other process on this database: partitions are taken at once, even
    /// if a process that was killed seems to hold them.
    #[must_use]
    pub const fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// Drops events that are older and that everybody has read. Without this the log
    /// is kept for ever, and projections can be rebuilt from its beginning.
    #[must_use]
    pub const fn keeping(mut self, at_least: Duration) -> Self {
        self.keep = Some(at_least);
        self
    }

    /// Adds a subscription whose effects go to `db`.
    ///
    /// # Panics
    /// When its group is not named `<service>.<purpose>`, or is there already.
    pub fn subscribe(&mut self, db: &Db, subscription: Definition) {
        self.add(db, subscription);
    }

    /// Adds a projection of `db`.
    ///
    /// # Panics
    /// As [`Backbone::subscribe`].
    pub fn project(&mut self, db: &Db, projection: Projection) {
        let group = self.add(db, projection.subscription);
        self.projections.push((group, projection.tables));
    }

    fn add(&mut self, db: &Db, definition: Definition) -> Arc<Group> {
        let group = Arc::new(Group::new(db.clone(), definition));
        assert!(
            self.groups.iter().all(|known| known.name != group.name),
            "group {} twice",
            group.name
        );
        self.groups.push(Arc::clone(&group));
        group
    }

    /// Adds a handler of timers of `db`'s service.
    pub fn on_timer(&mut self, db: &Db, timers: TimerSubscription) {
        self.timers.push((db.clone(), timers));
    }

    /// Runs until `stop`; then finishes what is under way and gives its leases back.
    #[must_use]
    pub fn run(self, stop: CancellationToken) -> Running {
        measure::describe();
        let dbs = self
            .groups
            .iter()
            .map(|group| &group.db)
            .chain(self.timers.iter().map(|(db, _)| db));
        let permits: HashMap<_, _> = dbs
            .map(|db| (db.service(), Arc::new(Semaphore::new(parallel(db)))))
            .collect();
        let shared = Arc::new(Shared {
            services: by_service(self.timers, &permits),
            events: self.events.clone(),
            groups: self.groups,
            permits,
            progress: Arc::default(),
            lanes: Arc::default(),
            alarm: Arc::default(),
            phase: watch::Sender::new(Phase::Starting),
        });
        let tasks = TaskTracker::new();
        let run = Run {
            shared: Arc::clone(&shared),
            wake: self.wake,
            exclusive: self.exclusive,
            keep: self.keep,
        };
        tasks.spawn(run.run(stop));
        tasks.close();
        Running {
            operations: Operations::waking(self.events, Arc::clone(&shared.lanes)),
            shared,
            projections: self.projections,
            tasks,
        }
    }
}

/// The backbone's share of a service's pool.
fn parallel(db: &Db) -> usize {
    let pool = usize::try_from(db.pool().options().get_max_connections()).unwrap_or(usize::MAX);
    (pool / 2).clamp(1, SERVICE_PARALLEL)
}

/// Shares a group's partitions out among its consumers.
fn shares(group: &Arc<Group>, topics: &[Arc<Topic>]) -> Vec<Share> {
    let consumers =
        std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, GROUP_PARALLEL));
    let mut shares: Vec<_> = (0..consumers)
        .map(|_| Share {
            group: Arc::clone(group),
            bell: Arc::default(),
            slots: Vec::new(),
        })
        .collect();
    let heard = topics
        .iter()
        .filter(|topic| group.topics.contains(&topic.name.as_str()));
    let partitions = heard.flat_map(|topic| (0..topic.parts).map(move |part| (topic, part)));
    for (n, (topic, part)) in partitions.enumerate() {
        let share = &mut shares[n % consumers];
        let slot = Slot::new(
            Arc::clone(group),
            Arc::clone(topic),
            part,
            Arc::clone(&share.bell),
        );
        share.slots.push(Arc::new(slot));
    }
    shares
}

fn by_service(
    timers: Vec<(Db, TimerSubscription)>,
    permits: &HashMap<&'static str, Arc<Semaphore>>,
) -> Vec<Arc<ServiceTimers>> {
    let mut services: BTreeMap<&str, ServiceTimers> = BTreeMap::new();
    for (db, timer) in timers {
        let service = services
            .entry(db.service())
            .or_insert_with(|| ServiceTimers {
                permits: Arc::clone(&permits[db.service()]),
                db,
                handlers: BTreeMap::new(),
            });
        let former = service.handlers.insert(timer.kind, timer.handler);
        assert!(former.is_none(), "two handlers for timers {}", timer.kind);
    }
    services.into_values().map(Arc::new).collect()
}

/// The supervising task.
struct Run {
    shared: Arc<Shared>,
    wake: Wake,
    exclusive: bool,
    keep: Option<Duration>,
}

impl Run {
    async fn run(self, stop: CancellationToken) {
        let me = self.shared.events.clock().uuid();
        let mut failures = 0;
        let ready = loop {
            match self.prepare().await {
                Ok(Some(ready)) => break Arc::new(ready),
                Ok(None) => {
                    self.shared.phase.send_replace(Phase::Refused);
                    return;
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the backbone waits for its database"
                        );
                    }
                    let pause = backoff::half_jitter(
                        Duration::from_millis(50),
                        Duration::from_secs(5),
                        failures,
                    );
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        };
        let workers = self.start(me, &ready, &stop);
        self.shared.phase.send_replace(Phase::Ready(ready));
        workers.wait().await;
        if let Err(error) = sqlx::query("select events.leave($1)")
            .bind(me)
            .execute(self.shared.events.pool())
            .await
        {
            tracing::warn!(%error, "partitions are not given back; they will be taken over");
        }
    }

    /// Asks for topics and makes cursors. `None` when a group has no right to its
    /// topic, which waiting does not change.
    async fn prepare(&self) -> Result<Option<Ready>, Error> {
        let events = &self.shared.events;
        for group in &self.shared.groups {
            let refused = log::refused(events, group.db.service(), &group.topics).await?;
            if !refused.is_empty() {
                tracing::error!(
                    group = group.name,
                    topics = ?refused,
                    "the service does not say that it subscribes to these topics"
                );
                return Ok(None);
            }
        }
        let mut names: Vec<&str> = self
            .shared
            .groups
            .iter()
            .flat_map(|g| g.topics.iter().copied())
            .collect();
        names.sort_unstable();
        names.dedup();
        let topics: Vec<_> = log::topics(events, &names)
            .await?
            .into_iter()
            .map(Arc::new)
            .collect();
        for group in &self.shared.groups {
            sqlx::query("select events.register_group($1, $2)")
                .bind(group.name)
                .bind(&group.topics)
                .execute(events.pool())
                .await?;
        }
        let shares: Vec<_> = self
            .shared
            .groups
            .iter()
            .flat_map(|group| shares(group, &topics))
            .collect();
        let slots: Vec<_> = shares
            .iter()
            .flat_map(|share| share.slots.iter().cloned())
            .collect();
        Ok(Some(Ready {
            topics,
            heads: Arc::new(Heads::new(&slots)),
            slots: slots.into(),
            shares,
        }))
    }

    fn start(&self, me: Uuid, ready: &Ready, stop: &CancellationToken) -> TaskTracker {
        let shared = &self.shared;
        let workers = TaskTracker::new();
        let alone = watch::Sender::new(self.exclusive);
        let sequencer = Sequencer {
            events: shared.events.clone(),
            wake: self.wake.clone(),
            heads: Arc::clone(&ready.heads),
            alone: alone.subscribe(),
        };
        let membership = Membership {
            events: shared.events.clone(),
            me,
            slots: Arc::clone(&ready.slots),
            exclusive: self.exclusive,
            alone,
        };
        for share in &ready.shares {
            let consumer = Consumer {
                group: Arc::clone(&share.group),
                slots: share.slots.clone(),
                bell: Arc::clone(&share.bell),
                events: shared.events.clone(),
                me,
                permits: Arc::clone(&shared.permits[share.group.db.service()]),
                progress: Arc::clone(&shared.progress),
                lanes: Arc::clone(&shared.lanes),
            };
            workers.spawn(consumer.run(stop.clone()));
        }
        let retrier = Retrier {
            events: shared.events.clone(),
            groups: shared
                .groups
                .iter()
                .map(|group| {
                    (
                        Arc::clone(group),
                        Arc::clone(&shared.permits[group.db.service()]),
                    )
                })
                .collect(),
            topics: ready
                .topics
                .iter()
                .map(|topic| (topic.id, Arc::clone(topic)))
                .collect(),
            lanes: Arc::clone(&shared.lanes),
            progress: Arc::clone(&shared.progress),
        };
        let alarm = Alarm {
            events: shared.events.clone(),
            wake: self.wake.clone(),
            services: shared.services.clone(),
            kick: Arc::clone(&shared.alarm),
            progress: Arc::clone(&shared.progress),
        };
        let maintainer = Maintainer {
            events: shared.events.clone(),
            keep: self.keep,
        };
        workers.spawn(sequencer.run(stop.clone()));
        workers.spawn(membership.run(stop.clone()));
        workers.spawn(retrier.run(stop.clone()));
        workers.spawn(alarm.run(stop.clone()));
        workers.spawn(maintainer.run(stop.clone()));
        workers.close();
        workers
    }
}

impl Running {
    /// What an operator can see and do.
    #[must_use]
    pub const fn operations(&self) -> &Operations {
        &self.operations
    }

    /// The names of this process's projections.
    pub fn projections(&self) -> impl Iterator<Item = &'static str> {
        self.projections.iter().map(|(group, _)| group.name)
    }

    /// Rebuilds a projection of this process from the log: replays beside the live
    /// one's readers and swaps; returns the number of events replayed. `None` when
    /// there is no such projection here.
    ///
    /// # Errors
    /// [`RebuildError`], with the live one untouched.
    pub async fn rebuild(&self, projection: &str) -> Result<Option<u64>, RebuildError> {
        let Some((group, tables)) = self
            .projections
            .iter()
            .find(|(group, _)| group.name == projection)
        else {
            return Ok(None);
        };
        let ready = settle::ready(&self.shared).await?;
        rebuild(group, tables, &ready.topics).await.map(Some)
    }

    /// Waits until every subscription has applied everything that was committed
    /// before the call and no retry is due: for tests, instead of sleeping.
    ///
    /// # Errors
    /// When the database fails, or a subscription was refused.
    pub async fn settle(&self) -> Result<(), Error> {
        settle::settle(&self.shared, &self.operations).await
    }

    /// Waits until everything has stopped.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

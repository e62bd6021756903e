//! Two fake services on real topics: patients publishes, notifications hears.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use galen_contracts::patients::v1::{PatientDeactivated, PatientRegistered};
use galen_eventing::subscription::RetryPolicy;
use galen_eventing::{Backbone, Delivery, Failure, Handle, MIGRATIONS, Publish, Received, Running};
use galen_kernel::Clock;
use galen_storage::{Db, Migration, SchemaSpec, Tx};
use galen_testkit::TestDatabase;
use sqlx::PgPool;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio_util::sync::CancellationToken;

const PATIENTS: SchemaSpec = SchemaSpec {
    service: "patients",
    migrations: &[Migration {
        name: "0001_patient",
        sql: "create table patient (id text primary key, version bigint not null default 0);
              create table heard (event uuid not null, key text not null);
              create table command (id uuid primary key, step text not null, at timestamptz not null default clock_timestamp());",
    }],
    subscribes: &["notifications"],
};

const NOTIFICATIONS: SchemaSpec = SchemaSpec {
    service: "notifications",
    migrations: &[Migration {
        name: "0001_effect",
        sql: "create table effect (n bigint generated always as identity, grp text not null, event uuid not null, part int2 not null,
                                   off bigint not null, key text not null, version bigint not null, attempt int not null);
              create table fired (n bigint generated always as identity, kind text not null, key text not null, payload jsonb not null);
              create table tally (key text primary key, events bigint not null, last bigint not null, part int2 not null);
              create table tally_day (key text not null references tally, version bigint not null, primary key (key, version));",
    }],
    subscribes: &["patients"],
};

/// Who measures time measures alone: tests run side by side, and each loads the machine.
static MACHINE: LazyLock<Arc<RwLock<()>>> = LazyLock::new(Arc::default);

/// How a test has the machine.
enum Turn {
    Shared {
        _with: OwnedRwLockReadGuard<()>,
    },
    Alone {
        _from: OwnedRwLockWriteGuard<()>,
    },
    /// Another process of a test that has its turn.
    Reopened,
}

/// A database with both services.
pub(crate) struct Hospital {
    pub(crate) database: Arc<TestDatabase>,
    pub(crate) patients: Db,
    pub(crate) notifications: Db,
    pub(crate) events: Db,
    _turn: Turn,
}

impl Hospital {
    pub(crate) async fn new() -> Self {
        Self::with_clock(Clock::system()).await
    }

    pub(crate) async fn with_clock(clock: Clock) -> Self {
        let turn = Turn::Shared {
            _with: Arc::clone(&MACHINE).read_owned().await,
        };
        Self::open(clock, turn).await
    }

    /// While no other test runs.
    pub(crate) async fn alone() -> Self {
        let turn = Turn::Alone {
            _from: Arc::clone(&MACHINE).write_owned().await,
        };
        Self::open(Clock::system(), turn).await
    }

    async fn open(clock: Clock, turn: Turn) -> Self {
        let database =
            Arc::new(TestDatabase::new(MIGRATIONS, &[], &[PATIENTS, NOTIFICATIONS], clock).await);
        Self {
            _turn: turn,
            ..Self::reopen(&database).await
        }
    }

    /// Pools of their own on the same database: another process.
    pub(crate) async fn reopen(database: &Arc<TestDatabase>) -> Self {
        Self {
            patients: database.open("patients").await,
            notifications: database.open("notifications").await,
            events: database.open_events().await,
            database: Arc::clone(database),
            _turn: Turn::Reopened,
        }
    }

    pub(crate) fn backbone(&self) -> Backbone {
        Backbone::new(self.events.clone(), self.database.wake())
    }

    /// Looks behind every curtain.
    pub(crate) async fn admin(&self) -> PgPool {
        PgPool::connect_with(self.database.admin())
            .await
            .expect("the superuser can log in")
    }

    /// Publishes that a patient is registered, once per key, in one transaction.
    pub(crate) async fn register(&self, keys: &[&str]) {
        let mut tx = self.patients.begin().await.expect("a transaction");
        for key in keys {
            bump_and_publish(&mut tx, key).await;
        }
        tx.commit().await.expect("published");
    }

    /// Publishes something that most subscriptions pass over.
    pub(crate) async fn deactivate(&self, key: &str) {
        let mut tx = self.patients.begin().await.expect("a transaction");
        tx.publish(&PatientDeactivated {
            patient_id: key.to_owned(),
            reason_code: "MOVED".to_owned(),
        });
        tx.commit().await.expect("published");
    }

    /// The effects of a group, in the order in which they were committed.
    pub(crate) async fn effects(&self, group: &str) -> Vec<Effect> {
        let rows: Vec<(String, i64, i32)> =
            sqlx::query_as("select key, version, attempt from effect where grp = $1 order by n")
                .bind(group)
                .fetch_all(self.notifications.pool())
                .await
                .expect("effects");
        rows.into_iter()
            .map(|(key, version, attempt)| Effect {
                key,
                version,
                attempt,
            })
            .collect()
    }

    /// Effects per key, as versions in order of their commits.
    pub(crate) async fn versions(&self, group: &str) -> BTreeMap<String, Vec<i64>> {
        let mut versions: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for effect in self.effects(group).await {
            versions.entry(effect.key).or_default().push(effect.version);
        }
        versions
    }

    /// Counts as the superuser, who sees everything.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let pool = self.admin().await;
        let count = sqlx::query_scalar(sql)
            .fetch_one(&pool)
            .await
            .expect("a count");
        pool.close().await;
        count
    }
}

/// Raises a patient's version under its row lock and publishes it.
pub(crate) async fn bump_and_publish(tx: &mut Tx, key: &str) {
    let version: i64 = sqlx::query_scalar(
        "insert into patient (id, version) values ($1, 1) on conflict (id) do update set version = patient.version + 1 returning version",
    )
    .bind(key)
    .fetch_one(tx.conn())
    .await
    .expect("a version");
    tx.publish(&registered(key, version));
}

pub(crate) fn registered(key: &str, version: i64) -> PatientRegistered {
    PatientRegistered {
        patient_id: key.to_owned(),
        mrn: version.to_string(),
        ..Default::default()
    }
}

/// What a [`Recorder`] wrote down.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) key: String,
    pub(crate) version: i64,
    pub(crate) attempt: i32,
}

type Behaviour = dyn Fn(&Received) -> Result<(), Failure> + Send + Sync;

/// Writes down every event it applied, and fails when told to.
pub(crate) struct Recorder {
    group: &'static str,
    behaviour: Box<Behaviour>,
}

impl Recorder {
    pub(crate) fn new(group: &'static str) -> Arc<Self> {
        Self::behaving(group, |_| Ok(()))
    }

    /// Runs `behaviour` after its effect and before the commit.
    pub(crate) fn behaving(
        group: &'static str,
        behaviour: impl Fn(&Received) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            group,
            behaviour: Box::new(behaviour),
        })
    }
}

pub(crate) async fn record(
    tx: &mut Tx,
    group: &str,
    meta: &Received,
    version: i64,
) -> Result<(), Failure> {
    sqlx::query("insert into effect (grp, event, part, off, key, version, attempt) values ($1, $2, $3, $4, $5, $6, $7)")
        .bind(group)
        .bind(meta.id)
        .bind(meta.partition)
        .bind(meta.offset)
        .bind(&meta.key)
        .bind(version)
        .bind(i32::try_from(meta.attempt).expect("few attempts"))
        .execute(tx.conn())
        .await?;
    Ok(())
}

impl Handle<PatientRegistered> for Recorder {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientRegistered>,
    ) -> Result<(), Failure> {
        let version = delivery
            .event
            .mrn
            .parse()
            .expect("the version of a fake patient");
        record(tx, self.group, &delivery.meta, version).await?;
        (self.behaviour)(&delivery.meta)
    }
}

/// Few tries, close together.
pub(crate) const HASTY: RetryPolicy = RetryPolicy {
    attempts: 3,
    base: Duration::from_millis(5),
    cap: Duration::from_millis(20),
};

/// A backbone that runs, and stops when told.
pub(crate) struct Runs {
    pub(crate) running: Running,
    stop: CancellationToken,
}

impl Runs {
    pub(crate) fn start(backbone: Backbone) -> Self {
        let stop = CancellationToken::new();
        Self {
            running: backbone.run(stop.clone()),
            stop,
        }
    }

    pub(crate) async fn settle(&self) {
        tokio::time::timeout(Duration::from_secs(30), self.running.settle())
            .await
            .expect("everything is applied in time")
            .expect("the database answers");
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.running.stopped().await;
    }
}

/// Waits for a condition that nothing announces.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(tokio::time::Instant::now() < patience, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn retryable(code: &'static str) -> Failure {
    Failure::Retryable {
        code,
        source: "as told".into(),
    }
}

pub(crate) fn permanent(code: &'static str) -> Failure {
    Failure::Permanent {
        code,
        source: "as told".into(),
    }
}

pub(crate) fn away() -> Failure {
    Failure::Infrastructure("as told".into())
}

//! Measures the backbone on a durable private cluster: events a second through
//! publishing, sequencing and effect, row by row and in sets; the pace of a backlog;
//! and the time from a commit to its visible effect at a thousand events a second.
//!
//! Rates on a busy machine say little; the CPU time of an event says more.
//!
//! `cargo run --release -p galen-eventing --example throughput -- [seconds] [events/s of the last]`

#![expect(clippy::cast_precision_loss, reason = "figures for a person")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use galen_contracts::Event as _;
use galen_contracts::notifications::v1::MessageSent;
use galen_contracts::patients::v1::PatientRegistered;
use galen_eventing::{
    Backbone, Delivery, Failure, Handle, HandleBatch, MIGRATIONS, Publish, Received, Subscription,
    subscription::Definition,
};
use galen_kernel::Clock;
use galen_storage::cluster::ClusterOptions;
use galen_storage::{Access, Cluster, Databases, Db, Migration, SchemaSpec, Tx};
use hdrhistogram::Histogram;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const KEYS: u64 = 1000;

const SERVICES: &[SchemaSpec] = &[
    SchemaSpec {
        service: "patients",
        migrations: &[Migration {
            name: "0001_patient",
            sql: "create table patient (id text primary key, version bigint not null) with (fillfactor = 50)",
        }],
        subscribes: &[],
    },
    SchemaSpec {
        service: "notifications",
        migrations: &[Migration {
            name: "0001_seen",
            sql: "create table seen (key text primary key, events bigint not null) with (fillfactor = 50);
                  create table arrival (part int2 not null, off bigint not null, event uuid not null, primary key (part, off))",
        }],
        subscribes: &["patients"],
    },
];

/// One upsert and one follow-up for each event.
struct RowByRow;

impl Handle<PatientRegistered> for RowByRow {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientRegistered>,
    ) -> Result<(), Failure> {
        sqlx::query("insert into seen (key, events) values ($1, 1) on conflict (key) do update set events = seen.events + 1")
            .bind(&delivery.event.patient_id)
            .execute(tx.conn())
            .await?;
        tx.publish(&MessageSent {
            message_id: delivery.event.patient_id,
            channel: "EMAIL".to_owned(),
        });
        Ok(())
    }
}

/// One statement for a whole batch.
struct SetBased;

impl HandleBatch for SetBased {
    async fn handle_batch(&self, tx: &mut Tx, batch: &[Received]) -> Result<(), Failure> {
        let keys: Vec<&str> = batch.iter().map(|received| received.key.as_str()).collect();
        sqlx::query(
            "insert into seen (key, events) select key, count(*) from unnest($1) as key group by key
             on conflict (key) do update set events = seen.events + excluded.events",
        )
        .bind(keys)
        .execute(tx.conn())
        .await?;
        Ok(())
    }
}

/// Writes down that the event arrived.
struct Arriving;

impl Handle<PatientRegistered> for Arriving {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientRegistered>,
    ) -> Result<(), Failure> {
        sqlx::query("insert into arrival (part, off, event) values ($1, $2, $3)")
            .bind(delivery.meta.partition)
            .bind(delivery.meta.offset)
            .bind(delivery.meta.id)
            .execute(tx.conn())
            .await?;
        Ok(())
    }
}

/// What was spent so far.
struct Spent {
    server: Duration,
    client: Duration,
    wal: i64,
}

struct Bench {
    server: u32,
    databases: Databases,
    patients: Db,
    notifications: Db,
    events: Db,
    seconds: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let argument = |n, default| {
        std::env::args()
            .nth(n)
            .map_or(Ok(default), |text| text.parse::<u64>())
    };
    let (seconds, pace) = (argument(1, 5)?, argument(2, 1000)?);
    let dir = tempfile::tempdir()?;
    let cluster = Cluster::start(ClusterOptions {
        dir: dir.path().to_owned(),
        fsync: true,
        bin: None,
    })
    .await?;
    let access = Access::from_file(cluster.admin(), &dir.path().join("database.secret"))?;
    let databases =
        Databases::provision(access, MIGRATIONS, &[], SERVICES, Clock::system()).await?;
    let bench = Bench {
        server: cluster.server_pid().ok_or("the server has no process id")?,
        patients: databases.open("patients", 24).await?,
        notifications: databases.open("notifications", 12).await?,
        events: databases.open_events(4).await?,
        databases,
        seconds,
    };
    println!(
        "{} processors, {seconds} s each, fsync on, {} build",
        std::thread::available_parallelism()?,
        if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        }
    );
    bench.business_alone().await?;
    bench
        .pipeline(
            "row by row, 1 event a transaction",
            "notifications.rows1",
            row_by_row,
            16,
            1,
        )
        .await?;
    bench
        .pipeline(
            "row by row, 20 events a transaction",
            "notifications.rows20",
            row_by_row,
            4,
            20,
        )
        .await?;
    bench
        .pipeline(
            "set-based, 1 event a transaction",
            "notifications.sets1",
            set_based,
            16,
            1,
        )
        .await?;
    bench
        .pipeline(
            "set-based, 50 events a transaction",
            "notifications.sets50",
            set_based,
            4,
            50,
        )
        .await?;
    bench.backlog().await?;
    bench.latency(pace).await?;
    cluster.stop().await?;
    Ok(())
}

fn row_by_row(group: &'static str) -> Definition {
    Subscription::new(group, Arc::new(RowByRow))
        .on::<PatientRegistered>()
        .build()
}

fn set_based(group: &'static str) -> Definition {
    Subscription::new(group, Arc::new(SetBased))
        .in_batches(&[PatientRegistered::TYPE])
        .build()
}

fn arriving(group: &'static str) -> Definition {
    Subscription::new(group, Arc::new(Arriving))
        .on::<PatientRegistered>()
        .build()
}

impl Bench {
    fn backbone(&self, definition: Definition) -> Backbone {
        let mut backbone = Backbone::new(self.events.clone(), self.databases.wake()).exclusive();
        backbone.subscribe(&self.notifications, definition);
        backbone
    }

    /// A new group begins where the log ends now.
    async fn skip(&self, group: &str) -> Result<()> {
        sqlx::query("select * from events.tick(0)")
            .execute(self.events.pool())
            .await?;
        sqlx::query("select events.register_group($1, '{patients}')")
            .bind(group)
            .execute(self.events.pool())
            .await?;
        sqlx::query("update cursor c set off = h.off from head h where c.topic = h.topic and c.part = h.part and c.grp = $1")
            .bind(group)
            .execute(self.events.pool())
            .await?;
        Ok(())
    }

    /// CPU time of the server and of this process, and bytes of WAL.
    async fn spent(&self) -> Result<Spent> {
        let wal = sqlx::query_scalar(
            "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint",
        )
        .fetch_one(self.events.pool())
        .await?;
        Ok(Spent {
            server: cpu_of_tree(self.server)?,
            client: cpu_of(std::process::id(), false)?,
            wal,
        })
    }

    async fn print_spent(&self, before: &Spent, events: u64) -> Result<()> {
        let after = self.spent().await?;
        let per_event = |spent: Duration| spent.as_secs_f64() * 1e6 / events as f64;
        println!(
            "    each: {:.0} µs of the server's CPU, {:.0} µs of this process's, {:.0} bytes of WAL",
            per_event(after.server.saturating_sub(before.server)),
            per_event(after.client.saturating_sub(before.client)),
            (after.wal - before.wal) as f64 / events as f64
        );
        Ok(())
    }

    /// What an event costs the business transaction, when nobody reads.
    async fn business_alone(&self) -> Result<()> {
        for (name, per_tx) in [("without events", 0), ("with one event", 1)] {
            let before = self.spent().await?;
            let (count, took) = self.write(16, per_tx).await?;
            println!(
                "business transactions {name}, nobody reads: {:.0}/s",
                rate(count, took)
            );
            self.print_spent(&before, count).await?;
        }
        Ok(())
    }

    async fn pipeline(
        &self,
        name: &str,
        group: &'static str,
        definition: fn(&'static str) -> Definition,
        writers: u64,
        per_tx: u64,
    ) -> Result<()> {
        self.skip(group).await?;
        let stop = CancellationToken::new();
        let running = self.backbone(definition(group)).run(stop.clone());
        running.settle().await?;
        let before = self.spent().await?;
        let started = Instant::now();
        let (count, _) = self.write(writers, per_tx).await?;
        running.settle().await?;
        let took = started.elapsed();
        let events = count * per_tx;
        println!(
            "{name}: {:.0} events/s published, sequenced and applied",
            rate(events, took)
        );
        self.print_spent(&before, events).await?;
        stop.cancel();
        running.stopped().await;
        Ok(())
    }

    /// How fast a set-based group catches up with what the others left.
    async fn backlog(&self) -> Result<()> {
        let stop = CancellationToken::new();
        let group = "notifications.backlog";
        let before = self.spent().await?;
        let started = Instant::now();
        let running = self.backbone(set_based(group)).run(stop.clone());
        running.settle().await?;
        let took = started.elapsed();
        let events: i64 = sqlx::query_scalar("select sum(off)::bigint from cursor where grp = $1")
            .bind(group)
            .fetch_one(self.events.pool())
            .await?;
        println!(
            "backlog, set-based: {:.0} events/s ({events} events)",
            rate(events.unsigned_abs(), took)
        );
        self.print_spent(&before, events.unsigned_abs()).await?;
        stop.cancel();
        running.stopped().await;
        Ok(())
    }

    /// Open loop: events are published on schedule, whatever became of the former.
    async fn latency(&self, per_second: u64) -> Result<()> {
        let group = "notifications.latency";
        self.skip(group).await?;
        let stop = CancellationToken::new();
        let running = self.backbone(arriving(group)).run(stop.clone());
        running.settle().await?;
        let over = Arc::new(AtomicBool::new(false));
        let watcher = tokio::spawn(watch(self.notifications.clone(), Arc::clone(&over)));
        let mut clock = tokio::time::interval(Duration::from_micros(1_000_000 / per_second));
        let mut publishers = tokio::task::JoinSet::new();
        for n in 0..per_second * self.seconds {
            clock.tick().await;
            publishers.spawn(publish_one(self.patients.clone(), n));
        }
        let (mut committed, mut failed) = (HashMap::new(), 0);
        while let Some(one) = publishers.join_next().await {
            match one? {
                Ok((id, at)) => {
                    committed.insert(id, at);
                }
                // An overloaded machine: the pool is never free.
                Err(_) => failed += 1,
            }
        }
        running.settle().await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        over.store(true, Ordering::Relaxed);
        let seen = watcher.await??;
        let mut histogram = Histogram::<u64>::new(3)?;
        for (id, at) in &committed {
            let seen = seen.get(id).ok_or("an event has no effect")?;
            histogram.record(u64::try_from(
                seen.saturating_duration_since(*at).as_micros(),
            )?)?;
        }
        let ms = |quantile| {
            Duration::from_micros(histogram.value_at_quantile(quantile)).as_secs_f64() * 1000.0
        };
        println!(
            "commit to visible effect at {per_second} events/s: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, max {:.1} ms ({} events, {failed} not published, looked at every millisecond)",
            ms(0.5),
            ms(0.95),
            ms(0.99),
            ms(1.0),
            committed.len()
        );
        stop.cancel();
        running.stopped().await;
        Ok(())
    }

    /// Writers that do nothing else: how many transactions, and how long it took.
    async fn write(&self, writers: u64, per_tx: u64) -> Result<(u64, Duration)> {
        let (over, count) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let started = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..writers {
            let (db, over, count) = (self.patients.clone(), Arc::clone(&over), Arc::clone(&count));
            tasks.spawn(async move {
                let mut n = writer;
                while !over.load(Ordering::Relaxed) {
                    business(&db, n, per_tx).await?;
                    n += writers;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), galen_storage::Error>(())
            });
        }
        tokio::time::sleep(Duration::from_secs(self.seconds)).await;
        over.store(true, Ordering::Relaxed);
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Ok((count.load(Ordering::Relaxed), started.elapsed()))
    }
}

/// Changes one row and publishes.
async fn business(db: &Db, n: u64, events: u64) -> Result<(), galen_storage::Error> {
    let mut tx = db.begin().await?;
    sqlx::query("insert into patient (id, version) values ($1, 1) on conflict (id) do update set version = patient.version + 1")
        .bind(key(n))
        .execute(tx.conn())
        .await?;
    for event in 0..events {
        tx.publish(&registered(key(n + event * 7)));
    }
    tx.commit().await
}

fn key(n: u64) -> String {
    format!("patient-{}", n % KEYS)
}

fn registered(patient_id: String) -> PatientRegistered {
    PatientRegistered {
        patient_id,
        mrn: "MRN-0000001".to_owned(),
        ..Default::default()
    }
}

/// The id of the published event, and when its commit was answered.
async fn publish_one(db: Db, n: u64) -> Result<(Uuid, Instant)> {
    let mut tx = db.begin().await?;
    let id: Uuid = db.clock().uuid();
    let event = registered(key(n));
    tx.enqueue(galen_storage::Outgoing {
        id,
        topic: PatientRegistered::TYPE.topic,
        key: event.key().to_owned(),
        event_type: PatientRegistered::TYPE.name,
        headers: serde_json::json!({}),
        data: prost::Message::encode_to_vec(&event),
    });
    tx.commit().await?;
    Ok((id, Instant::now()))
}

/// Looks at the effects as another session sees them: in each partition they commit in
/// the order of their offsets.
async fn watch(db: Db, over: Arc<AtomicBool>) -> Result<HashMap<Uuid, Instant>> {
    let mut seen = HashMap::new();
    let mut last: Vec<i64> = vec![0; 8];
    let parts: Vec<i16> = (0..8).collect();
    let mut look = tokio::time::interval(Duration::from_millis(1));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !over.load(Ordering::Relaxed) {
        look.tick().await;
        let rows: Vec<(i16, i64, Uuid)> = sqlx::query_as(
            "select a.part, a.off, a.event from unnest($1, $2) as l (part, off)
             cross join lateral (select * from arrival where arrival.part = l.part and arrival.off > l.off order by arrival.off limit 1000) as a",
        )
        .bind(&parts)
        .bind(&last)
        .fetch_all(db.pool())
        .await?;
        let now = Instant::now();
        for (part, off, event) in rows {
            let last = &mut last[usize::try_from(part)?];
            *last = off.max(*last);
            seen.insert(event, now);
        }
    }
    Ok(seen)
}

/// CPU time of a server with its sessions, those that ended included (Linux).
fn cpu_of_tree(server: u32) -> Result<Duration> {
    let mut total = cpu_of(server, true)?;
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        // Processes may end while we look.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let parent = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.split(' ').nth(1)?.parse::<u32>().ok());
        if parent == Some(server) {
            total += cpu_of(pid, false).unwrap_or_default();
        }
    }
    Ok(total)
}

fn cpu_of(pid: u32, with_ended_children: bool) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    // utime, stime, cutime, cstime in hundredths of a second.
    let wanted = if with_ended_children { 11..15 } else { 11..13 };
    let mut ticks: u64 = 0;
    for field in fields.get(wanted).ok_or("an unknown /proc")? {
        ticks += field.parse::<u64>()?;
    }
    Ok(Duration::from_millis(ticks * 10))
}

fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

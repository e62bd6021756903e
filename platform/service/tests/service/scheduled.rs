//! Jobs: one process at a time, at once when woken, not after the stop.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use galen_kernel::Clock;
use galen_service::audit::Recorder;
use galen_service::{
    Config, Host, HostOptions, Job, Platform, RunningHost, SHARED_MIGRATIONS, Service, StartError,
};
use galen_storage::SchemaSpec;
use galen_testkit::TestDatabase;
use tokio::sync::Notify;

/// Runs of one test's ticker, over all of its hosts.
static RUNS: AtomicU64 = AtomicU64::new(0);
static WAKE: std::sync::LazyLock<Arc<Notify>> = std::sync::LazyLock::new(Arc::default);

struct Ticker;

impl Service for Ticker {
    const NAME: &'static str = "staff";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: "staff",
        migrations: &[],
        subscribes: &[],
    };

    async fn start(_: Platform) -> Result<Self, StartError> {
        Ok(Self)
    }

    fn jobs(self: &Arc<Self>) -> Vec<Job> {
        let tick = || async {
            RUNS.fetch_add(1, Ordering::SeqCst);
            Ok(1)
        };
        vec![Job::new("staff.tick", Duration::from_secs(3600), tick).woken_by(Arc::clone(&WAKE))]
    }
}

async fn host(database: &TestDatabase, files: &tempfile::TempDir) -> RunningHost {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = HostOptions {
        listen: any,
        ops_listen: any,
        tls: None,
        redirect_listen: None,
        connections_per_address: 100,
        grpc_listen: None,
        peers: BTreeMap::new(),
        zone: "UTC".to_owned(),
        data_dir: files.path().to_owned(),
        masters: galen_service::testing::masters(),
        drain: Duration::from_secs(5),
        pool: 4,
    };
    Host::new()
        .with::<Ticker>()
        .with_audit_in_memory(Recorder::in_memory())
        .run(
            database.databases(),
            options,
            Config::default(),
            Clock::system(),
        )
        .await
        .expect("the host starts")
}

async fn until_runs(expected: u64) {
    while RUNS.load(Ordering::SeqCst) < expected {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_runs_a_job_and_hands_it_over_when_it_stops() {
    let database = TestDatabase::new(
        galen_eventing::MIGRATIONS,
        SHARED_MIGRATIONS,
        &[Ticker::SCHEMA],
        Clock::system(),
    )
    .await;
    let files = tempfile::tempdir().unwrap();
    let first = host(&database, &files).await;
    until_runs(1).await;
    WAKE.notify_one();
    until_runs(2).await;

    let second = host(&database, &files).await;
    first.shutdown().await;
    // The lease was given back, so that the second need not wait until it runs out.
    tokio::time::timeout(Duration::from_secs(10), until_runs(3))
        .await
        .expect("the second takes over");
    second.shutdown().await;
    WAKE.notify_one();
    assert_eq!(
        RUNS.load(Ordering::SeqCst),
        3,
        "nothing runs after the stop"
    );
}

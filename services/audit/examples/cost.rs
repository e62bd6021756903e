//! Measures what writing everything down costs: commands and reads with the log and
//! with a list in memory instead, on a durable private cluster, by one caller and
//! by fifty at once.
//!
//! `cargo run --release -p galen-audit --example cost -- [seconds of a run]`

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use galen_access::{Permission, Role};
use galen_audit::Audit;
use galen_kernel::{Clock, Problem};
use galen_service::audit::Recorder;
use galen_service::testing::{self, TestApi, TestCaller};
use galen_service::{
    Answer, Cx, Needs, Outcome, PathIds, Peers, Requires, SHARED_MIGRATIONS, Service as _,
};
use galen_storage::cluster::ClusterOptions;
use galen_storage::{Access, Cluster, Databases, Db, Migration, SchemaSpec};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const CARDS: SchemaSpec = SchemaSpec {
    service: "patients",
    migrations: &[Migration {
        name: "0001_card",
        sql: "create table card (id uuid primary key)",
    }],
    subscribes: &[],
};

struct Show;

impl Requires for Show {
    const NEEDS: Needs = Needs::Permission(Permission::PatientRead);
}

struct Make;

impl Requires for Make {
    const NEEDS: Needs = Needs::Permission(Permission::PatientWrite);
}

#[derive(Serialize, ToSchema)]
struct Card {
    id: Uuid,
}

/// Shows a card.
#[utoipa::path(get, path = "/patients/{id}", params(("id" = Uuid, Path)), responses((status = 200, body = Card)))]
async fn show(_: Cx<Show>, State(db): State<Db>, PathIds(id): PathIds<Uuid>) -> Outcome {
    let found: Option<Uuid> = sqlx::query_scalar("select id from card where id = $1")
        .bind(id)
        .fetch_optional(db.pool())
        .await
        .map_err(galen_storage::Error::from)?;
    let id = found.ok_or_else(Problem::not_found)?;
    Ok(Answer::ok(&Card { id }))
}

/// Makes a card.
#[utoipa::path(post, path = "/patients", responses((status = 201, body = Card)))]
async fn make(cx: Cx<Make>, State(db): State<Db>) -> Outcome {
    let mut tx = cx.begin(&db).await?;
    let card = Card {
        id: cx.clock().uuid(),
    };
    sqlx::query("insert into card (id) values ($1)")
        .bind(card.id)
        .execute(tx.conn())
        .await
        .map_err(galen_storage::Error::from)?;
    tx.commit(Answer::created(&card)).await
}

#[tokio::main]
async fn main() -> Result<()> {
    let seconds = std::env::args().nth(1).map_or(Ok(5), |text| text.parse())?;
    let directory = tempfile::tempdir()?;
    open_to_others(directory.path())?;
    let cluster = Cluster::start(ClusterOptions {
        dir: directory.path().join("data"),
        fsync: true,
        bin: None,
    })
    .await?;
    let databases = Databases::provision(
        Access::from_file(cluster.admin(), &directory.path().join("secret"))?,
        galen_eventing::MIGRATIONS,
        SHARED_MIGRATIONS,
        &[Audit::SCHEMA, CARDS],
        Clock::system(),
    )
    .await?;
    let db = databases.open("patients", 32).await?;
    println!(
        "{} us for an entry, inside of the database",
        alone(&db).await?
    );
    println!("{:<36}{:>9}{:>10}{:>10}", "", "per s", "p50 us", "p99 us");
    for clients in [1, 50] {
        for (name, recorder) in [
            ("in memory", Recorder::in_memory()),
            ("in the log", Recorder::to_log(db.clone())),
        ] {
            let caller = desk(&db, recorder);
            let made = caller.post("/patients", serde_json::Value::Null).await;
            let path = format!("/patients/{}", made.body["id"].as_str().unwrap_or_default());
            let before = transactions(&db).await?;
            let reads = run(clients, seconds, &caller, move |caller| {
                let path = path.clone();
                async move { caller.get(&path).await.status.as_u16() == 200 }
            })
            .await;
            let commits = transactions(&db).await? - before - 1;
            reads.report(&format!("reads, {name}, {clients} at once"));
            println!("{:>36}{commits:>9} commits of {}", "", reads.0.len());
            let commands = run(clients, seconds, &caller, |caller| async move {
                let made = caller.post("/patients", serde_json::Value::Null);
                made.await.status.as_u16() == 201
            })
            .await;
            commands.report(&format!("commands, {name}, {clients} at once"));
        }
    }
    db.pool().close().await;
    cluster.stop().await?;
    Ok(())
}

/// PostgreSQL runs as another user than root and must be able to get in.
fn open_to_others(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

fn desk(db: &Db, recorder: Recorder) -> TestCaller {
    let platform = testing::platform(db.clone(), Clock::system(), Peers::default());
    let (routes, _) = OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(make))
        .with_state(db.clone())
        .split_for_parts();
    let routes = axum::Router::new().nest("/api/v1", routes);
    TestApi::recorded(routes, &platform, recorder).as_role(Role::Receptionist)
}

/// What adding an entry costs without callers, commits and round trips.
async fn alone(db: &Db) -> Result<u128> {
    const N: u32 = 10_000;
    let mut tx = db.begin().await?;
    let start = Instant::now();
    let sql = "select count(audit.record(jsonb_build_array(jsonb_build_object(
                   'id', gen_random_uuid(), 'kind', 'WRITE', 'actor_kind', 'USER', 'actor', gen_random_uuid(),
                   'session', gen_random_uuid(), 'roles', array['RECEPTIONIST'], 'action', 'POST /patients',
                   'permission', 'PATIENT_WRITE', 'subject_kind', 'patients', 'subject', gen_random_uuid(),
                   'patients', array[gen_random_uuid()], 'status', 201, 'reason', 'ANY', 'address', '127.0.0.1',
                   'trace_id', md5(n::text)))))
               from generate_series(1, $1) as n";
    sqlx::query(sql)
        .bind(N.cast_signed())
        .execute(tx.conn())
        .await?;
    let took = start.elapsed();
    tx.rollback().await?;
    Ok(took.as_micros() / u128::from(N))
}

/// How many transactions wrote something so far.
async fn transactions(db: &Db) -> Result<i64> {
    let sql = "select pg_current_xact_id()::text::bigint";
    Ok(sqlx::query_scalar(sql).fetch_one(db.pool()).await?)
}

/// How long each took, sorted, and all of them together.
struct Times(Vec<Duration>, Duration);

impl Times {
    fn report(&self, name: &str) {
        let Self(times, all) = self;
        let at = |percent: usize| {
            let time = times.get(times.len() * percent / 100);
            time.map_or(0, Duration::as_micros)
        };
        let rate = times.len() as u128 * 1_000_000 / all.as_micros().max(1);
        println!("{name:<36}{rate:>9}{:>10}{:>10}", at(50), at(99));
    }
}

/// Does it for some seconds, by so many at once.
async fn run<F, W>(clients: usize, seconds: u64, caller: &TestCaller, work: F) -> Times
where
    F: Fn(TestCaller) -> W + Send + Sync + 'static,
    W: Future<Output = bool> + Send,
{
    let (work, failed) = (Arc::new(work), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (work, failed, caller) = (Arc::clone(&work), Arc::clone(&failed), caller.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < end {
                    let began = Instant::now();
                    if !work(caller.clone()).await {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    times.push(began.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap_or_default());
    }
    let took = start.elapsed();
    let failed = failed.load(Ordering::Relaxed);
    if failed > 0 {
        println!("{failed} failed");
    }
    times.sort_unstable();
    Times(times, took)
}

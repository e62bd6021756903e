//! Start, stop, crash and recovery of the private cluster.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use galen_storage::cluster::ClusterError;
use galen_storage::{Cluster, ClusterOptions};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

fn temporary() -> TempDir {
    tempfile::Builder::new()
        .prefix("galen-storage-")
        .tempdir()
        .expect("a directory")
}

fn options(dir: &Path, fsync: bool) -> ClusterOptions {
    ClusterOptions {
        dir: dir.to_owned(),
        fsync,
        bin: std::env::var_os("GALEN_POSTGRES_BIN").map(PathBuf::from),
    }
}

async fn start(dir: &Path, fsync: bool) -> Cluster {
    Cluster::start(options(dir, fsync))
        .await
        .unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a process id")).expect("not zero");
    kill_process(pid, Signal::KILL).expect("the process is there");
}

async fn write(admin: PgConnectOptions) {
    let mut connection = admin.connect().await.expect("the server answers");
    sqlx::raw_sql("create table note (id int primary key); insert into note values (1)")
        .execute(&mut connection)
        .await
        .expect("written");
    connection.close().await.expect("closed");
}

async fn count(admin: PgConnectOptions) -> i64 {
    let mut connection = admin.connect().await.expect("the server answers");
    sqlx::query_scalar("select count(*) from note")
        .fetch_one(&mut connection)
        .await
        .expect("readable")
}

/// Waits until the server answers; fails after half a minute.
async fn count_when_back(admin: PgConnectOptions) -> i64 {
    let back = async {
        while admin.connect().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), back)
        .await
        .expect("the server comes back");
    count(admin).await
}

#[tokio::test]
async fn a_stopped_cluster_starts_again_quickly_with_what_was_written() {
    let dir = temporary();
    let cluster = start(dir.path(), true).await;
    write(cluster.admin()).await;
    cluster.stop().await.expect("stopped");
    assert!(Cluster::running(dir.path()).expect("readable").is_none());

    let before = Instant::now();
    let cluster = start(dir.path(), true).await;
    let took = before.elapsed();
    println!("ready after {took:?}");
    assert!(took < Duration::from_secs(5), "ready after {took:?}");
    assert_eq!(count(cluster.admin()).await, 1);
    cluster.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_second_start_on_the_directory_is_refused_and_does_not_disturb_the_first() {
    let dir = temporary();
    let cluster = start(dir.path(), false).await;
    let second = Cluster::start(options(dir.path(), false)).await;
    assert!(matches!(second, Err(ClusterError::InUse(_))), "{second:?}");
    write(cluster.admin()).await;
    let beside = Cluster::running(dir.path())
        .expect("readable")
        .expect("it runs");
    assert_eq!(count(beside).await, 1);
    drop(cluster);
    assert!(
        Cluster::running(dir.path()).expect("readable").is_none(),
        "dropping it stops the server"
    );
}

#[tokio::test]
async fn a_killed_server_comes_back_with_what_was_committed() {
    let dir = temporary();
    let cluster = start(dir.path(), true).await;
    write(cluster.admin()).await;
    for _ in 0..2 {
        let killed = cluster.server_pid().expect("it runs");
        // A connection that is busy when the server dies.
        let mut busy = cluster.admin().connect().await.expect("the server answers");
        let sleep =
            tokio::spawn(
                async move { sqlx::query("select pg_sleep(60)").execute(&mut busy).await },
            );
        kill(killed);
        assert!(sleep.await.expect("no panic").is_err());
        assert_eq!(count_when_back(cluster.admin()).await, 1);
        assert_ne!(cluster.server_pid(), Some(killed));
    }
    cluster.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_stop_while_the_server_is_dead_leaves_nothing_running() {
    let dir = temporary();
    let cluster = start(dir.path(), false).await;
    kill(cluster.server_pid().expect("it runs"));
    cluster.stop().await.expect("stopped");
    assert!(Cluster::running(dir.path()).expect("readable").is_none());
}

/// Starts a cluster in another process and kills that; returns what is left of it.
fn orphan(dir: &Path) -> u32 {
    let mut galen = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "cluster::the_galen_that_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env("GALEN_TEST_DIR", dir)
        .stdout(Stdio::piped())
        .stdin(Stdio::piped())
        .spawn()
        .expect("this test runs");
    let pid = BufReader::new(galen.stdout.take().expect("piped"))
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split("server ").nth(1)?.parse().ok())
        .expect("it says which server it started");
    galen.kill().expect("killed");
    galen.wait().expect("waited for");
    pid
}

#[tokio::test]
async fn the_server_of_a_killed_galen_is_adopted_and_stopped_cleanly() {
    let dir = temporary();
    let pid = orphan(dir.path());
    let cluster = start(dir.path(), false).await;
    assert_eq!(cluster.server_pid(), Some(pid), "the same server");
    write(cluster.admin()).await;
    cluster.stop().await.expect("stopped");
    assert!(Cluster::running(dir.path()).expect("readable").is_none());
}

#[tokio::test]
async fn an_adopted_server_that_is_killed_comes_back() {
    let dir = temporary();
    let pid = orphan(dir.path());
    let cluster = start(dir.path(), true).await;
    write(cluster.admin()).await;
    kill(pid);
    assert_eq!(count_when_back(cluster.admin()).await, 1);
    assert_ne!(cluster.server_pid(), Some(pid));
    cluster.stop().await.expect("stopped");
    assert!(Cluster::running(dir.path()).expect("readable").is_none());
}

#[tokio::test]
async fn galen_and_its_server_killed_together_come_back() {
    let dir = temporary();
    kill(orphan(dir.path()));
    let cluster = start(dir.path(), false).await;
    write(cluster.admin()).await;
    cluster.stop().await.expect("stopped");
}

/// The other half of [`orphan`], in a process of its own.
#[test]
#[ignore = "waits to be killed"]
fn the_galen_that_is_killed() {
    let dir = std::env::var_os("GALEN_TEST_DIR").expect("run by another test only");
    let cluster = Cluster::start_blocking(&options(Path::new(&dir), true)).expect("started");
    println!("server {}", cluster.server_pid().expect("it runs"));
    // Ends with the other process, should that fail to kill it.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[tokio::test]
async fn a_lock_file_that_names_a_stranger_is_put_aside() {
    let dir = temporary();
    start(dir.path(), false)
        .await
        .stop()
        .await
        .expect("stopped");
    let root = dir.path().join("postgres");
    // After a reboot the process id may belong to anything of the same account.
    let owner = fs::metadata(&root).expect("there");
    let mut command = Command::new("sleep");
    command.arg("60");
    if rustix::process::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let mut stranger = command.spawn().expect("sleep");
    let data = root.join("data");
    let file = data.join("postmaster.pid");
    fs::write(
        &file,
        format!(
            "{}\n{}\n1700000000\n5432\n\n\n  5432001  0\nready   \n",
            stranger.id(),
            data.display()
        ),
    )
    .expect("written");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&file, Some(owner.uid()), Some(owner.gid())).expect("given");
    }
    let cluster = start(dir.path(), false).await;
    assert_ne!(cluster.server_pid(), Some(stranger.id()));
    write(cluster.admin()).await;
    cluster.stop().await.expect("stopped");
    assert!(
        stranger.try_wait().expect("waited for").is_none(),
        "the stranger was left alone"
    );
    stranger.kill().expect("killed");
    stranger.wait().expect("waited for");
}

#[tokio::test]
async fn an_initialisation_that_was_cut_short_is_begun_anew() {
    let dir = temporary();
    let unfinished = dir.path().join("postgres/data.new/base");
    fs::create_dir_all(&unfinished).expect("created");
    fs::write(unfinished.join("half"), "a file").expect("written");
    let cluster = start(dir.path(), false).await;
    write(cluster.admin()).await;
    cluster.stop().await.expect("stopped");
    assert!(!dir.path().join("postgres/data.new").exists());
}

#[tokio::test]
async fn a_directory_too_deep_for_a_socket_works_all_the_same() {
    let dir = temporary();
    let deep = dir.path().join("x".repeat(100));
    let cluster = start(&deep, false).await;
    write(cluster.admin()).await;
    let beside = Cluster::running(&deep).expect("readable").expect("it runs");
    let socket = beside.get_socket().expect("a socket").clone();
    assert_eq!(fs::metadata(&socket).expect("there").mode() & 0o777, 0o700);
    cluster.stop().await.expect("stopped");

    // What cleans the temporary directory takes the socket's directory along.
    fs::remove_dir_all(&socket).expect("removed");
    let cluster = start(&deep, false).await;
    assert_eq!(count(cluster.admin()).await, 1);
    let socket = cluster.admin().get_socket().expect("a socket").clone();
    cluster.stop().await.expect("stopped");
    fs::remove_dir_all(&socket).expect("removed");
}

#[tokio::test]
async fn what_a_failed_statement_held_is_not_in_the_log() {
    let dir = temporary();
    let cluster = start(dir.path(), false).await;
    write(cluster.admin()).await;
    let mut connection = cluster.admin().connect().await.expect("the server answers");
    for statement in [
        "insert into note values ('Ada Lovelace')",
        "select 'Ada Lovelace'::date",
        "create table person (name text primary key); insert into person values ('Ada Lovelace'), ('Ada Lovelace')",
        "select * from \"Ada Lovelace\"",
    ] {
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .expect_err("the statement is wrong");
    }
    sqlx::query("select $1::text::int")
        .bind("Ada Lovelace")
        .execute(&mut connection)
        .await
        .expect_err("not a number");
    connection.close().await.expect("closed");
    cluster.stop().await.expect("stopped");
    let log = fs::read_to_string(dir.path().join("postgres/postgres.log")).expect("readable");
    assert!(log.contains("ready to accept connections"), "{log}");
    assert!(!log.contains("Ada"), "{log}");
}

#[tokio::test]
async fn nobody_else_gets_at_the_files_or_logs_in_without_a_password() {
    let dir = temporary();
    let cluster = start(dir.path(), false).await;
    let root = dir.path().join("postgres");
    assert_eq!(fs::metadata(&root).expect("there").mode() & 0o777, 0o700);
    assert_eq!(
        fs::metadata(root.join("superuser")).expect("there").mode() & 0o777,
        0o600
    );
    let refused = cluster
        .admin()
        .password("wrong")
        .connect()
        .await
        .expect_err("refused");
    assert_eq!(
        refused
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .as_deref(),
        Some("28P01")
    );
    let mut connection = cluster.admin().connect().await.expect("the server answers");
    let addresses: String = sqlx::query_scalar("show listen_addresses")
        .fetch_one(&mut connection)
        .await
        .expect("a setting");
    assert_eq!(addresses, "");
    cluster.stop().await.expect("stopped");
}

//! A database per test, in one cluster per process, which ends with the process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use galen_kernel::Clock;
use galen_storage::{Migration, SchemaSpec};
use galen_testkit::TestDatabase;

const NOTES: &[Migration] = &[Migration {
    name: "0001_note",
    sql: "create table note (id int primary key)",
}];
const SPEC: SchemaSpec = SchemaSpec {
    service: "notes",
    migrations: NOTES,
    subscribes: &[],
};

async fn count_after_insert() -> i64 {
    let database = TestDatabase::new(&[], &[], &[SPEC], Clock::system()).await;
    let db = database.open("notes").await;
    sqlx::query("insert into note values (1)")
        .execute(db.pool())
        .await
        .expect("the test's own database");
    sqlx::query_scalar("select count(*) from note")
        .fetch_one(db.pool())
        .await
        .expect("readable")
}

#[tokio::test]
async fn a_test_sees_only_its_own_rows() {
    assert_eq!(count_after_insert().await, 1);
}

#[tokio::test]
async fn a_test_beside_it_does_too() {
    assert_eq!(count_after_insert().await, 1);
}

#[tokio::test]
async fn databases_of_one_test_do_not_share_rows() {
    let (a, b) = tokio::join!(count_after_insert(), count_after_insert());
    assert_eq!((a, b), (1, 1));
}

#[test]
fn the_cluster_of_a_killed_test_process_is_gone_soon_after() {
    let mut tests = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "the_test_process_that_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test runs");
    let socket: PathBuf = BufReader::new(tests.stdout.take().expect("piped"))
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split("socket ").nth(1).map(PathBuf::from))
        .expect("it says where its cluster is");
    let dir = socket
        .ancestors()
        .nth(2)
        .expect("<dir>/postgres/run")
        .to_owned();
    assert!(dir.join("postgres/data/postmaster.pid").exists());
    tests.kill().expect("killed");
    tests.wait().expect("waited for");
    let killed = Instant::now();
    while dir.exists() {
        assert!(
            killed.elapsed() < Duration::from_secs(15),
            "{} is still there",
            dir.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The other half of the test above, in a process of its own.
#[tokio::test]
#[ignore = "waits to be killed"]
async fn the_test_process_that_is_killed() {
    let database = TestDatabase::new(&[], &[], &[SPEC], Clock::system()).await;
    println!(
        "socket {}",
        database.admin().get_socket().expect("a socket").display()
    );
    // Ends with the other process, should that fail to kill it.
    let _ = std::io::stdin().read_line(&mut String::new());
}

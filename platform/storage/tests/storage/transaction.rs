//! Transactions, columns and pools.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use galen_kernel::{Clock, Id, Timestamp};
use galen_storage::{Columns, Error, Migration, SchemaSpec, date, ts};
use galen_testkit::TestDatabase;
use jiff::civil::Date;
use proptest::prelude::*;
use tokio::sync::Notify;
use uuid::Uuid;

const VISITS: SchemaSpec = SchemaSpec {
    service: "visits",
    migrations: &[Migration {
        name: "0001_visit",
        sql: "create table visit (id uuid primary key, at timestamptz, day date, note text constraint note_is_short check (length(note) < 5))",
    }],
    subscribes: &[],
};

struct Visit;

async fn visits() -> TestDatabase {
    TestDatabase::new(&[], &[], &[VISITS], Clock::system()).await
}

#[tokio::test]
async fn a_transaction_that_is_dropped_or_rolled_back_leaves_nothing() {
    let database = visits().await;
    let db = database.open("visits").await;
    let insert = "insert into visit (id) values ($1)";
    let mut dropped = db.begin().await.expect("begun");
    sqlx::query(insert)
        .bind(db.clock().uuid())
        .execute(dropped.conn())
        .await
        .expect("inserted");
    drop(dropped);
    let mut undone = db.begin().await.expect("begun");
    sqlx::query(insert)
        .bind(db.clock().uuid())
        .execute(undone.conn())
        .await
        .expect("inserted");
    undone.rollback().await.expect("undone");
    let mut kept = db.begin().await.expect("begun");
    sqlx::query(insert)
        .bind(db.clock().uuid())
        .execute(&mut *kept)
        .await
        .expect("inserted");
    kept.commit().await.expect("committed");
    assert_eq!(
        sqlx::query_scalar::<_, i64>("select count(*) from visit")
            .fetch_one(db.pool())
            .await
            .expect("readable"),
        1
    );
}

#[tokio::test]
async fn a_bell_rings_after_the_commit_and_only_then() {
    let database = visits().await;
    let db = database.open("visits").await;
    let bell = Arc::<Notify>::default();
    let mut undone = db.begin().await.expect("begun");
    undone.ring(&bell);
    undone.rollback().await.expect("undone");
    assert_eq!(bell.notified().now_or_never(), None);
    let mut kept = db.begin().await.expect("begun");
    kept.ring(&bell);
    assert_eq!(bell.notified().now_or_never(), None);
    kept.commit().await.expect("committed");
    assert_eq!(bell.notified().now_or_never(), Some(()));
}

#[tokio::test]
async fn columns_read_what_was_bound() {
    let database = visits().await;
    let db = database.open("visits").await;
    let id: Id<Visit> = db.clock().id();
    let (at, day) = (db.clock().now(), Date::constant(2024, 2, 29));
    sqlx::query("insert into visit (id, at, day) values ($1, $2, $3)")
        .bind(id.uuid())
        .bind(ts(at))
        .bind(date(day))
        .execute(db.pool())
        .await
        .expect("inserted");
    let row = sqlx::query("select * from visit")
        .fetch_one(db.pool())
        .await
        .expect("readable");
    assert_eq!(row.id::<Visit>("id").expect("a uuid"), id);
    assert_eq!(row.instant("at").expect("an instant"), at);
    assert_eq!(row.date("day").expect("a date"), day);
    assert_eq!(row.opt_text("note").expect("a column"), None);
    assert!(row.text("note").is_err(), "NULL is no text");
    assert!(row.instant("elsewhere").is_err(), "there is no such column");
}

#[tokio::test]
async fn a_violated_constraint_is_known_by_its_name() {
    let database = visits().await;
    let db = database.open("visits").await;
    let error = sqlx::query("insert into visit (id, note) values ($1, 'too long')")
        .bind(Uuid::nil())
        .execute(db.pool())
        .await
        .map(|_| ())
        .map_err(Error::from)
        .expect_err("refused");
    assert_eq!(error.constraint(), Some("note_is_short"));
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_pool_survives_the_end_of_its_connections() {
    let database = visits().await;
    let db = database.open("visits").await;
    sqlx::query("select 1")
        .execute(db.pool())
        .await
        .expect("an answer");
    let owner = database.open_events().await;
    drop(owner);
    let mut admin = sqlx::ConnectOptions::connect(&database.admin())
        .await
        .expect("the superuser");
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'galen_visits' and datname = current_database()").execute(&mut admin).await.expect("ended");
    // A connection that has rested is asked before it is used.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    sqlx::query("select 1")
        .execute(db.pool())
        .await
        .expect("a new connection");
}

#[tokio::test]
async fn a_lock_that_others_hold_is_not_waited_for_for_ever() {
    let database = visits().await;
    let db = database.open("visits").await;
    for (setting, value) in [
        ("lock_timeout", "10s"),
        ("statement_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "1min"),
    ] {
        let set: String = sqlx::query_scalar("select current_setting($1)")
            .bind(setting)
            .fetch_one(db.pool())
            .await
            .expect("a setting");
        assert_eq!(set, value, "{setting}");
    }
    let mut holder = db.begin().await.expect("begun");
    sqlx::query("lock table visit")
        .execute(holder.conn())
        .await
        .expect("locked");
    let mut waiter = db.begin().await.expect("begun");
    sqlx::query("set local lock_timeout = '50ms'")
        .execute(waiter.conn())
        .await
        .expect("set");
    let error = sqlx::query("lock table visit")
        .execute(waiter.conn())
        .await
        .map(|_| ())
        .map_err(Error::from)
        .expect_err("held by another");
    assert_eq!(error.sqlstate().as_deref(), Some("55P03"));
    assert!(error.is_transient());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn instants_of_all_years_that_are_accepted_come_back(seconds in proptest::collection::vec(-62_135_596_800_i64..=253_370_764_800, 64)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let database = visits().await;
            let db = database.open("visits").await;
            let at: Vec<Timestamp> = seconds.iter().map(|seconds| Timestamp::from_second(*seconds).expect("in range")).collect();
            for at in at {
                let back = sqlx::query("select $1::timestamptz as at").bind(ts(at)).fetch_one(db.pool()).await.expect("an answer");
                assert_eq!(back.instant("at").expect("an instant"), at);
            }
        });
    }
}

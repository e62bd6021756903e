//! A database per test, in one cluster per process.

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

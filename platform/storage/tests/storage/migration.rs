//! Migrations go forward, all of one or nothing of it.

use galen_kernel::Clock;
use galen_storage::migrate::MigrateError;
use galen_storage::provision::ProvisionError;
use galen_storage::{Databases, Migration, SchemaSpec};
use galen_testkit::TestDatabase;

const SHARED: &[Migration] = &[Migration {
    name: "shared_0001",
    sql: "create table shared (id int); insert into shared values (1)",
}];
const ONE: Migration = Migration {
    name: "0001_one",
    sql: "create table one (id int primary key); insert into one values (1)",
};
const TWO: Migration = Migration {
    name: "0002_two",
    sql: "create table two (id int references one); insert into two select id from one",
};
const BROKEN: Migration = Migration {
    name: "0003_broken",
    sql: "create table three (id int); insert into two values (99)",
};

const fn spec(migrations: &'static [Migration]) -> SchemaSpec {
    SchemaSpec {
        service: "history",
        migrations,
        subscribes: &[],
    }
}

async fn provision(
    database: &TestDatabase,
    migrations: &'static [Migration],
) -> Result<(), MigrateError> {
    match Databases::provision(
        database.access(),
        &[],
        SHARED,
        &[spec(migrations)],
        Clock::system(),
    )
    .await
    {
        Ok(_) => Ok(()),
        Err(ProvisionError::Migrate(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    }
}

async fn applied(database: &TestDatabase) -> Vec<String> {
    let db = database.open("history").await;
    sqlx::query_scalar("select name from migration order by applied_at, name")
        .fetch_all(db.pool())
        .await
        .expect("its own table")
}

async fn table_exists(database: &TestDatabase, name: &str) -> bool {
    let db = database.open("history").await;
    sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(name)
        .fetch_one(db.pool())
        .await
        .expect("an answer")
}

#[tokio::test]
async fn what_is_new_is_applied_once_and_in_order_with_the_shared_part_first() {
    let database = TestDatabase::new(&[], SHARED, &[spec(&[ONE])], Clock::system()).await;
    assert_eq!(applied(&database).await, ["shared_0001", "0001_one"]);
    provision(&database, &[ONE, TWO]).await.expect("forward");
    provision(&database, &[ONE, TWO])
        .await
        .expect("nothing to do");
    assert_eq!(
        applied(&database).await,
        ["shared_0001", "0001_one", "0002_two"]
    );
    let db = database.open("history").await;
    assert_eq!(
        sqlx::query_scalar::<_, i64>("select count(*) from two")
            .fetch_one(db.pool())
            .await
            .expect("readable"),
        1
    );
}

#[tokio::test]
async fn an_altered_migration_is_refused() {
    let database = TestDatabase::new(&[], SHARED, &[spec(&[ONE])], Clock::system()).await;
    let altered = provision(
        &database,
        &[
            Migration {
                name: "0001_one",
                sql: "create table one (id bigint primary key)",
            },
            TWO,
        ],
    )
    .await;
    assert!(
        matches!(altered, Err(MigrateError::Altered { schema, name }) if schema == "history" && name == "0001_one")
    );
    assert!(!table_exists(&database, "two").await);
}

#[tokio::test]
async fn a_database_that_is_newer_than_the_binary_is_refused() {
    let database = TestDatabase::new(&[], SHARED, &[spec(&[ONE, TWO])], Clock::system()).await;
    let unknown = provision(&database, &[ONE]).await;
    assert!(
        matches!(unknown, Err(MigrateError::Unknown { schema, name }) if schema == "history" && name == "0002_two")
    );
}

#[tokio::test]
async fn nothing_of_a_failed_migration_remains_and_what_came_before_it_does() {
    let database = TestDatabase::new(&[], SHARED, &[spec(&[ONE])], Clock::system()).await;
    let failed = provision(&database, &[ONE, TWO, BROKEN]).await;
    let Err(MigrateError::Failed { name, source, .. }) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(name, "0003_broken");
    assert_eq!(
        source
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .as_deref(),
        Some("23503")
    );
    assert!(table_exists(&database, "two").await);
    assert!(!table_exists(&database, "three").await);
    assert_eq!(
        applied(&database).await,
        ["shared_0001", "0001_one", "0002_two"]
    );

    const MENDED: Migration = Migration {
        name: "0003_broken",
        sql: "create table three (id int)",
    };
    provision(&database, &[ONE, TWO, MENDED])
        .await
        .expect("mended");
    assert!(table_exists(&database, "three").await);
}

#[tokio::test]
async fn a_service_owns_what_its_migrations_create() {
    let database = TestDatabase::new(&[], SHARED, &[spec(&[ONE])], Clock::system()).await;
    let db = database.open("history").await;
    let owners: Vec<String> = sqlx::query_scalar(
        "select distinct tableowner::text from pg_tables where schemaname = 'history'",
    )
    .fetch_all(db.pool())
    .await
    .expect("readable");
    assert_eq!(owners, ["galen_history"]);
}

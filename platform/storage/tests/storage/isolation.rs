//! A service's role has rights on its own schema and on nothing else.

use galen_kernel::Clock;
use galen_storage::{Access, Databases, Db, Migration, SchemaSpec};
use galen_testkit::{SECRET, TestDatabase};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, ConnectOptions};

const EVENTS: &[Migration] = &[Migration {
    name: "0001_log",
    sql: "create table event (id int primary key);
          create table topic_right (service text, publishes text[], subscribes text[]);
          create function allow(service text, publishes text[], subscribes text[]) returns void language sql
          as $$ insert into events.topic_right values (service, publishes, subscribes) $$;
          create function publish() returns int language sql security definer set search_path = events, pg_temp
          as $$ insert into event values (1) returning id $$;
          create function internal() returns int language sql as $$ select 1 $$;
          grant execute on function publish() to galen_service;",
}];
const WARDS: SchemaSpec = SchemaSpec {
    service: "wards",
    migrations: &[Migration {
        name: "0001_ward",
        sql: "create table ward (id int primary key); create function beds() returns int language sql as $$ select 1 $$",
    }],
    subscribes: &["meals"],
};
const MEALS: SchemaSpec = SchemaSpec {
    service: "meals",
    migrations: &[Migration {
        name: "0001_meal",
        sql: "create table meal (id int primary key)",
    }],
    subscribes: &[],
};

async fn hospital() -> TestDatabase {
    TestDatabase::new(EVENTS, &[], &[WARDS, MEALS], Clock::system()).await
}

/// SQLSTATE of what a service may not do.
async fn refusal(db: &Db, sql: &'static str) -> String {
    let outcome = sqlx::query(sql)
        .execute(db.pool())
        .await
        .map(|_| ())
        .map_err(galen_storage::Error::from);
    outcome
        .expect_err(sql)
        .sqlstate()
        .expect("the database answered")
}

#[tokio::test]
async fn a_service_works_in_its_own_schema_without_naming_it() {
    let database = hospital().await;
    let wards = database.open("wards").await;
    sqlx::query("insert into ward values (1)")
        .execute(wards.pool())
        .await
        .expect("its own table");
    let schema: String = sqlx::query_scalar("select current_schema()::text")
        .fetch_one(wards.pool())
        .await
        .expect("a schema");
    assert_eq!(schema, "wards");
}

#[tokio::test]
async fn a_service_cannot_cross_into_anything_else() {
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    let database = hospital().await;
    let meals = database.open("meals").await;
    for sql in [
        "select * from wards.ward",
        "insert into wards.ward values (2)",
        "create table wards.mine (id int)",
        "drop table wards.ward",
        "select wards.beds()",
        "create table public.mine (id int)",
        "create table events.mine (id int)",
        "select * from events.event",
        "insert into events.event values (1)",
        "select * from events.topic_right",
        "select events.internal()",
        "select events.allow('meals', '{wards}', '{wards}')",
        "set role galen_wards",
        "set role galen_events",
        "alter role galen_wards password 'mine'",
        "grant galen_wards to galen_meals",
        "create schema mine",
        "create role mine",
        "select rolpassword from pg_authid",
        "copy meal to program 'true'",
        "create extension pgcrypto",
    ] {
        assert_eq!(refusal(&meals, sql).await, INSUFFICIENT_PRIVILEGE, "{sql}");
    }
    assert_eq!(
        sqlx::query_scalar::<_, i32>("select events.publish()")
            .fetch_one(meals.pool())
            .await
            .expect("granted"),
        1
    );
}

#[tokio::test]
async fn the_owner_of_events_sees_no_service() {
    let database = hospital().await;
    let events = database.open_events().await;
    sqlx::query("select * from event")
        .execute(events.pool())
        .await
        .expect("its own table");
    assert_eq!(refusal(&events, "select * from wards.ward").await, "42501");
}

#[tokio::test]
async fn a_service_cannot_enter_other_databases() {
    let database = hospital().await;
    let meals = database.open("meals").await;
    for name in ["postgres", "template1", "galen"] {
        let options = meals
            .pool()
            .connect_options()
            .as_ref()
            .clone()
            .database(name);
        let error =
            galen_storage::Error::from(options.connect().await.expect_err("no right to connect"));
        assert_eq!(error.sqlstate().as_deref(), Some("42501"), "{name}");
    }
}

#[tokio::test]
async fn a_service_publishes_its_own_topic_and_reads_what_it_subscribes_to() {
    let database = hospital().await;
    let events = database.open_events().await;
    let rights: Vec<(String, Vec<String>, Vec<String>)> =
        sqlx::query_as("select service, publishes, subscribes from topic_right order by service")
            .fetch_all(events.pool())
            .await
            .expect("its own table");
    let own = |name: &str, reads: &[&str]| {
        (
            name.to_owned(),
            vec![name.to_owned()],
            reads.iter().map(|name| (*name).to_owned()).collect(),
        )
    };
    assert_eq!(
        rights,
        [own("meals", &["meals"]), own("wards", &["meals", "wards"])]
    );
}

#[tokio::test]
async fn a_role_cannot_log_in_with_the_password_of_another_secret() {
    let database = hospital().await;
    let access = Access::new(
        database.admin(),
        SecretString::from("another secret of sufficient length"),
    );
    let error = Databases::provisioned(access, Clock::system())
        .open("wards", 1)
        .await
        .map(|_| ())
        .expect_err("refused");
    assert_eq!(error.sqlstate().as_deref(), Some("28P01"));
}

#[tokio::test]
async fn provisioning_again_and_at_once_changes_nothing() {
    let database = hospital().await;
    let wards = database.open("wards").await;
    sqlx::query("insert into ward values (7)")
        .execute(wards.pool())
        .await
        .expect("its own table");
    let again = || {
        Databases::provision(
            database.access(),
            EVENTS,
            &[],
            &[WARDS, MEALS],
            Clock::system(),
        )
    };
    let (a, b, c) = tokio::join!(again(), again(), again());
    for outcome in [a, b, c] {
        outcome.map(|_| ()).expect("provisioned");
    }
    assert_eq!(
        sqlx::query_scalar::<_, i32>("select id from ward")
            .fetch_one(wards.pool())
            .await
            .expect("still there"),
        7
    );
}

#[tokio::test]
async fn databases_of_one_server_are_provisioned_at_once() {
    let database = hospital().await;
    let mut admin = database.admin().connect().await.expect("the superuser");
    let mut accesses = Vec::new();
    for n in 0..4 {
        let name = format!("isolation_{n}");
        sqlx::raw_sql(AssertSqlSafe(format!("create database {name}")))
            .execute(&mut admin)
            .await
            .expect("created");
        accesses.push(Access::new(
            database.admin().database(&name),
            SecretString::from(SECRET),
        ));
    }
    let mut provisioning = tokio::task::JoinSet::new();
    for access in accesses {
        provisioning.spawn(Databases::provision(
            access,
            EVENTS,
            &[],
            &[WARDS, MEALS],
            Clock::system(),
        ));
    }
    while let Some(outcome) = provisioning.join_next().await {
        outcome.expect("no panic").map(|_| ()).expect("provisioned");
    }
}

#[tokio::test]
async fn an_administrator_who_is_not_superuser_provisions_too() {
    let database = TestDatabase::new(&[], &[], &[], Clock::system()).await;
    let mut admin = database.admin().connect().await.expect("the superuser");
    for sql in [
        "create role operator login createrole password 'operator'",
        "create database rented owner operator",
    ] {
        sqlx::raw_sql(sql).execute(&mut admin).await.expect(sql);
    }
    let options = database
        .admin()
        .username("operator")
        .password("operator")
        .database("rented");
    let access = Access::new(options, SecretString::from(SECRET));
    const RENTED: SchemaSpec = SchemaSpec {
        service: "rented",
        migrations: &[Migration {
            name: "0001_x",
            sql: "create table x (id int)",
        }],
        subscribes: &[],
    };
    let provision = || Databases::provision(access.clone(), &[], &[], &[RENTED], Clock::system());
    provision().await.map(|_| ()).expect("provisioned");
    let db = provision()
        .await
        .expect("and again")
        .open("rented", 1)
        .await
        .expect("logged in");
    sqlx::query("insert into x values (1)")
        .execute(db.pool())
        .await
        .expect("its own table");
}

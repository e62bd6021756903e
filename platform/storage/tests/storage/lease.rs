//! Leases, on the functions that the eventing crate defines.

use std::time::Duration;

use galen_kernel::Clock;
use galen_storage::lease::{release, take};
use galen_storage::{Migration, SchemaSpec};
use galen_testkit::TestDatabase;

const EVENTS: &[Migration] = &[Migration {
    name: "0001_log",
    sql: include_str!("../../../eventing/migrations/0001_log.sql"),
}];
const JOBS: SchemaSpec = SchemaSpec {
    service: "jobs",
    migrations: &[],
    subscribes: &[],
};
const OTHERS: SchemaSpec = SchemaSpec {
    service: "others",
    migrations: &[],
    subscribes: &[],
};
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn one_holder_leads_until_it_lets_go_and_the_epoch_tells_the_next_apart() {
    let database = TestDatabase::new(EVENTS, &[], &[JOBS, OTHERS], Clock::system()).await;
    let db = database.open("jobs").await;
    let (a, b) = (db.clock().uuid(), db.clock().uuid());
    let first = take(&db, "no-show", a, MINUTE)
        .await
        .expect("an answer")
        .expect("it is free");
    assert!(
        take(&db, "no-show", b, MINUTE)
            .await
            .expect("an answer")
            .is_none(),
        "it is held"
    );
    let renewed = take(&db, "no-show", a, MINUTE)
        .await
        .expect("an answer")
        .expect("its own");
    assert_eq!(renewed.epoch, first.epoch, "the holder did not change");

    release(&db, "no-show", b)
        .await
        .expect("nothing to give back");
    assert!(
        take(&db, "no-show", b, MINUTE)
            .await
            .expect("an answer")
            .is_none(),
        "still held"
    );
    release(&db, "no-show", a).await.expect("given back");
    let next = take(&db, "no-show", b, MINUTE)
        .await
        .expect("an answer")
        .expect("it is free");
    assert!(next.epoch > first.epoch);
}

#[tokio::test]
async fn a_lease_that_ran_out_is_taken_over_and_its_former_holder_is_fenced_off() {
    let database = TestDatabase::new(EVENTS, &[], &[JOBS, OTHERS], Clock::system()).await;
    let db = database.open("jobs").await;
    let (a, b) = (db.clock().uuid(), db.clock().uuid());
    let paused = take(&db, "no-show", a, Duration::ZERO)
        .await
        .expect("an answer")
        .expect("it is free");
    let taken = take(&db, "no-show", b, MINUTE)
        .await
        .expect("an answer")
        .expect("it ran out");
    assert!(taken.epoch > paused.epoch);
    assert!(
        take(&db, "no-show", a, MINUTE)
            .await
            .expect("an answer")
            .is_none()
    );
}

#[tokio::test]
async fn leases_of_services_do_not_meet() {
    let database = TestDatabase::new(EVENTS, &[], &[JOBS, OTHERS], Clock::system()).await;
    let (jobs, others) = (database.open("jobs").await, database.open("others").await);
    take(&jobs, "daily", jobs.clock().uuid(), MINUTE)
        .await
        .expect("an answer")
        .expect("it is free");
    take(&others, "daily", others.clock().uuid(), MINUTE)
        .await
        .expect("an answer")
        .expect("another one");
}

#[tokio::test]
async fn of_many_who_want_it_at_once_one_gets_it() {
    let database = TestDatabase::new(EVENTS, &[], &[JOBS, OTHERS], Clock::system()).await;
    let db = database.open("jobs").await;
    let mut takers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let db = db.clone();
        takers.spawn(async move {
            take(&db, "daily", db.clock().uuid(), MINUTE)
                .await
                .expect("an answer")
                .is_some()
        });
    }
    assert_eq!(
        takers
            .join_all()
            .await
            .into_iter()
            .filter(|leads| *leads)
            .count(),
        1
    );
}

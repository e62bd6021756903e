//! Rights, retention, and what operators see.

use std::time::Duration;

use galen_contracts::patients::v1::{PatientDeactivated, PatientRegistered};
use galen_contracts::staff::v1::LeaveApproved;
use galen_eventing::{Operations, Subscription};
use galen_storage::Outgoing;
use serde_json::json;

use crate::hospital::{Hospital, Recorder, Runs, permanent, until};

const GROUP: &str = "notifications.kept";

async fn refused(db: &galen_storage::Db, sql: &'static str) -> String {
    let error = sqlx::query(sql).execute(db.pool()).await.expect_err(sql);
    error.to_string()
}

#[tokio::test]
async fn a_service_publishes_and_reads_what_it_may_and_nothing_else() {
    let hospital = Hospital::new().await;
    let mut tx = hospital.notifications.begin().await.unwrap();
    tx.enqueue(Outgoing {
        id: hospital.notifications.clock().uuid(),
        topic: "patients",
        key: "a".to_owned(),
        event_type: "galen.patients.patient-registered.v1",
        headers: json!({}),
        data: Vec::new(),
    });
    let error = tx.commit().await.expect_err("another service's topic");
    assert_eq!(error.sqlstate().as_deref(), Some("42501"));

    hospital.register(&["a"]).await;
    for sql in [
        "select * from events.event",
        "select * from events.log",
        "select * from events.cursor",
        "select * from events.lane",
        "select * from events.timer",
        "select * from events.process",
        "select * from events.tick(0)",
        "select events.allow('notifications', '{patients}', '{}')",
        "select events.claim('00000000-0000-0000-0000-000000000000', true, '{}', '{}', '{}')",
        "select events.promote_lane('notifications.x', 1::int2, 'a')",
    ] {
        let error = refused(&hospital.notifications, sql).await;
        assert!(error.contains("permission denied"), "{sql}: {error}");
    }
    // Not another service's group, and not a topic that it does not subscribe to.
    for sql in [
        "select events.advance('patients.x', '{1}', '{0}', '{1}', '{0}', '{1}')",
        "select * from events.read_events('patients.x', '{1}', '{0}', '{0}', '{0}', '{%}')",
        "select * from events.parked_among('patients.x', 1::int2, '{a}')",
        "select * from events.hold_group('patients.x')",
    ] {
        let error = refused(&hospital.notifications, sql).await;
        assert!(error.contains("does not own group"), "{sql}: {error}");
    }
    let admin = hospital.admin().await;
    sqlx::query("select events.allow('elsewhere', '{elsewhere}', '{}')")
        .execute(&admin)
        .await
        .unwrap();
    let elsewhere: i16 = sqlx::query_scalar("select id from events.topic where name = 'elsewhere'")
        .fetch_one(&admin)
        .await
        .unwrap();
    let error = sqlx::query(
        "select * from events.read_events('notifications.x', array[$1], '{0}', '{0}', '{0}', '{%}')",
    )
    .bind(elsewhere)
    .execute(hospital.notifications.pool())
    .await
    .unwrap_err();
    assert!(error.to_string().contains("may not read topic"), "{error}");
}

#[tokio::test]
async fn timers_and_processes_of_another_service_do_not_exist() {
    let hospital = Hospital::new().await;
    sqlx::query("select events.set_timer('k', 'a', now(), '{}', '{}')")
        .execute(hospital.patients.pool())
        .await
        .unwrap();
    sqlx::query("select * from events.begin_process(gen_random_uuid(), 'k', 'a', 1::int2, now(), '{}', 'RUNNING', 's')")
        .execute(hospital.patients.pool())
        .await
        .unwrap();
    let other = hospital.notifications.pool();
    let taken =
        sqlx::query("select * from events.take_timers('{k}', now() + interval '1 day', 10, null)")
            .fetch_all(other)
            .await
            .unwrap();
    assert_eq!(taken.len(), 0);
    sqlx::query("select events.cancel_timer('k', 'a')")
        .execute(other)
        .await
        .unwrap();
    let locked = sqlx::query("select * from events.lock_process('k', null, 'a')")
        .fetch_all(other)
        .await
        .unwrap();
    assert_eq!(locked.len(), 0);
    assert_eq!(hospital.count("select count(*) from events.timer").await, 1);
}

/// Fills the current partition, so that the next event lies in the next one.
async fn fill(hospital: &Hospital) {
    sqlx::query(
        "select setval('event_seq_seq', (select hi - 1 from event_part
                                          where hi > (select last_value from event_seq_seq) order by n limit 1))",
    )
    .execute(hospital.events.pool())
    .await
    .unwrap();
}

/// Seals what is full. The chain's snapshot has to pass every transaction that ran
/// meanwhile, of other tests as well.
async fn seal(hospital: &Hospital) {
    sqlx::query("select events.extend_events(2, 1000)")
        .execute(hospital.events.pool())
        .await
        .unwrap();
    until("the full partition is sealed", || async {
        for sql in [
            "select events.seal_events()",
            "select * from events.tick(0)",
        ] {
            sqlx::query(sql)
                .execute(hospital.events.pool())
                .await
                .unwrap();
        }
        hospital.deactivate("tick").await;
        hospital
            .count("select count(*) from events.event_part where sealed")
            .await
            > 0
    })
    .await;
}

async fn drop_older(hospital: &Hospital, than: &str) -> Option<i32> {
    sqlx::query_scalar("select events.drop_events(now() + $1::interval)")
        .bind(than)
        .fetch_one(hospital.events.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn retention_never_drops_what_somebody_has_not_read() {
    let hospital = Hospital::new().await;
    let start = || {
        let mut backbone = hospital.backbone().exclusive();
        let recorder = Recorder::behaving(GROUP, |meta| {
            if meta.key == "dead" {
                Err(permanent("DEAD"))
            } else {
                Ok(())
            }
        });
        backbone.subscribe(
            &hospital.notifications,
            Subscription::new(GROUP, recorder)
                .on::<PatientRegistered>()
                .build(),
        );
        Runs::start(backbone)
    };
    let runs = start();
    hospital.register(&["a", "dead"]).await;
    runs.settle().await;
    runs.stop().await;
    hospital.register(&["unread"]).await;
    fill(&hospital).await;
    hospital.register(&["b"]).await;

    seal(&hospital).await;
    let old = drop_older(&hospital, "1 hour").await;
    assert_eq!(old, None, "the group has not read everything");
    let runs = start();
    runs.settle().await;
    let letter = runs
        .running
        .operations()
        .dead_letters(&Default::default(), 0, 1)
        .await
        .unwrap()
        .remove(0);
    runs.stop().await;
    let old = drop_older(&hospital, "1 hour").await;
    assert_eq!(old, None, "a dead letter is in it");
    assert!(
        Operations::new(hospital.events.clone())
            .discard(letter.id, "alice", "old")
            .await
            .unwrap()
    );
    assert_eq!(drop_older(&hospital, "1 hour").await, Some(0));

    let left: Vec<String> = sqlx::query_scalar("select distinct key from event")
        .fetch_all(hospital.events.pool())
        .await
        .unwrap();
    assert!(
        left.iter().all(|key| key == "b" || key == "tick"),
        "{left:?}"
    );
    assert_eq!(hospital.count("select count(*) from events.log l where not exists (select from events.event e where e.seq = l.seq)").await, 0);
    assert_eq!(
        hospital
            .count("select count(*) from events.operation where action = 'drop-events'")
            .await,
        1
    );
    // A new group begins with what is left.
    let mut backbone = hospital.backbone().exclusive();
    let late = "notifications.late";
    backbone.subscribe(
        &hospital.notifications,
        Subscription::new(late, Recorder::new(late))
            .on::<PatientRegistered>()
            .build(),
    );
    let runs = Runs::start(backbone);
    hospital.register(&["c"]).await;
    runs.settle().await;
    let versions = hospital.versions(late).await;
    assert_eq!(
        versions.keys().map(String::as_str).collect::<Vec<_>>(),
        ["b", "c"]
    );
    runs.stop().await;
}

#[tokio::test]
async fn young_events_stay_however_much_they_were_read() {
    let hospital = Hospital::new().await;
    hospital.register(&["a"]).await;
    fill(&hospital).await;
    hospital.register(&["b"]).await;
    seal(&hospital).await;
    assert_eq!(drop_older(&hospital, "-1 hour").await, None);
    // Nobody subscribes, so age alone decides.
    assert_eq!(drop_older(&hospital, "1 hour").await, Some(0));
}

#[tokio::test]
async fn a_subscription_without_the_right_is_refused_at_the_start() {
    let hospital = Hospital::new().await;
    let mut backbone = hospital.backbone();
    backbone.subscribe(
        &hospital.patients,
        Subscription::new("patients.staff", Recorder::new("patients.staff"))
            .on::<LeaveApproved>()
            .build(),
    );
    let runs = Runs::start(backbone);
    assert!(runs.running.settle().await.is_err());
    runs.stop().await;
}

impl galen_eventing::Handle<LeaveApproved> for Recorder {
    async fn handle(
        &self,
        _: &mut galen_storage::Tx,
        _: galen_eventing::Delivery<LeaveApproved>,
    ) -> Result<(), galen_eventing::Failure> {
        Ok(())
    }
}

#[tokio::test]
async fn an_operator_sees_what_waits() {
    let hospital = Hospital::new().await;
    let mut backbone = hospital.backbone();
    backbone.subscribe(
        &hospital.notifications,
        Subscription::new(GROUP, Recorder::new(GROUP))
            .on::<PatientRegistered>()
            .on::<PatientDeactivated>()
            .build(),
    );
    let runs = Runs::start(backbone);
    hospital.register(&["a"]).await;
    runs.settle().await;
    runs.stop().await;
    // Another process looks, while nobody works.
    hospital.register(&["a", "b"]).await;
    let operations = Operations::new(hospital.events.clone());
    let (waiting, age) = operations.unsequenced().await.unwrap();
    assert_eq!(waiting, 2);
    assert!((0..60_000).contains(&age));
    sqlx::query("select * from events.tick(0)")
        .execute(hospital.events.pool())
        .await
        .unwrap();
    assert_eq!(operations.unsequenced().await.unwrap().0, 0);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let lag = operations.lag().await.unwrap();
    let [lag] = lag.as_slice() else {
        panic!("{lag:?}")
    };
    assert_eq!(
        (
            lag.group.as_str(),
            lag.topic.as_str(),
            lag.events,
            lag.dead,
            lag.parked_keys
        ),
        (GROUP, "patients", 2, 0, 0)
    );
    assert!(lag.age_ms > 0);

    assert!(
        !operations
            .forget_group("notifications.unknown", "alice", "none")
            .await
            .unwrap()
    );
    assert!(
        operations
            .forget_group(GROUP, "alice", "the service no longer has it")
            .await
            .unwrap()
    );
    until("it is gone", || async {
        operations.lag().await.unwrap().is_empty()
    })
    .await;
}

impl galen_eventing::Handle<PatientDeactivated> for Recorder {
    async fn handle(
        &self,
        _: &mut galen_storage::Tx,
        _: galen_eventing::Delivery<PatientDeactivated>,
    ) -> Result<(), galen_eventing::Failure> {
        Ok(())
    }
}

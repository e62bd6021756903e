//! E4, E5, E6: effects exactly once and in order, whatever happens to the consumers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use galen_contracts::Event as _;
use galen_contracts::notifications::v1::MessageSent;
use galen_contracts::patients::v1::PatientRegistered;
use galen_eventing::{Delivery, Failure, Handle, HandleBatch, Publish, Received, Subscription};
use galen_kernel::TraceContext;
use galen_storage::Tx;
use prost::Message as _;
use uuid::Uuid;

use crate::hospital::{Hospital, Recorder, Runs, away, record, until};

/// Every event of every key, once and in order.
async fn assert_whole(hospital: &Hospital, group: &str) {
    let published: Vec<(String, i64)> = sqlx::query_as("select id, version from patient")
        .fetch_all(hospital.patients.pool())
        .await
        .unwrap();
    let expected: BTreeMap<String, Vec<i64>> = published
        .into_iter()
        .map(|(key, version)| (key, (1..=version).collect()))
        .collect();
    assert_eq!(hospital.versions(group).await, expected);
}

#[tokio::test]
async fn every_group_applies_every_event_once_and_in_order() {
    let hospital = Hospital::new().await;
    let mut backbone = hospital.backbone();
    for group in ["notifications.one", "notifications.two"] {
        backbone.subscribe(
            &hospital.notifications,
            Subscription::new(group, Recorder::new(group))
                .on::<PatientRegistered>()
                .build(),
        );
    }
    let runs = Runs::start(backbone);
    for round in 0..30 {
        hospital.register(&["a", "b", "c", "a"]).await;
        if round % 7 == 0 {
            hospital.deactivate("a").await;
        }
    }
    runs.settle().await;
    assert_whole(&hospital, "notifications.one").await;
    assert_whole(&hospital, "notifications.two").await;
    let behind: i64 = runs
        .running
        .operations()
        .lag()
        .await
        .unwrap()
        .iter()
        .map(|lag| lag.events)
        .sum();
    assert!(
        behind <= 1,
        "only what is passed over may be stored late: {behind}"
    );
    runs.stop().await;
    assert_eq!(hospital.count("select count(*) from events.cursor c join events.head h using (topic, part) where c.off < h.off").await, 0);
    assert_eq!(
        hospital
            .count("select count(*) from events.cursor where owner is not null")
            .await,
        0
    );
    assert_eq!(
        hospital.count("select count(*) from events.member").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn effects_happen_once_although_consumers_are_killed_and_overlap() {
    let hospital = Hospital::new().await;
    let group = "notifications.killed";
    let start = |database: Arc<galen_testkit::TestDatabase>| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(async move {
            let process = Hospital::reopen(&database).await;
            let mut backbone = process.backbone().exclusive();
            let recorder = Recorder::behaving(group, |_| {
                std::thread::sleep(Duration::from_micros(200));
                Ok(())
            });
            backbone.subscribe(
                &process.notifications,
                Subscription::new(group, recorder)
                    .on::<PatientRegistered>()
                    .build(),
            );
            let runs = Runs::start(backbone);
            std::future::pending::<()>().await;
            runs.stop().await;
        });
        runtime
    };
    let mut former = start(Arc::clone(&hospital.database));
    let keys: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
    for round in 0..50 {
        let keys: Vec<&str> = keys.iter().skip(round % 3).map(String::as_str).collect();
        hospital.register(&keys).await;
        if round % 5 == 4 {
            // The new one takes over while the former still works; then the former
            // dies between two instructions, its connections with it.
            let next = start(Arc::clone(&hospital.database));
            tokio::time::sleep(Duration::from_millis(120)).await;
            std::mem::replace(&mut former, next).shutdown_background();
        }
    }
    former.shutdown_background();
    let mut backbone = hospital.backbone().exclusive();
    backbone.subscribe(
        &hospital.notifications,
        Subscription::new(group, Recorder::new(group))
            .on::<PatientRegistered>()
            .build(),
    );
    let runs = Runs::start(backbone);
    runs.settle().await;
    assert_whole(&hospital, group).await;
    runs.stop().await;
}

struct Summing;

impl HandleBatch for Summing {
    async fn handle_batch(&self, tx: &mut Tx, batch: &[Received]) -> Result<(), Failure> {
        assert!(
            batch
                .windows(2)
                .all(|w| w[0].offset < w[1].offset && w[0].partition == w[1].partition)
        );
        for received in batch {
            let event = PatientRegistered::decode(received.data.as_slice()).map_err(|e| {
                Failure::Permanent {
                    code: "UNDECODABLE",
                    source: e.into(),
                }
            })?;
            record(
                tx,
                "notifications.batched",
                received,
                event.mrn.parse().expect("a version"),
            )
            .await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn one_by_one_no_transaction_holds_two_effects() {
    let hospital = Hospital::new().await;
    for _ in 0..20 {
        hospital.register(&["a", "b", "c", "d", "e", "f"]).await;
    }
    let mut backbone = hospital.backbone();
    backbone.subscribe(
        &hospital.notifications,
        Subscription::new("notifications.one", Recorder::new("notifications.one"))
            .on::<PatientRegistered>()
            .one_by_one()
            .build(),
    );
    let runs = Runs::start(backbone);
    runs.settle().await;
    assert_whole(&hospital, "notifications.one").await;
    let (effects, transactions): (i64, i64) =
        sqlx::query_as("select count(*), count(distinct xmin::text) from effect")
            .fetch_one(hospital.notifications.pool())
            .await
            .unwrap();
    assert_eq!((effects, transactions), (120, 120));
}

#[tokio::test]
async fn batches_park_the_one_event_that_fails() {
    let hospital = Hospital::new().await;
    let keys: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
    for _ in 0..3 {
        hospital
            .register(&keys.iter().map(String::as_str).collect::<Vec<_>>())
            .await;
    }
    publish_raw(&hospital, "k7", PatientRegistered::TYPE.name, vec![0xff]).await;
    hospital.register(&["k7", "k8"]).await;
    let mut backbone = hospital.backbone();
    backbone.subscribe(
        &hospital.notifications,
        Subscription::new("notifications.batched", Arc::new(Summing))
            .in_batches(&[PatientRegistered::TYPE])
            .build(),
    );
    let runs = Runs::start(backbone);
    runs.settle().await;
    let versions = hospital.versions("notifications.batched").await;
    assert_eq!(versions.len(), 100);
    for (key, versions) in versions {
        assert_eq!(
            versions,
            (1..=if key == "k8" { 4 } else { 3 }).collect::<Vec<_>>(),
            "{key}"
        );
    }
    let dead = runs
        .running
        .operations()
        .dead_letters(&Default::default(), 0, 10)
        .await
        .unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (
            dead[0].key.as_str(),
            dead[0].state.as_str(),
            dead[0].blocked_behind
        ),
        ("k7", "dead", 1)
    );
    runs.stop().await;
}

/// Publishes bytes as they would come from another version of the service.
pub(crate) async fn publish_raw(hospital: &Hospital, key: &str, event_type: &str, data: Vec<u8>) {
    sqlx::query("select events.publish($1, $2, $3, $4, $5, $6)")
        .bind(vec![hospital.patients.clock().uuid()])
        .bind(vec!["patients"])
        .bind(vec![key])
        .bind(vec![event_type])
        .bind(vec![serde_json::json!({})])
        .bind(vec![data])
        .execute(hospital.patients.pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_away_pauses_the_partition_and_counts_against_nobody() {
    let hospital = Hospital::new().await;
    let (is_away, tries) = (
        Arc::new(AtomicBool::new(true)),
        Arc::new(AtomicUsize::new(0)),
    );
    let recorder = {
        let (is_away, tries) = (Arc::clone(&is_away), Arc::clone(&tries));
        Recorder::behaving("notifications.away", move |meta| {
            let fails = meta.key == "b" && is_away.load(Ordering::Relaxed);
            tries.fetch_add(usize::from(fails), Ordering::Relaxed);
            if fails { Err(away()) } else { Ok(()) }
        })
    };
    let mut backbone = hospital.backbone();
    backbone.subscribe(
        &hospital.notifications,
        Subscription::new("notifications.away", recorder)
            .on::<PatientRegistered>()
            .build(),
    );
    let runs = Runs::start(backbone);
    hospital.register(&["a", "b", "a"]).await;
    until("it was tried repeatedly", || async {
        tries.load(Ordering::Relaxed) > 4
    })
    .await;
    assert_eq!(hospital.count("select count(*) from events.lane").await, 0);
    is_away.store(false, Ordering::Relaxed);
    runs.settle().await;
    assert_whole(&hospital, "notifications.away").await;
    assert!(
        hospital
            .effects("notifications.away")
            .await
            .iter()
            .all(|effect| effect.attempt == 1)
    );
    runs.stop().await;
}

#[tokio::test]
async fn a_backlog_drains_after_an_outage_of_the_database() {
    let hospital = Hospital::new().await;
    let mut backbone = hospital.backbone();
    backbone.subscribe(
        &hospital.notifications,
        Subscription::new(
            "notifications.outage",
            Recorder::new("notifications.outage"),
        )
        .on::<PatientRegistered>()
        .build(),
    );
    let runs = Runs::start(backbone);
    hospital.register(&["a"]).await;
    runs.settle().await;
    let admin = hospital.admin().await;
    // Nobody gets in, and who is in is thrown out.
    for role in ["galen_notifications", "galen_events"] {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "alter role {role} connection limit 0"
        )))
        .execute(&admin)
        .await
        .unwrap();
    }
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and usename in ('galen_notifications', 'galen_events')",
    )
    .execute(&admin)
    .await
    .unwrap();
    for _ in 0..20 {
        hospital.register(&["a", "b", "c"]).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    for role in ["galen_notifications", "galen_events"] {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "alter role {role} connection limit -1"
        )))
        .execute(&admin)
        .await
        .unwrap();
    }
    until("E15: the backlog drains", || async {
        runs.running.settle().await.is_ok()
    })
    .await;
    assert_whole(&hospital, "notifications.outage").await;
    assert_eq!(hospital.count("select count(*) from events.lane").await, 0);
    runs.stop().await;
}

struct Answering;

impl Handle<PatientRegistered> for Answering {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientRegistered>,
    ) -> Result<(), Failure> {
        tx.publish(&MessageSent {
            message_id: delivery.event.patient_id,
            channel: "EMAIL".to_owned(),
        });
        Ok(())
    }
}

struct Hearing;

impl Handle<MessageSent> for Hearing {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<MessageSent>) -> Result<(), Failure> {
        sqlx::query("insert into heard (event, key) values ($1, $2)")
            .bind(delivery.meta.id)
            .bind(&delivery.event.message_id)
            .execute(tx.conn())
            .await?;
        Ok(())
    }
}

#[tokio::test]
async fn follow_ups_commit_with_the_effect_and_say_what_caused_them() {
    let hospital = Hospital::new().await;
    let mut backbone = hospital.backbone();
    backbone.subscribe(
        &hospital.notifications,
        Subscription::new("notifications.answering", Arc::new(Answering))
            .on::<PatientRegistered>()
            .build(),
    );
    backbone.subscribe(
        &hospital.patients,
        Subscription::new("patients.hearing", Arc::new(Hearing))
            .on::<MessageSent>()
            .build(),
    );
    let runs = Runs::start(backbone);
    let trace = TraceContext::root();
    galen_telemetry::in_trace(trace, hospital.register(&["a"])).await;
    runs.settle().await;
    assert_eq!(
        hospital
            .count("select count(*) from patients.heard where key = 'a'")
            .await,
        1
    );

    let rows: Vec<(Uuid, String, serde_json::Value)> =
        sqlx::query_as("select id, type, headers from event order by seq")
            .fetch_all(hospital.events.pool())
            .await
            .unwrap();
    let [(first, _, cause), (_, answer, headers)] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    assert_eq!(answer, MessageSent::TYPE.name);
    assert_eq!(cause["traceparent"], trace.to_string());
    assert_eq!(headers["causationid"], first.to_string());
    assert_eq!(headers["correlationid"], first.to_string());
    let continued = TraceContext::parse(headers["traceparent"].as_str().unwrap()).unwrap();
    assert_eq!(continued.trace_id, trace.trace_id);
    assert_ne!(continued.span_id, trace.span_id);
    runs.stop().await;
}

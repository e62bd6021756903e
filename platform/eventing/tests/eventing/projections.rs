//! E12: a rebuilt projection equals the live one, nobody sees half of it, and nothing
//! is done twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use galen_contracts::Event as _;
use galen_contracts::notifications::v1::MessageSent;
use galen_contracts::patients::v1::PatientRegistered;
use galen_eventing::operations::DeadLetterFilter;
use galen_eventing::{
    Delivery, Failure, Handle, HandleBatch, Projection, Publish, Received, Subscription, Timers,
};
use galen_storage::Tx;
use prost::Message as _;
use serde_json::json;

use crate::hospital::{HASTY, Hospital, Runs, permanent};

const NAME: &str = "notifications.tally";
const TABLES: &[&str] = &["tally", "tally_day"];

/// Counts events per patient.
#[derive(Default)]
struct Tally {
    broken: AtomicBool,
}

async fn count(tx: &mut Tx, event: &PatientRegistered, meta: &Received) -> Result<(), Failure> {
    let version: i64 = event.mrn.parse().expect("a version");
    sqlx::query(
        "insert into tally (key, events, last, part) values ($1, 1, $2, $3)
         on conflict (key) do update set events = tally.events + 1, last = excluded.last",
    )
    .bind(&event.patient_id)
    .bind(version)
    .bind(meta.partition)
    .execute(tx.conn())
    .await?;
    sqlx::query("insert into tally_day (key, version) values ($1, $2)")
        .bind(&event.patient_id)
        .bind(version)
        .execute(tx.conn())
        .await?;
    Ok(())
}

impl Handle<PatientRegistered> for Tally {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientRegistered>,
    ) -> Result<(), Failure> {
        if delivery.event.patient_id == "broken" && self.broken.load(Ordering::Relaxed) {
            return Err(permanent("BROKEN"));
        }
        count(tx, &delivery.event, &delivery.meta).await?;
        tx.publish(&MessageSent {
            message_id: delivery.event.patient_id,
            channel: "EMAIL".to_owned(),
        });
        let now = tx.clock().now();
        tx.set_timer("tally", &delivery.meta.id.to_string(), now, json!({}))
            .await?;
        Ok(())
    }
}

impl HandleBatch for Tally {
    async fn handle_batch(&self, tx: &mut Tx, batch: &[Received]) -> Result<(), Failure> {
        for received in batch {
            let event =
                PatientRegistered::decode(received.data.as_slice()).expect("a fake patient");
            count(tx, &event, received).await?;
        }
        Ok(())
    }
}

/// Everything in the projection, as one number.
async fn hash(hospital: &Hospital) -> (i64, String) {
    sqlx::query_as(
        "select (select count(*) from tally_day),
                md5(coalesce((select string_agg(t::text, ';' order by key) from tally t), '')
                    || coalesce((select string_agg(d::text, ';' order by key, version) from tally_day d), ''))",
    )
    .fetch_one(hospital.notifications.pool())
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rebuilt_projection_equals_the_live_one() {
    let hospital = Hospital::new().await;
    let tally = Arc::new(Tally {
        broken: AtomicBool::new(true),
    });
    let mut backbone = hospital.backbone();
    let subscription = Subscription::new(NAME, Arc::clone(&tally))
        .on::<PatientRegistered>()
        .retrying(HASTY)
        .build();
    backbone.project(
        &hospital.notifications,
        Projection::new(subscription, TABLES),
    );
    let runs = Runs::start(backbone);
    for _ in 0..30 {
        hospital.register(&["a", "b", "broken", "c", "d"]).await;
    }
    runs.settle().await;
    let operations = runs.running.operations().clone();
    let letters = operations
        .dead_letters(&DeadLetterFilter::default(), 0, 10)
        .await
        .unwrap();
    assert!(
        operations
            .discard(letters[0].id, "alice", "the first is beyond repair")
            .await
            .unwrap()
    );
    runs.settle().await;
    let events = hospital.count("select count(*) from events.event").await;
    let timers = hospital.count("select count(*) from events.timer").await;
    let live = hash(&hospital).await;
    assert_eq!(live.0, 120);

    // Something was lost: the rebuild must bring it back.
    sqlx::query("delete from tally_day where key = 'a' and version > 10")
        .execute(hospital.notifications.pool())
        .await
        .unwrap();
    sqlx::query("update tally set events = -1 where key = 'b'")
        .execute(hospital.notifications.pool())
        .await
        .unwrap();
    assert_ne!(hash(&hospital).await, live);
    assert_eq!(runs.running.rebuild(NAME).await.unwrap(), Some(120));
    assert_eq!(hash(&hospital).await, live, "E12");
    assert_eq!(
        runs.running.rebuild("notifications.unknown").await.unwrap(),
        None
    );
    assert_eq!(
        hospital.count("select count(*) from events.event").await,
        events,
        "no follow-up is published again"
    );
    assert_eq!(
        hospital.count("select count(*) from events.timer").await,
        timers,
        "no timer is set again"
    );

    // The lane goes on where it was, and the discarded event stays out.
    tally.broken.store(false, Ordering::Relaxed);
    operations
        .redrive(&DeadLetterFilter::default(), None, "alice")
        .await
        .unwrap();
    runs.settle().await;
    let whole = hash(&hospital).await;
    assert_eq!(whole.0, 149);
    assert_eq!(runs.running.rebuild(NAME).await.unwrap(), Some(149));
    assert_eq!(hash(&hospital).await, whole, "E12");
    runs.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_and_writers_go_on_during_a_rebuild() {
    let hospital = Arc::new(Hospital::new().await);
    let mut backbone = hospital.backbone();
    let subscription = Subscription::new(NAME, Arc::<Tally>::default())
        .in_batches(&[PatientRegistered::TYPE])
        .build();
    backbone.project(
        &hospital.notifications,
        Projection::new(subscription, TABLES),
    );
    let runs = Runs::start(backbone);
    for _ in 0..100 {
        hospital.register(&["a", "b", "c", "d", "e"]).await;
    }
    runs.settle().await;
    let over = Arc::new(AtomicBool::new(false));
    let reader = {
        let (hospital, over) = (Arc::clone(&hospital), Arc::clone(&over));
        tokio::spawn(async move {
            let mut last = 0;
            while !over.load(Ordering::Relaxed) {
                let (days, events): (i64, i64) =
                    sqlx::query_as("select (select count(*) from tally_day), (select coalesce(sum(events), 0)::bigint from tally)")
                        .fetch_one(hospital.notifications.pool())
                        .await
                        .unwrap();
                assert_eq!(days, events, "half a projection");
                assert!(days >= last, "from {last} back to {days}");
                last = days;
            }
            last
        })
    };
    let writer = {
        let (hospital, over) = (Arc::clone(&hospital), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                hospital.register(&["a", "b", "c"]).await;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    };
    for _ in 0..4 {
        assert!(
            runs.running
                .rebuild(NAME)
                .await
                .unwrap()
                .is_some_and(|n| n >= 500)
        );
    }
    over.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    assert!(reader.await.unwrap() >= 500);
    runs.settle().await;
    let live = hash(&hospital).await;
    let published = hospital
        .count("select sum(version)::bigint from patients.patient")
        .await;
    assert_eq!(live.0, published);
    runs.running.rebuild(NAME).await.unwrap();
    assert_eq!(hash(&hospital).await, live, "E12");
    runs.stop().await;
}

#[tokio::test]
async fn a_handler_that_no_longer_applies_leaves_the_live_projection_alone() {
    let hospital = Hospital::new().await;
    let tally = Arc::<Tally>::default();
    let mut backbone = hospital.backbone();
    let subscription = Subscription::new(NAME, Arc::clone(&tally))
        .on::<PatientRegistered>()
        .build();
    backbone.project(
        &hospital.notifications,
        Projection::new(subscription, TABLES),
    );
    let runs = Runs::start(backbone);
    hospital.register(&["a", "broken"]).await;
    runs.settle().await;
    let live = hash(&hospital).await;
    tally.broken.store(true, Ordering::Relaxed);
    let refused = runs.running.rebuild(NAME).await;
    assert!(
        matches!(refused, Err(galen_eventing::RebuildError::Handler { .. })),
        "{refused:?}"
    );
    assert_eq!(hash(&hospital).await, live);
    runs.stop().await;
}

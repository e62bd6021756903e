//! E11: timers fire once, not before their time, and soon after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use galen_eventing::timer::Due;
use galen_eventing::{Failure, OnTimer, TimerSubscription, Timers};
use galen_kernel::{Clock, Timestamp};
use galen_storage::Tx;
use jiff::SignedDuration;
use serde_json::json;

use crate::hospital::{Hospital, Runs, retryable, until};

const KIND: &str = "reminder";

#[derive(Default)]
struct Bell {
    broken: AtomicBool,
}

impl OnTimer for Bell {
    async fn on_timer(&self, tx: &mut Tx, due: Due) -> Result<(), Failure> {
        assert!(tx.clock().now() >= due.fire_at, "E11");
        sqlx::query("insert into fired (kind, key, payload) values ($1, $2, $3)")
            .bind(&due.kind)
            .bind(&due.key)
            .bind(&due.payload)
            .execute(tx.conn())
            .await?;
        if due.key == "again" && due.payload["left"] != 0 {
            let left = due.payload["left"].as_i64().expect("a number") - 1;
            tx.set_timer(KIND, "again", due.fire_at, json!({ "left": left }))
                .await?;
        }
        if due.key == "broken" && self.broken.load(Ordering::Relaxed) {
            Err(retryable("BROKEN"))
        } else {
            Ok(())
        }
    }
}

fn run(hospital: &Hospital, bell: &Arc<Bell>) -> Runs {
    let mut backbone = hospital.backbone();
    backbone.on_timer(
        &hospital.notifications,
        TimerSubscription::new(KIND, Arc::clone(bell)),
    );
    Runs::start(backbone)
}

async fn set(hospital: &Hospital, timers: &[(&str, Timestamp)]) {
    let mut tx = hospital.notifications.begin().await.unwrap();
    for (key, at) in timers {
        tx.set_timer(KIND, key, *at, json!({ "left": 2 }))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

async fn fired(hospital: &Hospital) -> Vec<String> {
    sqlx::query_scalar("select key from fired order by n")
        .fetch_all(hospital.notifications.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_timer_fires_when_the_service_s_clock_says_so() {
    let clock = Clock::manual("2030-01-01T00:00:00Z".parse().unwrap());
    let hospital = Hospital::with_clock(clock.clone()).await;
    let runs = run(&hospital, &Arc::default());
    let start = clock.now();
    let after = |minutes| {
        start
            .checked_add(SignedDuration::from_mins(minutes))
            .unwrap()
    };
    set(
        &hospital,
        &[
            ("late", after(3)),
            ("early", after(1)),
            ("never", after(1)),
            ("moved", after(1)),
        ],
    )
    .await;
    let mut tx = hospital.notifications.begin().await.unwrap();
    tx.cancel_timer(KIND, "never").await.unwrap();
    tx.cancel_timer(KIND, "unknown").await.unwrap();
    tx.set_timer(KIND, "moved", after(2), json!({}))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut undone = hospital.notifications.begin().await.unwrap();
    undone
        .set_timer(KIND, "undone", after(1), json!({}))
        .await
        .unwrap();
    undone.rollback().await.unwrap();

    runs.settle().await;
    assert_eq!(fired(&hospital).await, Vec::<String>::new());
    clock.advance(SignedDuration::from_mins(1));
    runs.settle().await;
    assert_eq!(fired(&hospital).await, ["early"]);
    clock.advance(SignedDuration::from_mins(10));
    runs.settle().await;
    assert_eq!(fired(&hospital).await, ["early", "moved", "late"]);
    assert_eq!(hospital.count("select count(*) from events.timer").await, 0);
    runs.stop().await;
}

#[tokio::test]
async fn a_timer_that_sets_itself_again_fires_again() {
    let hospital = Hospital::new().await;
    let runs = run(&hospital, &Arc::default());
    set(&hospital, &[("again", hospital.events.clock().now())]).await;
    runs.settle().await;
    assert_eq!(fired(&hospital).await, ["again"; 3]);
    runs.stop().await;
}

#[tokio::test]
async fn a_failing_timer_waits_alone_and_is_never_given_up() {
    let clock = Clock::manual("2030-01-01T00:00:00Z".parse().unwrap());
    let hospital = Hospital::with_clock(clock.clone()).await;
    let bell = Arc::new(Bell {
        broken: AtomicBool::new(true),
    });
    let runs = run(&hospital, &bell);
    set(
        &hospital,
        &[
            ("a", clock.now()),
            ("broken", clock.now()),
            ("c", clock.now()),
        ],
    )
    .await;
    runs.settle().await;
    assert_eq!(fired(&hospital).await, ["a", "c"]);
    for attempts in 1..=5 {
        let failing = runs.running.operations().failing_timers(10).await.unwrap();
        assert_eq!((failing.len(), failing[0].attempts), (1, attempts));
        assert!(failing[0].next_at > clock.now());
        clock.advance(SignedDuration::from_hours(1));
        if attempts == 5 {
            bell.broken.store(false, Ordering::Relaxed);
        }
        runs.settle().await;
    }
    assert_eq!(fired(&hospital).await, ["a", "c", "broken"]);
    runs.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_timers_fire_on_time_once_although_two_processes_look() {
    let hospital = Hospital::alone().await;
    let bell = Arc::default();
    let both = [run(&hospital, &bell), run(&hospital, &bell)];
    let now = hospital.events.clock().now();
    // A thousand in a second, after all of them are set.
    let timers: Vec<_> = (0..1000i64)
        .map(|n| {
            let wait = SignedDuration::from_millis(2000 + n);
            (format!("t{n}"), now.checked_add(wait).unwrap())
        })
        .collect();
    let by_name: Vec<_> = timers.iter().map(|(key, at)| (key.as_str(), *at)).collect();
    set(&hospital, &by_name).await;
    // A slow machine may not have set them before they were due.
    let last = timers[999].1.max(hospital.events.clock().now());
    until("all have fired", || async {
        let fired: i64 = sqlx::query_scalar("select count(*) from fired")
            .fetch_one(hospital.notifications.pool())
            .await
            .unwrap();
        fired >= 1000
    })
    .await;
    let late = hospital.events.clock().now().duration_since(last);
    assert!(late < SignedDuration::from_secs(1), "E11: {late:?} late");
    let mut keys = fired(&hospital).await;
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 1000, "E11: once each");
    for runs in both {
        runs.stop().await;
    }
}

#[tokio::test]
async fn a_timer_that_is_set_sooner_than_the_next_is_not_slept_through() {
    let hospital = Hospital::new().await;
    let runs = run(&hospital, &Arc::default());
    let now = hospital.events.clock().now();
    set(
        &hospital,
        &[(
            "later",
            now.checked_add(SignedDuration::from_mins(5)).unwrap(),
        )],
    )
    .await;
    runs.settle().await;
    let before = tokio::time::Instant::now();
    set(&hospital, &[("now", now)]).await;
    until("it has fired", || async {
        fired(&hospital).await == ["now"]
    })
    .await;
    assert!(
        before.elapsed() < Duration::from_millis(700),
        "woken, not found by looking once a second"
    );
    runs.stop().await;
}

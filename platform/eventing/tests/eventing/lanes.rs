//! E5, E9, E13, E14: failures park their key, in order, until they are repaired.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use galen_contracts::Event as _;
use galen_contracts::patients::v1::PatientRegistered;
use galen_eventing::operations::DeadLetterFilter;
use galen_eventing::{Received, Subscription};
use prost::Message as _;

use crate::delivery::publish_raw;
use crate::hospital::{HASTY, Hospital, Recorder, Runs, permanent, registered, retryable, until};

const GROUP: &str = "notifications.lanes";

fn run(
    hospital: &Hospital,
    behaviour: impl Fn(&Received) -> Result<(), galen_eventing::Failure> + Send + Sync + 'static,
) -> Runs {
    let mut backbone = hospital.backbone();
    backbone.subscribe(
        &hospital.notifications,
        Subscription::new(GROUP, Recorder::behaving(GROUP, behaviour))
            .on::<PatientRegistered>()
            .retrying(HASTY)
            .build(),
    );
    Runs::start(backbone)
}

#[tokio::test]
async fn poison_parks_its_key_and_no_other() {
    let hospital = Hospital::new().await;
    let runs = run(&hospital, |meta| {
        if meta.key == "poison" {
            Err(retryable("POISON"))
        } else {
            Ok(())
        }
    });
    let keys: Vec<String> = (0..30).map(|n| format!("clean{n}")).collect();
    for _ in 0..20 {
        let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        keys.insert(15, "poison");
        hospital.register(&keys).await;
    }
    runs.settle().await;
    let operations = runs.running.operations();
    until("the tries are used up", || async {
        let letters = operations
            .dead_letters(&DeadLetterFilter::default(), 0, 10)
            .await
            .unwrap();
        letters.iter().any(|letter| letter.state == "dead")
    })
    .await;
    let versions = hospital.versions(GROUP).await;
    assert_eq!(versions.len(), 30, "E9");
    assert!(
        versions
            .values()
            .all(|versions| versions.iter().copied().eq(1..=20)),
        "E5"
    );
    let letters = operations
        .dead_letters(&DeadLetterFilter::default(), 0, 10)
        .await
        .unwrap();
    let [letter] = letters.as_slice() else {
        panic!("{letters:?}")
    };
    assert_eq!((letter.attempts, letter.blocked_behind), (3, 19));
    assert_eq!(letter.error_class.as_deref(), Some("POISON"));
    assert_eq!(letter.error.as_deref(), Some("retryable: POISON: as told"));
    let lag = operations.lag().await.unwrap();
    assert_eq!((lag[0].dead, lag[0].parked_keys), (1, 1));
    runs.stop().await;
}

#[tokio::test]
async fn clean_keys_are_not_slower_beside_poison() {
    let hospital = Hospital::new().await;
    let runs = run(&hospital, |meta| {
        if meta.key.starts_with("poison") {
            Err(retryable("POISON"))
        } else {
            Ok(())
        }
    });
    let slowest = |mut took: Vec<Duration>| {
        took.sort_unstable();
        took[took.len() * 9 / 10]
    };
    let mut alone = Vec::new();
    for n in 0..40 {
        alone.push(round_trip(&hospital, &format!("a{n}")).await);
    }
    let mut beside = Vec::new();
    for n in 0..40 {
        hospital.register(&[&format!("poison{}", n % 8)]).await;
        beside.push(round_trip(&hospital, &format!("b{n}")).await);
    }
    let (alone, beside) = (slowest(alone), slowest(beside));
    // Both include the test's own polling; the slack is for a busy machine.
    assert!(
        beside <= alone * 2 + Duration::from_millis(50),
        "E9: {beside:?} beside poison, {alone:?} alone"
    );
    runs.stop().await;
}

async fn round_trip(hospital: &Hospital, key: &str) -> Duration {
    let before = tokio::time::Instant::now();
    hospital.register(&[key]).await;
    loop {
        let there: bool = sqlx::query_scalar("select exists (select from effect where key = $1)")
            .bind(key)
            .fetch_one(hospital.notifications.pool())
            .await
            .unwrap();
        if there {
            return before.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn after_a_fix_a_redrive_delivers_in_order() {
    let hospital = Hospital::new().await;
    let broken = Arc::new(AtomicBool::new(true));
    let runs = {
        let broken = Arc::clone(&broken);
        run(&hospital, move |meta| {
            if meta.key != "fine" && broken.load(Ordering::Relaxed) {
                Err(permanent("BUG"))
            } else {
                Ok(())
            }
        })
    };
    for _ in 0..100 {
        hospital.register(&["a", "fine", "b"]).await;
    }
    runs.settle().await;
    let operations = runs.running.operations();
    let filter = DeadLetterFilter {
        error_class: Some("BUG".to_owned()),
        ..Default::default()
    };
    assert_eq!(
        operations.dead_letters(&filter, 0, 10).await.unwrap().len(),
        2
    );
    assert_eq!(hospital.versions(GROUP).await.len(), 1);

    // Not yet fixed: what is redriven dies again, and nothing is lost.
    assert_eq!(operations.redrive(&filter, None, "alice").await.unwrap(), 2);
    runs.settle().await;
    assert_eq!(
        operations.dead_letters(&filter, 0, 10).await.unwrap().len(),
        2
    );

    broken.store(false, Ordering::Relaxed);
    let only = operations
        .dead_letters(
            &DeadLetterFilter {
                key: Some("a".to_owned()),
                ..filter.clone()
            },
            0,
            10,
        )
        .await
        .unwrap();
    assert_eq!(
        operations
            .redrive(&DeadLetterFilter::default(), Some(&[only[0].id]), "alice")
            .await
            .unwrap(),
        1
    );
    hospital.register(&["a"]).await;
    runs.settle().await;
    assert!(
        hospital.versions(GROUP).await["a"]
            .iter()
            .copied()
            .eq(1..=101),
        "E5, E14"
    );
    assert_eq!(
        operations
            .redrive(&DeadLetterFilter::default(), None, "alice")
            .await
            .unwrap(),
        1
    );
    runs.settle().await;
    assert!(
        hospital.versions(GROUP).await["b"]
            .iter()
            .copied()
            .eq(1..=100)
    );
    assert_eq!(hospital.count("select count(*) from events.lane").await, 0);
    assert_eq!(
        hospital.count("select count(*) from events.parked").await,
        0
    );
    assert_eq!(
        hospital
            .count(
                "select count(*) from events.operation where action = 'redrive' and actor = 'alice'"
            )
            .await,
        4,
        "E14"
    );
    runs.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn order_holds_while_keys_are_parked_and_drained_again_and_again() {
    let hospital = Hospital::new().await;
    let tries = Arc::new(AtomicUsize::new(0));
    let runs = {
        let tries = Arc::clone(&tries);
        // Every third try fails, whatever it is.
        run(&hospital, move |_| {
            if tries.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
                Err(retryable("FLAKY"))
            } else {
                Ok(())
            }
        })
    };
    for _ in 0..40 {
        hospital.register(&["a", "b", "c", "d", "a"]).await;
    }
    let operations = runs.running.operations();
    until("everything is through", || async {
        operations
            .redrive(&DeadLetterFilter::default(), None, "robot")
            .await
            .unwrap();
        runs.settle().await;
        hospital.count("select count(*) from events.lane").await == 0
    })
    .await;
    let versions = hospital.versions(GROUP).await;
    assert!(versions["a"].iter().copied().eq(1..=80), "E5");
    for key in ["b", "c", "d"] {
        assert!(versions[key].iter().copied().eq(1..=40), "E5");
    }
    runs.stop().await;
}

#[tokio::test]
async fn a_discard_is_on_record_and_lets_the_next_go_on() {
    let hospital = Hospital::new().await;
    let runs = run(&hospital, |meta| {
        if meta.key == "a" && meta.offset == 1 {
            Err(permanent("BAD"))
        } else {
            Ok(())
        }
    });
    hospital.register(&["a", "a", "a"]).await;
    runs.settle().await;
    let operations = runs.running.operations();
    let letter = operations
        .dead_letters(&DeadLetterFilter::default(), 0, 10)
        .await
        .unwrap()
        .remove(0);
    let shown = operations.dead_letter(letter.id).await.unwrap().unwrap();
    assert_eq!(shown.payload.unwrap()["patientId"], "a");
    assert!(
        operations
            .discard(letter.id, "bob", "typed by hand")
            .await
            .unwrap()
    );
    assert!(!operations.discard(letter.id, "bob", "twice").await.unwrap());
    assert!(!operations.discard(-1, "bob", "nothing").await.unwrap());
    runs.settle().await;
    assert_eq!(hospital.versions(GROUP).await["a"], [2, 3]);
    let (actor, reason, detail): (String, String, serde_json::Value) =
        sqlx::query_as("select actor, reason, detail from operation where action = 'discard'")
            .fetch_one(hospital.events.pool())
            .await
            .unwrap();
    assert_eq!((actor.as_str(), reason.as_str()), ("bob", "typed by hand"));
    assert_eq!(
        (
            detail["key"].as_str(),
            detail["offset"].as_i64(),
            detail["class"].as_str()
        ),
        (Some("a"), Some(1), Some("BAD"))
    );
    assert_eq!(
        hospital.count("select count(*) from events.parked").await,
        0
    );
    runs.stop().await;
}

#[tokio::test]
async fn a_version_nobody_here_can_read_waits_and_is_not_lost() {
    let hospital = Hospital::new().await;
    let runs = run(&hospital, |_| Ok(()));
    let newer = PatientRegistered::TYPE.name.replace(".v1", ".v2");
    publish_raw(&hospital, "a", &newer, registered("a", 1).encode_to_vec()).await;
    publish_raw(
        &hospital,
        "b",
        PatientRegistered::TYPE.name,
        vec![0xff, 0xff],
    )
    .await;
    publish_raw(
        &hospital,
        "c",
        "galen.patients.patient-registered-elsewhere.v1",
        vec![],
    )
    .await;
    hospital.register(&["a", "b", "c"]).await;
    runs.settle().await;
    let letters = runs
        .running
        .operations()
        .dead_letters(&DeadLetterFilter::default(), 0, 10)
        .await
        .unwrap();
    assert_eq!(letters.len(), 2, "E13");
    assert!(letters.iter().all(|l| l.state == "dead"
        && l.error_class.as_deref() == Some("UNDECODABLE")
        && l.blocked_behind == 1));
    assert_eq!(
        hospital
            .versions(GROUP)
            .await
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>(),
        ["c"]
    );
    runs.stop().await;
}

#[tokio::test]
async fn a_panic_is_the_events_failure_and_not_the_process_s() {
    let hospital = Hospital::new().await;
    let runs = run(&hospital, |meta| {
        assert!(meta.key != "a", "a handler's mistake");
        Ok(())
    });
    hospital.register(&["a", "b"]).await;
    hospital.register(&["a", "b"]).await;
    until("the tries are used up", || async {
        runs.settle().await;
        let letters = runs
            .running
            .operations()
            .dead_letters(&DeadLetterFilter::default(), 0, 10)
            .await
            .unwrap();
        letters.iter().any(|l| {
            l.state == "dead" && l.error_class.as_deref() == Some("PANIC") && l.blocked_behind == 1
        })
    })
    .await;
    assert_eq!(hospital.versions(GROUP).await["b"], [1, 2]);
    runs.stop().await;
}

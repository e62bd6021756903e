//! A worker that is killed between any two of its steps, and the one that comes after it.

use galen_securepay::provider::order::model::{LEASE, Task};
use galen_securepay::provider::order::pursue::Taken;
use jiff::SignedDuration;

use super::counter::Counter;

/// After which step the worker is killed.
const STEPS: usize = 5;

/// A worker does this many steps with the one order that is due, and is gone.
async fn killed_after(counter: &Counter, steps: usize) {
    let pursuit = counter.pursuit();
    let mut taken = pursuit.take_up().await.expect("the database answers");
    let Some(Taken { order, task }) = taken.pop() else {
        panic!("an order is due");
    };
    assert!(taken.is_empty(), "only one is due");
    let (mut order, mut task, mut done) = (order, task, 1);
    if done < steps && matches!(task, Task::Start | Task::Ask) {
        let (report, asked_at) = pursuit
            .ask(&order, task)
            .await
            .expect("the provider is asked");
        done += 1;
        if done == steps {
            return;
        }
        let noted = pursuit.note(order, report, asked_at).await;
        let Some(decided) = noted.expect("the database answers") else {
            return;
        };
        (order, task) = (decided.order, decided.task);
        done += 1;
    }
    if done < steps {
        pursuit
            .move_money(&order, task)
            .await
            .expect("the ledger answers");
        done += 1;
    }
    if done < steps {
        pursuit.end(&order).await.expect("the database answers");
    }
}

/// The lease ends, what the provider never heard of is told again, and asked for.
async fn others_come(counter: &Counter) {
    for _ in 0..3 {
        counter.passes(LEASE + SignedDuration::from_secs(1));
        counter.works().await;
    }
}

#[tokio::test]
async fn wherever_a_worker_is_killed_the_next_one_brings_it_to_the_same_end() {
    let counter = Counter::open().await;
    counter.fill(4).await;
    let (mut wallet, mut ends) = (4 * 404_000, 4);
    for steps in 1..=STEPS {
        for (amount, minor) in [("4040.00", 404_000), ("4040.01", 0), ("4040.03", 404_003)] {
            let id = counter.top_up(amount).await;
            killed_after(&counter, steps).await;
            counter.is_sound().await;
            others_come(&counter).await;
            counter
                .top_up_is(&id, if minor == 0 { "FAILED" } else { "CAPTURED" })
                .await;
            wallet += minor;
            ends += 1;
            assert_eq!(
                counter.totals().await,
                [wallet, 0, 0],
                "{amount}, {steps} steps"
            );
            assert_eq!(counter.ends().await, ends, "{amount}, {steps} steps");
            assert_eq!(counter.told(&id).await.len(), 1);
        }
        for (amount, minor) in [("4040.00", 404_000), ("4040.02", 0)] {
            let id = counter.pay_out(amount).await;
            killed_after(&counter, steps).await;
            counter.is_sound().await;
            others_come(&counter).await;
            counter
                .payout_is(&id, if minor == 0 { "FAILED" } else { "CAPTURED" })
                .await;
            wallet -= minor;
            ends += 1;
            assert_eq!(
                counter.totals().await,
                [wallet, 0, 0],
                "{amount}, {steps} steps"
            );
            assert_eq!(counter.ends().await, ends, "{amount}, {steps} steps");
            assert_eq!(counter.told(&id).await.len(), 1);
        }
        counter.fill(1).await;
        (wallet, ends) = (wallet + 404_000, ends + 1);
    }
    counter.is_sound().await;
}

#[tokio::test]
async fn a_worker_that_slept_through_its_lease_changes_nothing() {
    let counter = Counter::open().await;
    let id = counter.top_up("4040.00").await;
    let pursuit = counter.pursuit();
    let slept = pursuit.take_up().await.expect("the database answers");
    let Taken { order, task } = slept.into_iter().next().expect("an order is due");
    let (report, asked_at) = pursuit.ask(&order, task).await.expect("it is asked");
    counter.passes(LEASE + SignedDuration::from_secs(1));
    counter.works().await;
    counter.top_up_is(&id, "CAPTURED").await;
    let noted = pursuit.note(order, report, asked_at).await;
    assert!(noted.expect("the database answers").is_none());
    assert_eq!(counter.totals().await, [404_000, 0, 0]);
    assert_eq!(counter.told(&id).await.len(), 1);
    counter.is_sound().await;
}

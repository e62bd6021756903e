//! What becomes of an order, whatever the provider does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use galen_kernel::Timestamp;
use galen_securepay::provider::signature::{Forged, Secret};
use galen_securepay::provider::simulator::{Simulator, Temper};
use galen_securepay::provider::{Direction, Instruction, Provider, Report};
use http::HeaderMap;
use jiff::SignedDuration;
use uuid::Uuid;

use super::counter::{Counter, text};

#[tokio::test]
async fn a_top_up_fills_the_wallet_when_the_provider_has_the_money() {
    let counter = Counter::open().await;
    let id = counter.top_up("4040.00").await;
    counter.top_up_is(&id, "PENDING").await;
    assert_eq!(
        counter.totals().await,
        [0, 404_000, 0],
        "promised, not earned"
    );
    assert_eq!(counter.works().await, 1);
    let done = counter.top_up_is(&id, "CAPTURED").await;
    assert!(text(&done, "providerReference").starts_with("sim_"));
    assert_eq!(counter.totals().await, [404_000, 0, 0]);
    assert_eq!(
        counter.told(&id).await,
        ["galen.securepay.top-up-settled.v1"]
    );
    assert_eq!(counter.works().await, 0, "there is nothing left to do");
    counter.is_sound().await;
}

#[tokio::test]
async fn a_payout_empties_the_wallet_or_is_given_back() {
    let counter = Counter::open().await;
    counter.fill(2).await;
    let (done, refused) = (
        counter.pay_out("4040.00").await,
        counter.pay_out("4039.99").await,
    );
    assert_eq!(counter.totals().await, [808_000, 0, 807_999]);
    counter.works().await;
    counter.passes(SignedDuration::from_mins(5));
    counter.works().await;
    counter.payout_is(&done, "CAPTURED").await;
    counter.payout_is(&refused, "CAPTURED").await;
    assert_eq!(counter.totals().await, [1, 0, 0]);
    counter.fill(1).await;
    let refused = counter.pay_out("4040.01").await;
    assert_eq!(counter.totals().await, [404_001, 0, 404_001]);
    counter.works().await;
    let shown = counter.payout_is(&refused, "FAILED").await;
    assert_eq!(shown["reasonCode"], "INSUFFICIENT_FUNDS");
    assert_eq!(counter.totals().await, [404_001, 0, 0]);
    assert_eq!(
        counter.told(&done).await,
        ["galen.securepay.payout-settled.v1"]
    );
    assert_eq!(
        counter.told(&refused).await,
        ["galen.securepay.payout-failed.v1"]
    );
    counter.is_sound().await;
}

#[tokio::test]
async fn a_declined_top_up_leaves_the_wallet_as_it_was() {
    let counter = Counter::open().await;
    let id = counter.top_up("4040.01").await;
    counter.works().await;
    let shown = counter.top_up_is(&id, "FAILED").await;
    assert_eq!(shown["reasonCode"], "INSUFFICIENT_FUNDS");
    assert_eq!(counter.totals().await, [0, 0, 0]);
    assert_eq!(
        counter.told(&id).await,
        ["galen.securepay.top-up-failed.v1"]
    );
    counter.is_sound().await;
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_and_nothing_is_done_twice() {
    let counter = Counter::open().await;
    let id = counter.top_up("4040.03").await;
    counter.works().await;
    counter.top_up_is(&id, "PENDING").await;
    assert_eq!(
        counter.totals().await,
        [0, 404_003, 0],
        "not known is not failed"
    );
    counter.passes(SignedDuration::from_secs(2));
    counter.works().await;
    counter.top_up_is(&id, "CAPTURED").await;
    assert_eq!(counter.totals().await, [404_003, 0, 0]);
    assert_eq!(counter.ends().await, 1);
    counter.is_sound().await;
}

#[tokio::test]
async fn what_never_arrives_has_failed_at_the_deadline_and_not_before() {
    let counter = Counter::open().await;
    let id = counter.top_up("4040.04").await;
    let begun = counter.house.platform.clock.now();
    let deadline = begun + SignedDuration::from_hours(24);
    while counter.house.platform.clock.now() < deadline {
        counter.works().await;
        counter.top_up_is(&id, "PENDING").await;
        counter.passes(SignedDuration::from_mins(20));
    }
    counter.works().await;
    let shown = counter.top_up_is(&id, "FAILED").await;
    assert_eq!(shown["reasonCode"], "NEVER_STARTED");
    assert_eq!(counter.totals().await, [0, 0, 0]);
    counter.is_sound().await;
}

#[tokio::test]
async fn what_the_provider_cannot_tell_stays_in_sight_until_it_can() {
    let counter = Counter::open().await;
    let (mute, slow) = (
        counter.top_up("4040.05").await,
        counter.top_up("4040.09").await,
    );
    counter.works().await;
    counter.passes(SignedDuration::from_hours(24));
    counter.works().await;
    counter.top_up_is(&mute, "UNKNOWN").await;
    counter.top_up_is(&slow, "UNKNOWN").await;
    assert_eq!(counter.totals().await, [0, 808_014, 0]);
    let list = counter.me().get("/top-ups?status=UNKNOWN").await;
    assert_eq!(list.body["items"].as_array().map(Vec::len), Some(2));
    counter.passes(SignedDuration::from_hours(25));
    counter.works().await;
    counter.top_up_is(&slow, "CAPTURED").await;
    counter.top_up_is(&mute, "UNKNOWN").await;
    assert_eq!(counter.totals().await, [404_009, 404_005, 0]);
    counter.is_sound().await;
}

#[tokio::test]
async fn where_the_erased_are_paid_is_forgotten_and_the_money_stays() {
    let counter = Counter::open().await;
    counter.fill(2).await;
    let (never_told, told) = (
        counter.pay_out("1.00").await,
        counter.pay_out("4040.04").await,
    );
    let pool = counter.house.db.pool();
    let defer = "update provider_order set due_at = due_at + interval '1 hour' where amount = 100";
    sqlx::query(defer)
        .execute(pool)
        .await
        .expect("the database answers");
    counter.works().await;
    let vault = &counter.house.platform.vault;
    vault
        .erase(counter.patient)
        .await
        .expect("the database answers");
    counter.passes(SignedDuration::from_hours(1));
    counter.works().await;
    let shown = counter.payout_is(&never_told, "FAILED").await;
    assert_eq!(shown["reasonCode"], "UNKNOWN_DESTINATION");
    assert!(shown.get("destinationEnding").is_none());
    // It was told once: that may still be on its way.
    for _ in 0..3 {
        counter.payout_is(&told, "PENDING").await;
        counter.passes(SignedDuration::from_mins(5));
        counter.works().await;
    }
    counter.passes(SignedDuration::from_hours(23));
    counter.works().await;
    let shown = counter.payout_is(&told, "FAILED").await;
    assert_eq!(shown["reasonCode"], "NEVER_STARTED");
    assert_eq!(counter.totals().await, [808_000, 0, 0]);
    counter.is_sound().await;
}

#[tokio::test]
async fn what_the_simulator_said_it_says_after_a_restart() {
    let counter = Counter::open().await;
    let temper = |seed, declines| Temper {
        seed,
        declines,
        silences: 0,
        latency: std::time::Duration::ZERO,
    };
    let db = &counter.house.db;
    let before = Simulator::new(db.clone(), temper(1, 50), Secret::generate());
    let after = Simulator::new(db.clone(), temper(2, 0), Secret::generate());
    let instruction = |n: i64| Instruction {
        reference: Uuid::now_v7(),
        direction: Direction::In,
        amount: galen_kernel::Money {
            minor: n,
            currency: "EUR".parse().expect("a currency"),
        },
        destination: None,
        not_after: db.clock().now() + SignedDuration::from_hours(1),
    };
    let given: Vec<Instruction> = (1..40).map(instruction).collect();
    for instruction in &given {
        before.start(instruction).await;
    }
    counter.passes(SignedDuration::from_mins(1));
    let mut declined = 0;
    for instruction in &given {
        let said = before.start(instruction).await;
        declined += usize::from(matches!(said, Report::Declined { .. }));
        assert_eq!(after.start(instruction).await, said);
        assert_eq!(
            after.status(Direction::In, instruction.reference).await,
            said
        );
    }
    assert!((5..35).contains(&declined), "{declined} of 39");
    let late = Instruction {
        not_after: db.clock().now(),
        ..instruction(1)
    };
    assert!(matches!(after.start(&late).await, Report::Declined { .. }));
    assert_eq!(
        after.status(Direction::In, late.reference).await,
        Report::NeverHeardOf
    );
}

/// A port that counts.
struct Counted {
    port: Arc<dyn Provider>,
    starts: AtomicUsize,
}

impl Provider for Counted {
    fn name(&self) -> &'static str {
        self.port.name()
    }

    fn start<'a>(&'a self, instruction: &'a Instruction) -> BoxFuture<'a, Report> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        async move {
            tokio::task::yield_now().await;
            self.port.start(instruction).await
        }
        .boxed()
    }

    fn status(&self, direction: Direction, reference: Uuid) -> BoxFuture<'_, Report> {
        self.port.status(direction, reference)
    }

    fn read_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Uuid, Forged> {
        self.port.read_webhook(headers, body, now)
    }
}

#[tokio::test]
async fn many_workers_start_each_order_once() {
    let counter = Counter::open().await;
    for _ in 0..40 {
        counter.top_up("4040.00").await;
    }
    let counted = Arc::new(Counted {
        port: counter.pursuit().port(),
        starts: AtomicUsize::new(0),
    });
    let workers: Vec<_> = (0..4)
        .map(|_| counter.pursuit().through(Arc::<Counted>::clone(&counted)))
        .collect();
    let done = join_all(workers.iter().map(|worker| worker.run())).await;
    let done: u64 = done
        .into_iter()
        .map(|done| done.expect("the database answers"))
        .sum();
    assert_eq!(done, 40);
    assert_eq!(counted.starts.load(Ordering::Relaxed), 40);
    assert_eq!(counter.totals().await, [40 * 404_000, 0, 0]);
    assert_eq!(counter.ends().await, 40);
    counter.is_sound().await;
}

//! What people find out when the provider cannot say.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use galen_access::{Grants, Principal, Role};
use galen_kernel::Timestamp;
use galen_securepay::CHECKS;
use galen_securepay::provider::signature::Forged;
use galen_securepay::provider::{Direction, Instruction, Provider, ProviderReference, Report};
use galen_service::testing::TestCaller;
use http::HeaderMap;
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use super::counter::{Counter, text};

/// Somebody who keeps the books; everybody is somebody else.
fn clerk(counter: &Counter) -> TestCaller {
    counter.house.api.as_principal(Principal {
        user_id: counter.house.platform.clock.id(),
        session_id: counter.house.platform.clock.id(),
        roles: vec![Role::Billing],
        grants: Grants::default(),
        patient_id: None,
        practitioner_id: None,
    })
}

/// A top-up of which the provider never says anything, after its deadline.
async fn silent_top_up(counter: &Counter) -> String {
    let id = counter.top_up("4040.05").await;
    counter.works().await;
    counter.passes(SignedDuration::from_hours(24));
    counter.works().await;
    counter.top_up_is(&id, "UNKNOWN").await;
    id
}

fn found(order: &str, outcome: &str) -> Value {
    json!({ "orderId": order, "outcome": outcome, "evidence": "NTRF-4711", "reason": "zq-seen" })
}

/// The provider did not do it, and does not say so.
async fn declined(counter: &Counter, order: &str) {
    let order: Uuid = order.parse().expect("an id");
    let sql =
        format!("update simulated_charge set declined = 'DECLINED' where reference = '{order}'");
    counter
        .house
        .by_force(format!("set search_path = securepay; {sql}"))
        .await;
}

async fn asked(who: &TestCaller, order: &str, outcome: &str) -> String {
    let reply = who.post("/order-resolutions", found(order, outcome)).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    text(&reply.body, "id")
}

fn path(id: &str, verb: &str) -> String {
    format!("/order-resolutions/{id}/{verb}")
}

#[tokio::test]
async fn a_top_up_that_the_bank_shows_is_settled_when_two_people_say_so() {
    let counter = Counter::open().await;
    let order = silent_top_up(&counter).await;
    let (one, other) = (clerk(&counter), clerk(&counter));
    let id = asked(&one, &order, "SETTLED").await;
    let twice = other
        .post("/order-resolutions", found(&order, "FAILED"))
        .await;
    assert_eq!(twice.code(), Some("RESOLUTION_REQUESTED"));
    let own = one.post(&path(&id, "approve"), Value::Null).await;
    assert_eq!(own.code(), Some("SECOND_PERSON_REQUIRED"));
    counter.works().await;
    counter.top_up_is(&order, "UNKNOWN").await;
    assert_eq!(counter.totals().await, [0, 404_005, 0]);

    let waiting = counter.house.api.as_role(Role::Auditor);
    let waiting = waiting.get("/order-resolutions?status=REQUESTED").await;
    assert_eq!(waiting.body["items"][0]["id"], json!(id));
    assert_eq!(waiting.body["items"][0]["reason"], "zq-seen");
    let stale = other
        .if_match(9)
        .post(&path(&id, "approve"), Value::Null)
        .await;
    assert_eq!(stale.status, 412);
    let agreed = other.post(&path(&id, "approve"), Value::Null).await;
    assert_eq!(agreed.body["status"], "APPROVED", "{}", agreed.body);
    counter.works().await;
    let shown = counter.top_up_is(&order, "CAPTURED").await;
    assert_eq!(shown["providerReference"], "NTRF-4711");
    assert_eq!(counter.totals().await, [404_005, 0, 0]);
    let told = counter.told(&order).await;
    assert_eq!(told, ["galen.securepay.top-up-settled.v1"]);
    for verb in ["approve", "reject"] {
        let again = other.post(&path(&id, verb), Value::Null).await;
        assert_eq!(again.code(), Some("ALREADY_DECIDED"));
    }
    let after = one
        .post("/order-resolutions", found(&order, "FAILED"))
        .await;
    assert_eq!(after.code(), Some("ORDER_NOT_UNKNOWN"));
    let plain = "select count(*) from order_resolution r where r::text ~ 'zq-seen' or encode(reason, 'escape') ~ 'zq-seen'";
    assert_eq!(counter.house.number(plain).await, 0);
    counter.is_sound().await;
}

#[tokio::test]
async fn a_payout_that_never_left_is_given_back_however_many_agree_at_once() {
    let counter = Counter::open().await;
    counter.fill(2).await;
    let order = counter.pay_out("4040.05").await;
    counter.works().await;
    counter.passes(SignedDuration::from_hours(24));
    counter.works().await;
    counter.payout_is(&order, "UNKNOWN").await;
    declined(&counter, &order).await;
    let id = asked(&clerk(&counter), &order, "FAILED").await;
    let callers: Vec<_> = (0..8).map(|_| clerk(&counter)).collect();
    let approve = path(&id, "approve");
    let replies = join_all(callers.iter().map(|who| who.post(&approve, Value::Null))).await;
    let agreed = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(agreed, 1);
    counter.works().await;
    let shown = counter.payout_is(&order, "FAILED").await;
    assert_eq!(shown["reasonCode"], "RESOLVED_AS_FAILED");
    assert_eq!(counter.totals().await, [808_000, 0, 0]);
    let told = counter.told(&order).await;
    assert_eq!(told, ["galen.securepay.payout-failed.v1"]);
    counter.is_sound().await;
}

#[tokio::test]
async fn what_the_provider_says_in_the_meantime_counts() {
    let counter = Counter::open().await;
    let order = counter.top_up("4040.09").await;
    let early = clerk(&counter)
        .post("/order-resolutions", found(&order, "FAILED"))
        .await;
    assert_eq!(early.code(), Some("ORDER_NOT_UNKNOWN"));
    counter.works().await;
    counter.passes(SignedDuration::from_hours(24));
    counter.works().await;
    let id = asked(&clerk(&counter), &order, "FAILED").await;
    counter.passes(SignedDuration::from_hours(25));
    counter.works().await;
    counter.top_up_is(&order, "CAPTURED").await;
    let late = clerk(&counter)
        .post(&path(&id, "approve"), Value::Null)
        .await;
    assert_eq!(late.code(), Some("ORDER_NOT_UNKNOWN"));
    let back = clerk(&counter)
        .post(&path(&id, "reject"), Value::Null)
        .await;
    assert_eq!(back.body["status"], "REJECTED", "{}", back.body);
    assert_eq!(counter.totals().await, [404_009, 0, 0]);
    counter.is_sound().await;
}

/// A provider that remembers at last.
struct Remembering(Report);

impl Provider for Remembering {
    fn name(&self) -> &'static str {
        "simulator"
    }

    fn start<'a>(&'a self, _: &'a Instruction) -> BoxFuture<'a, Report> {
        async { panic!("nothing is begun") }.boxed()
    }

    fn status(&self, _: Direction, _: Uuid) -> BoxFuture<'_, Report> {
        async { self.0.clone() }.boxed()
    }

    fn read_webhook(&self, _: &HeaderMap, body: &[u8], _: Timestamp) -> Result<Uuid, Forged> {
        let id = std::str::from_utf8(body).expect("a text");
        Ok(id.parse().expect("an id"))
    }
}

#[tokio::test]
async fn what_the_provider_says_afterwards_moves_nothing_and_is_seen() {
    let counter = Counter::open().await;
    let order = silent_top_up(&counter).await;
    declined(&counter, &order).await;
    let id = asked(&clerk(&counter), &order, "FAILED").await;
    let agreed = clerk(&counter)
        .post(&path(&id, "approve"), Value::Null)
        .await;
    assert_eq!(agreed.status, 200);
    counter.works().await;
    counter.passes(SignedDuration::from_hours(24));
    counter.works().await;
    counter.top_up_is(&order, "FAILED").await;
    counter.is_sound().await;

    let reference = ProviderReference::new("sim_1").expect("a reference");
    let says = Report::Succeeded { reference };
    let late = counter.pursuit().through(Arc::new(Remembering(says)));
    let knock = late.receive(&HeaderMap::new(), order.as_bytes()).await;
    knock.expect("it is taken");
    late.run().await.expect("the database answers");
    counter.top_up_is(&order, "FAILED").await;
    assert_eq!(counter.totals().await, [0, 0, 0], "nothing moves");
    let list = clerk(&counter);
    let list = list
        .get(&format!("/order-resolutions?orderId={order}"))
        .await;
    assert_eq!(list.body["items"][0]["providerSays"], "SETTLED");
    let check = "the provider does not contradict what people found out about orders";
    let check = CHECKS.iter().find(|known| known.name == check);
    let wrong: Vec<String> = sqlx::query_scalar(check.expect("a check").sql)
        .fetch_all(counter.house.db.pool())
        .await
        .expect("the database answers");
    let expected = format!("order {order} was resolved as FAILED, and the provider says SETTLED");
    assert_eq!(wrong, [expected]);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_not_everybody_asks() {
    let counter = Counter::open().await;
    let order = silent_top_up(&counter).await;
    let one = clerk(&counter);
    let body =
        json!({ "orderId": order, "outcome": "SETTLED", "evidence": "a b", "reason": "\u{1}" });
    let reply = one.post("/order-resolutions", body).await;
    assert_eq!(reply.pointers(), ["/evidence", "/reason"]);
    let nothing = found(&Uuid::now_v7().to_string(), "SETTLED");
    let reply = one.post("/order-resolutions", nothing).await;
    assert_eq!(reply.status, 404);
    for role in [Role::Auditor, Role::Receptionist] {
        let caller = counter.house.api.as_role(role);
        let reply = caller
            .post("/order-resolutions", found(&order, "SETTLED"))
            .await;
        assert_eq!(reply.status, 403);
    }
    let own = counter
        .me()
        .post("/order-resolutions", found(&order, "SETTLED"))
        .await;
    assert_eq!(own.status, 403);
    assert_eq!(one.get("/order-resolutions?cursor=x").await.status, 400);
    let unknown = path(&Uuid::now_v7().to_string(), "approve");
    assert_eq!(one.post(&unknown, Value::Null).await.status, 404);
}

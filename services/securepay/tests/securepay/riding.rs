//! What commits together with postings, or not at all.

use std::time::Duration;

use futures::future::join_all;
use galen_securepay::ledger::AccountId;
use galen_securepay::writer::Mode;
use galen_service::audit::Kind;
use galen_service::testing::{Reply, TestCaller};
use serde_json::{Value, json};

use crate::till;
use crate::world::{WORLD, World, ask, transfer};

const ANNA: i64 = 2;
const BELA: i64 = 3;

fn of(from: i64, to: i64, minor: i64) -> Value {
    json!({ "from": from, "to": to, "minor": minor })
}

async fn fund(world: &World, till: &till::Till, account: i64, minor: i64) {
    ask(&till.ledger, transfer(WORLD, AccountId(account), minor))
        .await
        .expect("money comes in");
    assert!(world.balance(AccountId(account)).await >= minor);
}

/// Every payment has its hold and every hold its payment; every answer its key.
async fn rides(world: &World, payments: i64, keys: i64) {
    assert_eq!(world.number("select count(*) from payment").await, payments);
    let both = "select count(*) from payment p join hold h on h.id = p.id and h.amount = p.amount and h.debit_id = p.from_id and h.state = 1";
    assert_eq!(world.number(both).await, payments);
    assert_eq!(world.number("select count(*) from hold").await, payments);
    assert_eq!(world.number("select count(*) from idempotency").await, keys);
    world.is_sound().await;
}

#[tokio::test]
async fn a_command_is_stored_with_its_postings_and_answered_again() {
    let world = World::open(2).await;
    let (till, api, caller) = till::open(&world, Mode::Exclusive);
    fund(&world, &till, ANNA, 100).await;
    let caller = caller.key("k1");
    let first = caller.post("/pay", of(ANNA, BELA, 60)).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let again = caller.post("/pay", of(ANNA, BELA, 60)).await;
    assert_eq!((again.status, &again.bytes), (first.status, &first.bytes));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = caller.post("/pay", of(ANNA, BELA, 61)).await;
    assert_eq!(other.code(), Some("IDEMPOTENCY_KEY_REUSED"));
    assert_eq!(world.balance(AccountId(BELA)).await, 60);
    rides(&world, 1, 1).await;
    let entries = api.audited();
    let written: Vec<_> = entries
        .iter()
        .filter(|entry| entry.kind == Kind::Write)
        .collect();
    assert_eq!(written.len(), 2, "{entries:?}");
    assert_eq!(written[0].subject.as_deref(), first.body["id"].as_str());
    assert_eq!(written[1].reason.as_deref(), Some("REPLAYED"));
}

#[tokio::test]
async fn a_refused_command_leaves_nothing_and_its_key_is_free() {
    let world = World::open(2).await;
    let (till, api, caller) = till::open(&world, Mode::Exclusive);
    let caller = caller.key("k1");
    let refused = caller.post("/pay", of(ANNA, BELA, 60)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, Some("INSUFFICIENT_FUNDS"))
    );
    assert!(!refused.bytes.windows(9).any(|w| w == b"AccountId"));
    let unknown = caller.post("/pay", of(ANNA, 99, 60)).await;
    assert_eq!(unknown.status, 404);
    rides(&world, 0, 0).await;
    assert!(api.audited().iter().all(|entry| entry.kind != Kind::Write));
    fund(&world, &till, ANNA, 100).await;
    assert_eq!(caller.post("/pay", of(ANNA, BELA, 60)).await.status, 201);
    rides(&world, 1, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_has_one_effect_however_many_use_it_at_once() {
    let world = World::open(3).await;
    let (till, _, caller) = till::open(&world, Mode::Exclusive);
    fund(&world, &till, ANNA, 1_000).await;
    for round in 0..5 {
        let key = format!("k{round}");
        let same = (0..60).map(|n| {
            let caller = caller.key(&key);
            // Every third asks for something else under the same key.
            let to = if n % 3 == 0 { 4 } else { BELA };
            tokio::spawn(async move { (to, caller.post("/pay", of(ANNA, to, 1)).await) })
        });
        let replies: Vec<(i64, Reply)> = join_all(same)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let (winner, first) = replies
            .iter()
            .find(|(_, reply)| {
                reply.status == 201 && reply.header("idempotency-replayed").is_none()
            })
            .expect("one is done");
        for (to, reply) in &replies {
            if to == winner {
                assert_eq!((reply.status.as_u16(), &reply.bytes), (201, &first.bytes));
            } else {
                assert_eq!(
                    reply.code(),
                    Some("IDEMPOTENCY_KEY_REUSED"),
                    "{}",
                    reply.body
                );
            }
        }
    }
    assert_eq!(world.balance(AccountId(ANNA)).await, 995);
    rides(&world, 5, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_with_and_without_a_transaction_of_their_own_share_keys() {
    let world = World::open(3).await;
    let (till, _, caller) = till::open(&world, Mode::Exclusive);
    fund(&world, &till, ANNA, 1_000).await;
    let (mut paid, mut noted) = (0, 0);
    for round in 0..60 {
        let same = caller.key(&format!("k{round}"));
        let other = caller.key(&format!("other{round}"));
        let (ours, theirs, beside) = tokio::join!(
            same.post("/pay", of(ANNA, BELA, 1)),
            same.post("/note", json!({})),
            other.post("/pay", of(ANNA, BELA, 1)),
        );
        assert_eq!(
            beside.status, 201,
            "nobody else is disturbed: {}",
            beside.body
        );
        let codes = [ours.code(), theirs.code()];
        match (ours.status.as_u16(), theirs.status.as_u16()) {
            (201, 422 | 409) => paid += 1,
            (422, 201) => noted += 1,
            both => panic!("{both:?} {codes:?}"),
        }
    }
    assert_eq!(paid + noted, 60);
    rides(&world, 60 + paid, 120).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_stored_fails_alone() {
    let world = World::open(3).await;
    let (till, _, caller) = till::open(&world, Mode::Exclusive);
    fund(&world, &till, ANNA, 10_000).await;
    let asked = (0..60).map(|n| {
        let caller = caller.key(&format!("k{n}"));
        let broken = n % 20 == 7;
        let mut body = of(ANNA, BELA, 1);
        body["broken"] = json!(broken);
        tokio::spawn(async move { (broken, caller.post("/pay", body).await.status.as_u16()) })
    });
    for reply in join_all(asked).await {
        let (broken, status) = reply.unwrap();
        assert_eq!(status, if broken { 500 } else { 201 });
    }
    assert_eq!(world.balance(AccountId(BELA)).await, 57);
    rides(&world, 57, 57).await;
}

/// Pays until it is answered, always with the same key.
async fn insist(caller: TestCaller, body: Value) -> Reply {
    for _ in 0..30 {
        let reply = caller.post("/pay", body.clone()).await;
        if reply.status != 503 {
            return reply;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the till does not answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn riders_and_postings_stay_together_when_connections_are_lost() {
    const CALLERS: i64 = 12;
    const ROUNDS: i64 = 60;
    let world = World::open(20).await;
    let (till, api, caller) = till::open(&world, Mode::Exclusive);
    for account in 2..22 {
        fund(&world, &till, account, 1_000_000).await;
    }
    let callers: Vec<_> = (0..CALLERS)
        .map(|n| {
            let caller = caller.clone();
            tokio::spawn(async move {
                let mut ids = Vec::new();
                for round in 0..ROUNDS {
                    let (from, to) = (2 + (n + round) % 20, 2 + (n + round + 7) % 20);
                    let key = caller.key(&format!("{n}-{round}"));
                    let reply = insist(key, of(from, to, 1 + round)).await;
                    assert_eq!(reply.status, 201, "{}", reply.body);
                    ids.push(reply.body["id"].as_str().expect("an id").to_owned());
                }
                ids
            })
        })
        .collect();
    let mut killed = 0;
    let mut seen = 0;
    while callers.iter().any(|caller| !caller.is_finished()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        // A connection that does nothing loses nothing.
        let paid = world.number("select count(*) from payment").await;
        if paid >= seen + 25 {
            seen = paid;
            killed += world.kill_writers().await;
        }
    }
    assert!(killed >= 5, "only {killed} connections were lost");
    let mut ids = Vec::new();
    for caller in callers {
        ids.extend(caller.await.unwrap());
    }
    ids.sort_unstable();
    let stored: Vec<String> = sqlx::query_scalar("select id::text from payment order by 1")
        .fetch_all(world.db.pool())
        .await
        .expect("the database answers");
    assert_eq!(
        stored, ids,
        "every payment was answered, and every answer paid"
    );
    rides(&world, CALLERS * ROUNDS, CALLERS * ROUNDS).await;
    assert!(api.audited().len() >= ids.len());
    // Whoever asks again gets what was answered first.
    let again = caller.key("3-5").post("/pay", of(10, 17, 6)).await;
    assert_eq!(
        again.header("idempotency-replayed"),
        Some("true"),
        "{}",
        again.body
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_refunds_together_are_never_more_than_was_captured() {
    for mode in [Mode::Exclusive, Mode::Shared] {
        let world = World::open(2).await;
        let (till, _, caller) = till::open(&world, mode);
        fund(&world, &till, ANNA, 1_000).await;
        fund(&world, &till, BELA, 1_000).await;
        let paid = caller.key("pay").post("/pay", of(ANNA, BELA, 300)).await;
        let payment = paid.body["id"].clone();
        let refunds = (0..100).map(|n| {
            let caller = caller.key(&format!("r{n}"));
            let body = json!({ "payment": payment, "minor": 7 });
            tokio::spawn(async move { caller.post("/refund", body).await })
        });
        let mut done = 0;
        for reply in join_all(refunds).await {
            let reply = reply.unwrap();
            match reply.status.as_u16() {
                201 => done += 1,
                409 => assert_eq!(reply.code(), Some("MORE_THAN_CAPTURED")),
                other => panic!("{other}: {}", reply.body),
            }
        }
        assert_eq!(done, 42, "42 times 7 is 294");
        let rest = json!({ "payment": payment, "minor": 6 });
        assert_eq!(caller.key("rest").post("/refund", rest).await.status, 201);
        assert_eq!(world.balance(AccountId(ANNA)).await, 1_000);
        assert_eq!(world.number("select refunded from hold").await, 300);
        rides(&world, 1, 44).await;
    }
}

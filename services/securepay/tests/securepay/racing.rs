//! Many callers at once, and several writers.

use std::collections::HashMap;

use futures::future::join_all;
use galen_securepay::ledger::{AccountId, Operation, Rejection, TransferId};
use galen_securepay::writer::{Ledger, Mode};

use crate::world::{WORLD, World, ask, hold, request, transfer};

/// Moves, promises, captures and voids at random between a few hot accounts and many
/// cold ones. Returns what was acknowledged.
pub(crate) async fn traffic(
    ledger: Ledger,
    seed: u64,
    rounds: u32,
    wallets: i64,
) -> HashMap<TransferId, i64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = move |below: u64| {
        // xorshift64: reproducible, and good enough to choose accounts.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut done = HashMap::new();
    let mut held = Vec::new();
    for _ in 0..rounds {
        let mut account = || {
            let below = if draw(2) == 0 {
                3
            } else {
                u64::try_from(wallets).expect("few wallets")
            };
            AccountId(2 + i64::try_from(draw(below)).expect("few wallets"))
        };
        let (from, to) = (account(), account());
        let minor = i64::try_from(1 + draw(50)).expect("a small amount");
        let wish = match draw(8) {
            0 | 1 => transfer(WORLD, to, minor),
            2..=4 => transfer(from, to, minor),
            5 => hold(from, to, minor, None),
            _ => match held.pop() {
                Some(hold) if draw(2) == 0 => request(Operation::Void { hold }),
                Some(hold) => request(Operation::Capture { hold, amount: None }),
                None => transfer(WORLD, to, minor),
            },
        };
        match ask(&ledger, wish).await {
            Ok(posting) => {
                if let Operation::Hold { .. } = wish.operation {
                    held.push(wish.id);
                }
                done.insert(wish.id, posting.at.0);
            }
            Err(rejection) => assert!(
                matches!(
                    rejection,
                    Rejection::InsufficientFunds { .. } | Rejection::SameAccount
                ),
                "{rejection}"
            ),
        }
    }
    done
}

/// Exactly what was acknowledged is stored, with the stamps of the answers.
pub(crate) async fn is_all_there(world: &World, done: Vec<HashMap<TransferId, i64>>) {
    let stored: Vec<(uuid::Uuid, i64)> =
        sqlx::query_as("select id, at from posting where kind <> 5")
            .fetch_all(world.db.pool())
            .await
            .expect("the database answers");
    let stored: HashMap<TransferId, i64> = stored
        .into_iter()
        .map(|(id, at)| (TransferId(id), at))
        .collect();
    let done: HashMap<TransferId, i64> = done.into_iter().flatten().collect();
    assert_eq!(stored.len(), done.len());
    assert_eq!(stored, done);
    world.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hot_and_cold_accounts_add_up() {
    let world = World::open(500).await;
    let ledger = world.writer(Mode::Exclusive);
    let callers = (1..=64).map(|seed| tokio::spawn(traffic(ledger.clone(), seed, 800, 500)));
    let done = join_all(callers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    is_all_there(&world, done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_side_by_side_add_up() {
    let world = World::open(50).await;
    let callers = (1..=16).map(|seed| {
        let ledger = world.writer(Mode::Shared);
        tokio::spawn(traffic(ledger, seed, 40, 50))
    });
    let done = join_all(callers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    is_all_there(&world, done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promise_is_kept_once() {
    let world = World::open(2).await;
    let ledger = world.writer(Mode::Exclusive);
    let (anna, bela) = (AccountId(2), AccountId(3));
    ask(&ledger, transfer(WORLD, anna, 1_000)).await.unwrap();
    for _ in 0..20 {
        let promise = hold(anna, bela, 10, None);
        ask(&ledger, promise).await.unwrap();
        let wishes = (0..20).map(|n| {
            let hold = promise.id;
            let wish = request(if n % 2 == 0 {
                Operation::Void { hold }
            } else {
                Operation::Capture { hold, amount: None }
            });
            let ledger = ledger.clone();
            tokio::spawn(async move { ask(&ledger, wish).await })
        });
        let answers = join_all(wishes).await;
        let won = answers
            .iter()
            .filter(|answer| answer.as_ref().unwrap().is_ok())
            .count();
        assert_eq!(won, 1);
    }
    world.is_sound().await;
}

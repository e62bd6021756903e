//! Lost connections, lost answers, writers that were overtaken.

use std::time::Duration;

use futures::future::join_all;
use galen_securepay::ledger::{AccountId, Rejection};
use galen_securepay::writer::Mode;
use rustix::process::{Signal, kill_process};

use crate::racing::{is_all_there, traffic};
use crate::world::{WORLD, World, ask, transfer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_loses_nothing_and_repeats_nothing() {
    let world = World::open(100).await;
    let ledger = world.writer(Mode::Exclusive);
    let callers: Vec<_> = (1..=16)
        .map(|seed| tokio::spawn(traffic(ledger.clone(), seed, 300, 100)))
        .collect();
    let mut killed = 0;
    let mut seen = 0;
    while callers.iter().any(|caller| !caller.is_finished()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        // A connection that does nothing loses nothing.
        let stored = world.number("select count(*) from posting").await;
        if stored >= seen + 200 {
            seen = stored;
            killed += world.kill_writers().await;
        }
    }
    assert!(killed >= 5, "only {killed} connections were lost");
    let done = join_all(callers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    is_all_there(&world, done).await;
}

#[tokio::test]
async fn an_overtaken_writer_does_nothing_more_of_its_own() {
    let world = World::open(1).await;
    let anna = AccountId(2);
    let old = world.writer(Mode::Exclusive);
    ask(&old, transfer(WORLD, anna, 10)).await.unwrap();
    let epoch = world.number("select epoch from head").await;
    // Somebody takes over while the old one sleeps, and writes.
    world
        .by_force("update securepay.head set epoch = epoch + 1".to_owned())
        .await;
    let other = world.writer(Mode::Shared);
    ask(&other, transfer(anna, WORLD, 7)).await.unwrap();
    // The old one wakes up and believes in ten. It fails, looks, and knows better.
    let answer = ask(&old, transfer(anna, WORLD, 10)).await;
    assert!(answer.is_err(), "{answer:?}");
    let posting = ask(&old, transfer(anna, WORLD, 3)).await.unwrap();
    assert_eq!(posting.debit_balance, 0);
    assert!(world.number("select epoch from head").await > epoch + 1);
    assert_eq!(world.number("select count(*) from posting").await, 3);
    world.is_sound().await;
}

#[tokio::test]
async fn a_batch_of_a_paused_writer_comes_too_late() {
    let world = World::open(2).await;
    let (anna, bela) = (AccountId(2), AccountId(3));
    let old = world.writer(Mode::Exclusive);
    ask(&old, transfer(WORLD, anna, 10)).await.unwrap();
    // Its statement is sent and does not arrive: the server's end is stopped.
    let paused = world.server_of_writer().await;
    kill_process(paused, Signal::STOP).unwrap();
    let late = transfer(anna, bela, 10);
    let waiting = tokio::spawn({
        let old = old.clone();
        async move { ask(&old, late).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Somebody takes over and spends a part of what the old one counts on, elsewhere
    // than where the old one wants to write.
    world
        .by_force("update securepay.head set epoch = epoch + 1".to_owned())
        .await;
    let other = world.writer(Mode::Shared);
    ask(&other, transfer(anna, WORLD, 3)).await.unwrap();
    ask(&other, transfer(WORLD, anna, 1)).await.unwrap();
    assert!(!waiting.is_finished());
    let epoch = world.number("select epoch from head").await;
    kill_process(paused, Signal::CONT).unwrap();
    // The statement arrives, finds another epoch, and nothing of it counts: decided
    // anew, it is refused.
    let answer = waiting.await.unwrap();
    assert_eq!(
        answer,
        Err(Rejection::InsufficientFunds {
            account: anna,
            available: 8
        })
    );
    assert_eq!(world.number("select epoch from head").await, epoch + 1);
    assert_eq!(world.balance(bela).await, 0);
    assert_eq!(world.number("select count(*) from posting").await, 3);
    let last = ask(&old, transfer(anna, bela, 8)).await.unwrap();
    assert_eq!((last.debit_balance, last.credit_balance), (0, 8));
    world.is_sound().await;
}

#[tokio::test]
async fn a_second_exclusive_writer_waits_for_the_first() {
    let world = World::open(1).await;
    let first = world.writer(Mode::Exclusive);
    ask(&first, transfer(WORLD, AccountId(2), 10))
        .await
        .unwrap();
    let epoch = world.number("select epoch from head").await;
    let second = world.writer(Mode::Exclusive);
    let late = transfer(WORLD, AccountId(2), 5);
    let waiting = tokio::spawn({
        let second = second.clone();
        async move { ask(&second, late).await }
    });
    ask(&first, transfer(WORLD, AccountId(2), 10))
        .await
        .unwrap();
    assert_eq!(world.number("select epoch from head").await, epoch);
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(waiting.await.unwrap().unwrap().credit_balance, 25);
    assert_eq!(world.number("select epoch from head").await, epoch + 1);
    world.is_sound().await;
}

//! Accounts that are frozen, opened again, closed.

use futures::future::join_all;
use galen_kernel::Clock;
use galen_securepay::books;
use galen_securepay::ledger::{AccountId, Operation, Rejection, Stamp, Standing, StandingError};
use galen_securepay::writer::{Mode, Shard, set_standing};
use jiff::SignedDuration;

use crate::world::{WORLD, World, amount, ask, ask_all, hold, refused, request, transfer};

const ANNA: AccountId = AccountId(2);
const BELA: AccountId = AccountId(3);

async fn stand(world: &World, id: AccountId, standing: Standing) -> Result<bool, StandingError> {
    let mut tx = world.db.begin().await.expect("the database answers");
    let set = set_standing(tx.conn(), id, standing)
        .await
        .expect("the database answers")
        .expect("there is such an account");
    tx.commit().await.expect("the database answers");
    set
}

#[tokio::test]
async fn whoever_is_answered_later_is_answered_with_the_new_standing() {
    for mode in [Mode::Exclusive, Mode::Shared] {
        let world = World::open(2).await;
        let ledger = world.writer(mode);
        ask(&ledger, transfer(WORLD, ANNA, 100)).await.unwrap();
        let promise = hold(ANNA, BELA, 10, None);
        ask(&ledger, promise).await.unwrap();
        let epoch = world.number("select epoch from head").await;
        for _ in 0..3 {
            assert_eq!(stand(&world, ANNA, Standing::Frozen).await, Ok(true));
            assert_eq!(stand(&world, ANNA, Standing::Frozen).await, Ok(false));
            let payment = transfer(ANNA, BELA, 1);
            assert_eq!(
                refused(ask(&ledger, payment).await),
                Rejection::AccountFrozen(ANNA)
            );
            assert_eq!(stand(&world, ANNA, Standing::Open).await, Ok(true));
            ask(&ledger, payment).await.unwrap();
        }
        if mode == Mode::Exclusive {
            let restarts = world.number("select epoch from head").await - epoch;
            assert_eq!(restarts, 3, "a frozen account costs one look");
        }
        // What was promised before is kept.
        stand(&world, ANNA, Standing::Frozen).await.unwrap();
        let capture = request(Operation::Capture {
            hold: promise.id,
            amount: None,
        });
        ask(&ledger, capture).await.unwrap();
        // Giving it back is something new.
        let refund = request(Operation::Refund {
            hold: promise.id,
            amount: amount(1),
        });
        assert_eq!(
            refused(ask(&ledger, refund).await),
            Rejection::AccountFrozen(ANNA)
        );
        assert_eq!(world.balance(BELA).await, 13);
        world.is_sound().await;
    }
}

#[tokio::test]
async fn only_an_empty_wallet_is_closed() {
    let world = World::open(2).await;
    let ledger = world.writer(Mode::Exclusive);
    ask(&ledger, transfer(WORLD, ANNA, 100)).await.unwrap();
    assert_eq!(
        stand(&world, ANNA, Standing::Closed).await,
        Err(StandingError::NotEmpty)
    );
    let promise = hold(ANNA, BELA, 100, None);
    ask(&ledger, promise).await.unwrap();
    for side in [ANNA, BELA] {
        assert_eq!(
            stand(&world, side, Standing::Closed).await,
            Err(StandingError::Promises)
        );
    }
    let capture = request(Operation::Capture {
        hold: promise.id,
        amount: None,
    });
    ask(&ledger, capture).await.unwrap();
    assert_eq!(stand(&world, ANNA, Standing::Closed).await, Ok(true));
    assert_eq!(
        refused(ask(&ledger, transfer(BELA, ANNA, 1)).await),
        Rejection::AccountClosed(ANNA)
    );
    assert_eq!(
        stand(&world, ANNA, Standing::Open).await,
        Err(StandingError::Closed)
    );
    world.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_is_closed_empty_whatever_happens_meanwhile() {
    let world = World::open(42).await;
    let ledger = world.writer(Mode::Exclusive);
    for account in 4..44 {
        ask(&ledger, transfer(WORLD, AccountId(account), 1))
            .await
            .unwrap();
    }
    let rounds = (4..44).map(|account| {
        let (id, ledger, world) = (AccountId(account), &ledger, &world);
        async move {
            let empties = ask(ledger, transfer(id, ANNA, 1));
            let fills = ask(ledger, transfer(WORLD, id, 1));
            let (empties, fills, closed) =
                tokio::join!(empties, fills, stand(world, id, Standing::Closed));
            (empties.is_ok(), fills.is_ok(), closed.is_ok())
        }
    });
    let ends = join_all(rounds).await;
    let closed = ends.iter().filter(|(.., closed)| *closed).count();
    let stored = world
        .number("select count(*) from account where standing = 2")
        .await;
    assert_eq!(usize::try_from(stored), Ok(closed));
    assert_eq!(
        world.number("select count(*) from account where standing = 2 and (credits_posted <> debits_posted or credits_pending + debits_pending > 0)").await,
        0
    );
    world.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capture_void_and_the_end_of_a_promise_have_one_winner() {
    let world = World::open(2).await;
    let ledger = world.writer(Mode::Exclusive);
    ask(&ledger, transfer(WORLD, ANNA, 1_000)).await.unwrap();
    let mut ends = [0; 4];
    for round in 0..30 {
        let end = Clock::system().now() + SignedDuration::from_millis(4);
        let promise = hold(ANNA, BELA, 10, Some(Stamp(end.as_microsecond())));
        if ask(&ledger, promise).await.is_err() {
            // The machine was slower than the promise was long.
            continue;
        }
        let wishes = (0..10).map(|n| {
            let (ledger, hold) = (ledger.clone(), promise.id);
            let wish = request(if n % 2 == 0 {
                Operation::Void { hold }
            } else {
                Operation::Capture { hold, amount: None }
            });
            let pause = std::time::Duration::from_micros(400 * (round % 15));
            tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                ask(&ledger, wish).await
            })
        });
        let answers = join_all(wishes).await;
        let won = answers
            .iter()
            .filter(|answer| answer.as_ref().unwrap().is_ok());
        let won = won.count();
        let state: i16 = sqlx::query_scalar("select state from hold where id = $1")
            .bind(promise.id.0)
            .fetch_one(world.db.pool())
            .await
            .expect("the database answers");
        // Nobody won: its time was over, which is written down at the latest with the
        // next batch.
        assert!(
            matches!((won, state), (1, 1 | 2) | (0, 0 | 3)),
            "{won} {state}"
        );
        ends[usize::try_from(state).expect("small")] += 1;
    }
    ask(&ledger, transfer(WORLD, ANNA, 1)).await.unwrap();
    assert_eq!(
        world
            .number("select count(*) from hold where state = 0")
            .await,
        0
    );
    assert_eq!(
        world.number("select max(n) from (select count(*) as n from posting where kind in (3, 4, 5) group by hold_id) ends").await,
        1
    );
    world.is_sound().await;
}

#[tokio::test]
async fn the_books_show_balances_at_any_time_and_entries_of_both_sides() {
    let world = World::open(3).await;
    let ledger = world.writer(Mode::Exclusive);
    let heard = ledger.committed();
    let bell = ledger.bell();
    assert_eq!(*heard.borrow(), None);
    let mut postings = Vec::new();
    postings.push(ask(&ledger, transfer(WORLD, ANNA, 100)).await.unwrap());
    bell.notified().await;
    assert_eq!(*heard.borrow(), Some(postings[0].at));
    let promise = hold(ANNA, BELA, 40, None);
    for wish in [
        promise,
        transfer(ANNA, BELA, 5),
        transfer(BELA, ANNA, 2),
        transfer(WORLD, BELA, 9),
    ] {
        postings.push(ask(&ledger, wish).await.unwrap());
    }
    let parts = [
        Operation::Capture {
            hold: promise.id,
            amount: Some(amount(30)),
        },
        Operation::Void { hold: promise.id },
        Operation::Refund {
            hold: promise.id,
            amount: amount(10),
        },
    ];
    let answers = ask_all(&ledger, parts.map(request).to_vec()).await;
    postings.extend(answers.into_iter().map(Result::unwrap));
    let pool = world.db.pool();

    let mine: Vec<_> = postings
        .iter()
        .filter(|posting| posting.debit == ANNA || posting.credit == ANNA)
        .copied()
        .collect();
    assert_eq!(mine.len(), 7);
    assert_eq!(
        books::balance_at(pool, ANNA, Stamp(mine[0].at.0 - 1))
            .await
            .unwrap(),
        0
    );
    for posting in &mine {
        let balance = if posting.debit == ANNA {
            posting.debit_balance
        } else {
            posting.credit_balance
        };
        assert_eq!(
            books::balance_at(pool, ANNA, posting.at).await.unwrap(),
            balance
        );
    }
    assert_eq!(world.balance(ANNA).await, 77);
    assert_eq!(
        books::balance_at(pool, ANNA, Stamp(i64::MAX))
            .await
            .unwrap(),
        77
    );

    let mut forth = Vec::new();
    let mut after = Stamp(0);
    loop {
        let page = books::entries_after(pool, ANNA, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.at;
        forth.extend(page);
    }
    assert_eq!(forth, mine);
    let mut back = Vec::new();
    let mut before = None;
    loop {
        let page = books::entries_before(pool, ANNA, before, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.at);
        back.extend(page);
    }
    back.reverse();
    assert_eq!(back, mine);

    let mut written = Vec::new();
    let mut after = Stamp(0);
    loop {
        let some = books::written_after(pool, Shard(0), after, 2)
            .await
            .unwrap();
        let Some(last) = some.last() else { break };
        after = last.at;
        written.extend(some);
    }
    assert_eq!(written, postings);

    let open = hold(ANNA, BELA, 7, None);
    ask(&ledger, open).await.unwrap();
    let position = books::position(pool, ANNA, 10).await.unwrap().unwrap();
    assert_eq!(position.account.totals.available(), 70);
    assert_eq!(
        position.holds.iter().map(|h| h.id).collect::<Vec<_>>(),
        [open.id]
    );
    let position = books::position(pool, WORLD, 10).await.unwrap().unwrap();
    assert_eq!((position.account.id, position.holds.len()), (WORLD, 0));
    assert_eq!(
        books::position(pool, AccountId(99), 10).await.unwrap(),
        None
    );
}

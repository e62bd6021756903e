//! What is asked, what is answered, what is stored.

use galen_kernel::Clock;
use galen_securepay::ledger::{
    AccountId, Group, HoldState, Kind, Operation, Rejection, Request, Stamp,
};
use galen_securepay::payment::{Capture, Payment};
use galen_securepay::purpose::Purpose;
use galen_securepay::writer::{Fact, Ledger, Mode};
use jiff::SignedDuration;

use crate::world::{WORLD, World, amount, ask, ask_all, hold, refused, request, transfer};

const ANNA: AccountId = AccountId(2);
const BELA: AccountId = AccountId(3);

#[tokio::test]
async fn money_moves_once_however_often_it_is_asked() {
    let world = World::open(2).await;
    let ledger = world.writer(Mode::Exclusive);
    let top_up = transfer(WORLD, ANNA, 500);
    let first = ask(&ledger, top_up).await.unwrap();
    assert_eq!((first.debit_balance, first.credit_balance), (-500, 500));
    assert_eq!(ask(&ledger, top_up).await, Ok(first));
    // A writer that starts afterwards knows it as well.
    drop(ledger);
    let ledger = world.writer(Mode::Exclusive);
    assert_eq!(ask(&ledger, top_up).await, Ok(first));
    let mut other = top_up;
    other.code += 1;
    assert_eq!(refused(ask(&ledger, other).await), Rejection::IdReused);
    assert_eq!(world.balance(ANNA).await, 500);
    assert_eq!(world.number("select count(*) from posting").await, 1);
    world.is_sound().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_leaves_no_trace() {
    let world = World::open(2).await;
    world
        .by_force("insert into securepay.account (ledger_id) values (2); insert into securepay.account (ledger_id, standing) values (1, 1), (1, 2)".to_owned())
        .await;
    let ledger = world.writer(Mode::Exclusive);
    let (yen, frozen, closed) = (AccountId(4), AccountId(5), AccountId(6));
    for (request, rejection) in [
        (
            transfer(ANNA, BELA, 1),
            Rejection::InsufficientFunds {
                account: ANNA,
                available: 0,
            },
        ),
        (transfer(ANNA, ANNA, 1), Rejection::SameAccount),
        (
            transfer(WORLD, AccountId(99), 1),
            Rejection::AccountUnknown(AccountId(99)),
        ),
        (transfer(WORLD, yen, 1), Rejection::LedgersDiffer),
        (transfer(WORLD, frozen, 1), Rejection::AccountFrozen(frozen)),
        (transfer(closed, ANNA, 1), Rejection::AccountClosed(closed)),
    ] {
        assert_eq!(refused(ask(&ledger, request).await), rejection);
    }
    let much = transfer(WORLD, ANNA, i64::MAX);
    ask(&ledger, much).await.unwrap();
    assert_eq!(
        refused(ask(&ledger, transfer(WORLD, BELA, 1)).await),
        Rejection::Overflow(WORLD)
    );
    assert_eq!(world.number("select count(*) from posting").await, 1);
    world.is_sound().await;
}

#[tokio::test]
async fn a_group_is_done_wholly_or_not_at_all() {
    let world = World::open(2).await;
    let ledger = world.writer(Mode::Exclusive);
    let (up, down) = (transfer(WORLD, ANNA, 100), transfer(ANNA, BELA, 101));
    let answers = ask_all(&ledger, vec![up, down]).await;
    assert_eq!(answers[0], Err(Rejection::GroupRefused(1)));
    assert!(matches!(
        answers[1],
        Err(Rejection::InsufficientFunds { available: 100, .. })
    ));
    assert_eq!(world.number("select count(*) from posting").await, 0);
    let down = transfer(ANNA, BELA, 100);
    let answers = ask_all(&ledger, vec![up, down]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(ask_all(&ledger, vec![up, down]).await, answers);
    assert_eq!(
        (world.balance(ANNA).await, world.balance(BELA).await),
        (0, 100)
    );
    world.is_sound().await;
}

#[tokio::test]
async fn a_hold_is_captured_in_parts_and_its_rest_given_back() {
    let world = World::open(2).await;
    let ledger = world.writer(Mode::Exclusive);
    ask(&ledger, transfer(WORLD, ANNA, 100)).await.unwrap();
    let promise = hold(ANNA, BELA, 80, None);
    ask(&ledger, promise).await.unwrap();
    assert!(matches!(
        refused(ask(&ledger, transfer(ANNA, BELA, 21)).await),
        Rejection::InsufficientFunds { available: 20, .. }
    ));
    let part = |minor| {
        request(Operation::Capture {
            hold: promise.id,
            amount: Some(amount(minor)),
        })
    };
    ask(&ledger, part(30)).await.unwrap();
    assert!(matches!(
        refused(ask(&ledger, part(51)).await),
        Rejection::MoreThanHeld { remainder: 50, .. }
    ));
    let void = ask(&ledger, request(Operation::Void { hold: promise.id }))
        .await
        .unwrap();
    assert_eq!((void.kind, void.amount), (Kind::Void, amount(50)));
    assert_eq!(
        refused(ask(&ledger, part(1)).await),
        Rejection::HoldIsOver {
            hold: promise.id,
            state: HoldState::Captured
        }
    );
    assert_eq!(
        (world.balance(ANNA).await, world.balance(BELA).await),
        (70, 30)
    );
    world.is_sound().await;
}

#[tokio::test]
async fn a_payment_that_an_earlier_version_wrote_down_in_two_steps_is_not_made_again() {
    let world = World::open(2).await;
    let mut ledger = world.writer(Mode::Exclusive);
    ask(&ledger, transfer(WORLD, ANNA, 100)).await.unwrap();
    let of_payments = |operation| Request {
        code: Purpose::Payment.code(),
        ..request(operation)
    };
    let clock = Clock::system();
    let promise = of_payments(hold(ANNA, BELA, 60, None).operation);
    let payment = Payment {
        id: promise.id.0,
        from: ANNA,
        to: BELA,
        amount: amount(60),
        currency: "EUR".parse().expect("a currency"),
        capture: Capture::Automatic,
        description: None,
        reference: None,
        created_by: None,
        created_at: clock.now(),
    };
    let promise = Request {
        reference: Some(payment.id),
        ..promise
    };
    let capture = Request {
        reference: Some(payment.id),
        ..of_payments(Operation::Capture {
            hold: promise.id,
            amount: None,
        })
    };
    let submit = async |ledger: &Ledger, group| {
        let facts = vec![Fact::Payment(payment.clone())];
        ledger
            .submit_with(group, facts)
            .await
            .expect("it is answered")
    };
    let earlier = Group::new(vec![promise, capture]).expect("two");
    let written = submit(&ledger, earlier).await;
    assert!(!written.is_repeated);
    assert!(written.answers.iter().all(Result::is_ok));

    // Whether the writer still knows it or has to look.
    for _ in 0..2 {
        let again = submit(&ledger, payment.begin(None)).await;
        assert!(again.is_repeated);
        assert_eq!(again.answers, written.answers[..1]);
        drop(ledger);
        ledger = world.writer(Mode::Exclusive);
    }
    // One that is not the same is not taken for it, and neither is a promise with an end.
    let mut more = payment.clone();
    more.amount = amount(61);
    let answers = ledger.submit(more.begin(None)).await.expect("answered");
    assert_eq!(answers, [Err(Rejection::IdReused)]);
    let later = Stamp(i64::MAX);
    let lasting = Request {
        operation: hold(ANNA, BELA, 10, Some(later)).operation,
        ..of_payments(promise.operation)
    };
    ask(&ledger, Request { code: 4, ..lasting }).await.unwrap();
    let at_once = Operation::Pay {
        debit: ANNA,
        credit: BELA,
        amount: amount(10),
    };
    let taken = Request {
        operation: at_once,
        code: 4,
        ..lasting
    };
    assert_eq!(refused(ask(&ledger, taken).await), Rejection::IdReused);

    let kinds = "select count(*) from posting where kind in (2, 3) and code = 1";
    assert_eq!(world.number(kinds).await, 2);
    assert_eq!(world.number("select count(*) from payment").await, 1);
    assert_eq!(
        (world.balance(ANNA).await, world.balance(BELA).await),
        (40, 60)
    );
    // It is given back like any other.
    let back = |minor| {
        of_payments(Operation::Refund {
            hold: promise.id,
            amount: amount(minor),
        })
    };
    ask(&ledger, back(60)).await.unwrap();
    assert!(matches!(
        refused(ask(&ledger, back(1)).await),
        Rejection::MoreThanCaptured { refundable: 0, .. }
    ));
    world.is_sound().await;
}

#[tokio::test]
async fn a_hold_ends_by_itself() {
    let world = World::open(2).await;
    let ledger = world.writer(Mode::Exclusive);
    ask(&ledger, transfer(WORLD, ANNA, 100)).await.unwrap();
    let end = Clock::system().now() + SignedDuration::from_millis(300);
    let promise = hold(ANNA, BELA, 100, Some(Stamp(end.as_microsecond())));
    ask(&ledger, promise).await.unwrap();
    assert_eq!(
        world
            .number("select count(*) from hold where state = 0")
            .await,
        1
    );
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while world
        .number("select count(*) from hold where state = 3")
        .await
        == 0
    {
        assert!(std::time::Instant::now() < deadline, "nobody ends it");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let capture = request(Operation::Capture {
        hold: promise.id,
        amount: None,
    });
    assert_eq!(
        refused(ask(&ledger, capture).await),
        Rejection::HoldIsOver {
            hold: promise.id,
            state: HoldState::Expired
        }
    );
    ask(&ledger, transfer(ANNA, BELA, 100)).await.unwrap();
    assert_eq!(
        world
            .number("select count(*) from posting where kind = 5")
            .await,
        1
    );
    world.is_sound().await;
}

#[tokio::test]
async fn what_is_written_stays_and_a_changed_byte_is_found() {
    let world = World::open(1).await;
    let ledger = world.writer(Mode::Exclusive);
    for _ in 0..3 {
        ask(&ledger, transfer(WORLD, ANNA, 5)).await.unwrap();
    }
    for sql in [
        "update posting set amount = 1",
        "delete from posting",
        "truncate posting",
        "delete from batch",
    ] {
        let error = sqlx::raw_sql(sql)
            .execute(world.db.pool())
            .await
            .unwrap_err();
        let code = error
            .as_database_error()
            .and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{sql}: {error}");
    }
    world.is_sound().await;
    let first = world
        .number("select min(first) from batch where first > (select min(first) from batch)")
        .await;
    world
        .by_force(format!(
            "set session_replication_role = replica; update securepay.posting set code = code # 1 where at = {first}"
        ))
        .await;
    assert_eq!(world.broken_link().await, Some(first));
}

#[tokio::test]
async fn callers_share_a_commit() {
    let world = World::open(50).await;
    let ledger = world.writer(Mode::Exclusive);
    let asked = (0..2_000).map(|n| {
        let ledger = ledger.clone();
        let group = Group::of(transfer(WORLD, AccountId(2 + n % 50), 1));
        tokio::spawn(async move { ledger.submit(group).await.unwrap() })
    });
    for answer in futures::future::join_all(asked).await {
        answer.unwrap()[0].unwrap();
    }
    let batches = world.number("select count(*) from batch").await;
    assert!(batches < 500, "{batches} batches for 2000 transfers");
    assert_eq!(world.balance(WORLD).await, -2_000);
    world.is_sound().await;
}

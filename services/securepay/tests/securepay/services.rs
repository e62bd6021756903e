//! What other services do with their accounts, over gRPC.

use std::time::Duration;

use futures::StreamExt as _;
use galen_contracts::convert::to_wire;
use galen_contracts::patients::v1::PatientsMerged;
use galen_contracts::securepay::v1::{
    Account, AccountKind, CaptureReservationRequest, EntryKind, FindWalletsRequest,
    GetAccountRequest, GetPaymentRequest, InitiatePaymentRequest, Money, OpenAccountRequest,
    Payment, PaymentState, PostRequest, RefundPaymentRequest, ReleaseReservationRequest,
    ReservationState, ReserveRequest, Transfer, WatchEntriesRequest,
};
use galen_kernel::Timestamp;
use jiff::SignedDuration;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::house::{House, eur};

fn new_id() -> String {
    Uuid::now_v7().to_string()
}

async fn open(house: &House, kind: AccountKind, owner: &str) -> Account {
    let asked = OpenAccountRequest {
        kind: kind.into(),
        owner_id: owner.into(),
        currency: "EUR".into(),
    };
    let opened = house.accounts().open_account(asked).await;
    opened
        .expect("it is opened")
        .into_inner()
        .account
        .expect("told")
}

async fn account(house: &House, id: &str) -> Account {
    let asked = GetAccountRequest {
        account_id: id.into(),
    };
    let found = house.accounts().get_account(asked).await;
    found
        .expect("it is there")
        .into_inner()
        .account
        .expect("told")
}

fn state(told: Option<Payment>) -> PaymentState {
    told.expect("told").state()
}

fn transfer(debit: &Account, credit: &Account, minor: i64) -> Transfer {
    Transfer {
        transfer_id: new_id(),
        debit_account_id: debit.account_id.clone(),
        credit_account_id: credit.account_id.clone(),
        amount: Some(eur(minor)),
        reference_id: new_id(),
    }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.expect_err("it is refused");
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn transfers_are_done_together_or_not_at_all_and_once() {
    let house = House::open().await;
    let mut accounts = house.accounts();
    let debt = open(&house, AccountKind::Receivable, &new_id()).await;
    let revenue = open(&house, AccountKind::Revenue, "").await;
    assert_eq!(open(&house, AccountKind::Revenue, "").await, revenue);
    let issue = PostRequest {
        transfers: vec![
            transfer(&debt, &revenue, 3_000),
            transfer(&debt, &revenue, 500),
        ],
    };
    let first = accounts
        .post(issue.clone())
        .await
        .expect("it is posted")
        .into_inner();
    let again = accounts
        .post(issue.clone())
        .await
        .expect("it was posted")
        .into_inner();
    assert_eq!(first, again);
    assert_eq!(first.entries.len(), 2);
    assert_eq!(first.entries[1].balance, -3_500);
    assert_eq!(account(&house, &debt.account_id).await.balance, -3_500);

    let mut other = issue.clone();
    other.transfers[0].amount = Some(eur(1));
    let answer = refused(accounts.post(other).await);
    assert_eq!(
        answer,
        (Code::FailedPrecondition, "TRANSFER_ID_REUSED".into())
    );
    // A debt is not overpaid, and what would be done with it is not done either.
    let cash = open(&house, AccountKind::Cash, &new_id()).await;
    let both = PostRequest {
        transfers: vec![transfer(&cash, &debt, 3_000), transfer(&cash, &debt, 501)],
    };
    let answer = refused(accounts.post(both).await);
    assert_eq!(answer, (Code::FailedPrecondition, "MORE_THAN_OWED".into()));
    assert_eq!(account(&house, &debt.account_id).await.balance, -3_500);
    house.is_sound().await;
}

#[tokio::test]
async fn the_open_wallets_of_a_person_are_found_the_fullest_first() {
    let house = House::open().await;
    let find = async |patient: &str| {
        let asked = FindWalletsRequest {
            patient_id: patient.to_owned(),
            currency: "EUR".into(),
        };
        let found = house.accounts().find_wallets(asked).await;
        let wallets = found.expect("an answer").into_inner().wallets;
        let wallets = wallets.into_iter();
        wallets
            .map(|wallet| (wallet.account_id, wallet.owner_id, wallet.available))
            .collect::<Vec<_>>()
    };
    assert_eq!(find(&new_id()).await, [], "nothing is opened by asking");
    let (retired, _, small) = house.patient_with(1_000).await;
    let (survivor, _, large) = house.patient_with(2_000).await;
    let (small, large) = (
        (small, retired.to_string(), 1_000),
        (large, survivor.to_string(), 2_000),
    );
    assert_eq!(
        find(&retired.to_string()).await,
        std::slice::from_ref(&small)
    );
    house
        .hears(&PatientsMerged {
            survivor_id: survivor.to_string(),
            retired_id: retired.to_string(),
            merge_id: new_id(),
        })
        .await;
    for id in [survivor, retired] {
        assert_eq!(find(&id.to_string()).await, [large.clone(), small.clone()]);
    }
    let freeze = format!("/wallets/{}/freeze", large.0);
    let frozen = house.clerk().post(&freeze, serde_json::Value::Null).await;
    assert_eq!(frozen.status, 200, "{}", frozen.body);
    assert_eq!(find(&survivor.to_string()).await, [small]);
}

#[tokio::test]
async fn a_deposit_is_paid_from_a_wallet_and_never_overdrawn() {
    let house = House::open().await;
    let (_, _, wallet) = house.patient_with(5_000).await;
    let deposit = open(&house, AccountKind::Deposit, &new_id()).await;
    let revenue = open(&house, AccountKind::Revenue, "").await;
    let payment = InitiatePaymentRequest {
        payment_id: new_id(),
        from_account_id: wallet.clone(),
        to_account_id: deposit.account_id.clone(),
        amount: Some(eur(3_000)),
        reference_id: new_id(),
        manual_capture: false,
    };
    let paid = house.payments().initiate_payment(payment).await;
    let paid = paid.expect("it is paid").into_inner().payment;
    assert_eq!(state(paid), PaymentState::Captured);
    assert_eq!(account(&house, &deposit.account_id).await.available, 3_000);
    let give = |minor| PostRequest {
        transfers: vec![transfer(&deposit, &revenue, minor)],
    };
    let answer = refused(house.accounts().post(give(3_001)).await);
    assert_eq!(answer.0, Code::FailedPrecondition);
    let given = house.accounts().post(give(3_000)).await;
    given.expect("it is there");
    assert_eq!(account(&house, &deposit.account_id).await.balance, 0);
    house.is_sound().await;
}

#[tokio::test]
async fn a_reservation_is_captured_in_part_or_released_once() {
    let house = House::open().await;
    let mut accounts = house.accounts();
    let (_, _, wallet) = house.patient_with(10_000).await;
    let till = house.till().await;
    let end = Timestamp::now() + SignedDuration::from_hours(1);
    let reserve = ReserveRequest {
        reservation_id: new_id(),
        from_account_id: wallet.clone(),
        to_account_id: till.clone(),
        amount: Some(eur(6_000)),
        expires_at: Some(to_wire(end)),
        reference_id: String::new(),
    };
    let held = accounts
        .reserve(reserve.clone())
        .await
        .expect("it is held")
        .into_inner()
        .reservation
        .expect("told");
    assert_eq!(held.state(), ReservationState::Held);
    let again = accounts
        .reserve(reserve.clone())
        .await
        .expect("it was held")
        .into_inner()
        .reservation
        .expect("told");
    assert_eq!(again, held);
    let other = ReserveRequest {
        amount: Some(eur(1)),
        ..reserve.clone()
    };
    assert_eq!(
        refused(accounts.reserve(other).await).0,
        Code::FailedPrecondition
    );
    let more = ReserveRequest {
        reservation_id: new_id(),
        ..reserve.clone()
    };
    let answer = refused(accounts.reserve(more.clone()).await);
    assert_eq!(
        answer,
        (Code::FailedPrecondition, "INSUFFICIENT_FUNDS".into())
    );

    let capture = CaptureReservationRequest {
        reservation_id: reserve.reservation_id.clone(),
        capture_id: new_id(),
        amount: Some(eur(2_000)),
    };
    for _ in 0..2 {
        let captured = accounts.capture_reservation(capture.clone()).await;
        let captured = captured.expect("it is captured").into_inner();
        let captured = captured.reservation.expect("told");
        assert_eq!(captured.state(), ReservationState::Captured);
        assert_eq!(captured.captured, Some(eur(2_000)));
    }
    let release = ReleaseReservationRequest {
        reservation_id: reserve.reservation_id,
        release_id: new_id(),
    };
    let answer = refused(accounts.release_reservation(release).await);
    assert_eq!(answer, (Code::FailedPrecondition, "PAYMENT_IS_OVER".into()));
    assert_eq!(house.balance(&wallet).await, ["80.00", "0.00", "80.00"]);

    accounts.reserve(more.clone()).await.expect("it is held");
    let release = ReleaseReservationRequest {
        reservation_id: more.reservation_id,
        release_id: new_id(),
    };
    for _ in 0..2 {
        let released = accounts.release_reservation(release.clone()).await;
        let released = released.expect("it is released").into_inner();
        let released = released.reservation.expect("told");
        assert_eq!(released.state(), ReservationState::Released);
    }
    assert_eq!(house.balance(&wallet).await, ["80.00", "0.00", "80.00"]);
    house.is_sound().await;
}

#[tokio::test]
async fn an_invoice_is_paid_from_a_wallet_once_and_never_overpaid() {
    let house = House::open().await;
    let mut payments = house.payments();
    let (_, patient, wallet) = house.patient_with(10_000).await;
    let invoice = new_id();
    let debt = open(&house, AccountKind::Receivable, &invoice).await;
    let revenue = open(&house, AccountKind::Revenue, "").await;
    let issue = PostRequest {
        transfers: vec![transfer(&debt, &revenue, 3_000)],
    };
    house.accounts().post(issue).await.expect("it is issued");
    let pay = InitiatePaymentRequest {
        payment_id: new_id(),
        from_account_id: wallet.clone(),
        to_account_id: debt.account_id.clone(),
        amount: Some(eur(3_000)),
        reference_id: invoice.clone(),
        manual_capture: false,
    };
    for _ in 0..2 {
        let paid = payments
            .initiate_payment(pay.clone())
            .await
            .expect("it is paid");
        assert_eq!(state(paid.into_inner().payment), PaymentState::Captured);
    }
    let more = InitiatePaymentRequest {
        payment_id: new_id(),
        amount: Some(eur(1)),
        ..pay.clone()
    };
    let answer = refused(payments.initiate_payment(more).await);
    assert_eq!(answer, (Code::FailedPrecondition, "MORE_THAN_OWED".into()));
    let refund = RefundPaymentRequest {
        payment_id: pay.payment_id.clone(),
        refund_id: new_id(),
        amount: Some(eur(1_000)),
    };
    for _ in 0..2 {
        let refunded = payments
            .refund_payment(refund.clone())
            .await
            .expect("it is refunded");
        let refunded = refunded.into_inner().payment.expect("told");
        assert_eq!(refunded.state(), PaymentState::PartiallyRefunded);
        assert_eq!(refunded.refunded, Some(eur(1_000)));
    }
    let asked = GetPaymentRequest {
        payment_id: pay.payment_id.clone(),
    };
    let found = payments
        .get_payment(asked)
        .await
        .expect("it is there")
        .into_inner()
        .payment
        .expect("told");
    assert_eq!(
        (found.reference_id, found.to_account_id),
        (invoice.clone(), debt.account_id)
    );
    assert_eq!(house.balance(&wallet).await[0], "80.00");
    let shown = patient.get(&format!("/payments/{}", pay.payment_id)).await;
    assert_eq!(shown.body["referenceId"], serde_json::json!(invoice));
    // A promise is repeatable as well, although its end is not asked for.
    let promise = InitiatePaymentRequest {
        payment_id: new_id(),
        amount: Some(eur(1_000)),
        manual_capture: true,
        ..pay
    };
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(3)).await;
        let promised = payments
            .initiate_payment(promise.clone())
            .await
            .expect("promised");
        assert_eq!(
            state(promised.into_inner().payment),
            PaymentState::Authorized
        );
    }
    house.is_sound().await;
}

#[tokio::test]
async fn whatever_is_wrong_with_a_question_is_named() {
    let house = House::open().await;
    let (_, _, wallet) = house.patient_with(10_000).await;
    let till = house.till().await;
    let before = house.number("select count(*) from posting").await;
    let good = InitiatePaymentRequest {
        payment_id: new_id(),
        from_account_id: wallet.clone(),
        to_account_id: till.clone(),
        amount: Some(eur(100)),
        reference_id: String::new(),
        manual_capture: true,
    };
    let with = |change: fn(&mut InitiatePaymentRequest)| {
        let mut asked = good.clone();
        change(&mut asked);
        asked
    };
    for (asked, code, field) in [
        (
            with(|a| a.payment_id = "x".into()),
            Code::InvalidArgument,
            "payment_id",
        ),
        (
            with(|a| a.payment_id = Uuid::new_v4().to_string()),
            Code::InvalidArgument,
            "payment_id",
        ),
        (
            with(|a| a.payment_id = "ffffffff-ffff-7000-8000-000000000000".into()),
            Code::InvalidArgument,
            "payment_id",
        ),
        (
            with(|a| a.from_account_id = String::new()),
            Code::InvalidArgument,
            "from_account_id",
        ),
        (
            with(|a| a.from_account_id = Uuid::nil().to_string()),
            Code::NotFound,
            "from_account_id",
        ),
        (
            with(|a| a.to_account_id = Uuid::nil().to_string()),
            Code::NotFound,
            "to_account_id",
        ),
        (
            with(|a| a.to_account_id.clone_from(&a.from_account_id)),
            Code::InvalidArgument,
            "to_account_id",
        ),
        (with(|a| a.amount = None), Code::InvalidArgument, "amount"),
        (
            with(|a| a.amount = Some(eur(0))),
            Code::InvalidArgument,
            "amount.minor",
        ),
        (
            with(|a| a.amount = Some(eur(i64::MIN))),
            Code::InvalidArgument,
            "amount.minor",
        ),
        (
            with(|a| {
                a.amount = Some(Money {
                    minor: 1,
                    currency: "XXX".into(),
                })
            }),
            Code::InvalidArgument,
            "amount.currency",
        ),
        (
            with(|a| {
                a.amount = Some(Money {
                    minor: 1,
                    currency: "USD".into(),
                })
            }),
            Code::InvalidArgument,
            "amount.currency",
        ),
        (
            with(|a| a.reference_id = "x".into()),
            Code::InvalidArgument,
            "reference_id",
        ),
        (
            with(|a| a.amount = Some(eur(i64::MAX))),
            Code::FailedPrecondition,
            "INSUFFICIENT_FUNDS",
        ),
    ] {
        let (found, message) = refused(house.payments().initiate_payment(asked.clone()).await);
        assert_eq!(found, code, "{asked:?}: {message}");
        assert!(message.starts_with(field), "{asked:?}: {message}");
    }
    let nothing = OpenAccountRequest::default();
    let answer = refused(house.accounts().open_account(nothing).await);
    assert_eq!(answer.0, Code::InvalidArgument);
    let unknown = GetAccountRequest {
        account_id: new_id(),
    };
    assert_eq!(
        refused(house.accounts().get_account(unknown).await).0,
        Code::NotFound
    );
    let none = PostRequest { transfers: vec![] };
    assert_eq!(
        refused(house.accounts().post(none).await).0,
        Code::InvalidArgument
    );
    let capture = CaptureReservationRequest {
        reservation_id: new_id(),
        capture_id: new_id(),
        amount: None,
    };
    assert_eq!(
        refused(house.accounts().capture_reservation(capture).await).0,
        Code::NotFound
    );
    assert_eq!(house.number("select count(*) from posting").await, before);
}

#[tokio::test]
async fn whoever_follows_an_account_sees_what_was_and_what_comes_until_the_host_stops() {
    let house = House::open().await;
    let (_, _, wallet) = house.patient_with(100).await;
    house.fund(&wallet, 200).await;
    let asked = WatchEntriesRequest {
        account_id: wallet.clone(),
        after: 0,
    };
    let mut entries = house
        .accounts()
        .watch_entries(asked)
        .await
        .expect("it is there")
        .into_inner();
    let mut next = async || {
        let soon = tokio::time::timeout(Duration::from_secs(5), entries.next()).await;
        soon.expect("it comes")
            .map(|told| told.expect("an answer").entry.expect("an entry"))
    };
    let first = next().await.expect("the first");
    assert_eq!((first.kind(), first.balance), (EntryKind::Transfer, 100));
    assert_eq!(next().await.expect("the second").balance, 300);
    house.fund(&wallet, 300).await;
    let third = next().await.expect("the third, while following");
    assert_eq!(third.balance, 600);
    house.platform.stopping.cancel();
    assert_eq!(next().await, None);

    let rest = WatchEntriesRequest {
        account_id: wallet,
        after: first.at,
    };
    let mut rest = house
        .accounts()
        .watch_entries(rest)
        .await
        .expect("it is there")
        .into_inner();
    let second = rest.next().await.expect("there is more");
    let second = second.expect("an answer").entry.expect("an entry");
    assert_eq!(second.balance, 300);
}

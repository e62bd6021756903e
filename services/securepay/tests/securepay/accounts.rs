//! Accounts by what they are for.

use futures::future::join_all;
use galen_kernel::Currency;
use galen_securepay::account::{self, Account, Kind, Owner};
use uuid::Uuid;

use crate::house::House;

fn currency(code: &str) -> Currency {
    code.parse().expect("a currency")
}

async fn open(house: &House, kind: Kind, owner: Owner, code: &str) -> Account {
    let mut connection = house.db.pool().acquire().await.expect("a connection");
    account::open(
        &mut connection,
        house.db.clock(),
        kind,
        owner,
        currency(code),
    )
    .await
    .expect("the database answers")
}

#[tokio::test]
async fn an_account_is_opened_once_and_found_again() {
    let house = House::open().await;
    let patient = Uuid::now_v7();
    let wallet = open(&house, Kind::Wallet, Owner::Patient(patient), "EUR").await;
    assert_eq!(
        wallet,
        open(&house, Kind::Wallet, Owner::Patient(patient), "EUR").await
    );
    let found = account::by_id(house.db.pool(), wallet.public_id).await;
    assert_eq!(found.expect("the database answers"), Some(wallet));
    let found = account::find(
        house.db.pool(),
        Kind::Wallet,
        Some(patient),
        currency("EUR"),
    );
    assert_eq!(found.await.expect("the database answers"), Some(wallet));

    let yen = open(&house, Kind::Wallet, Owner::Patient(patient), "JPY").await;
    assert_ne!(yen.ledger, wallet.ledger);
    let revenue = open(&house, Kind::Revenue, Owner::Hospital, "EUR").await;
    assert_eq!(
        revenue,
        open(&house, Kind::Revenue, Owner::Hospital, "EUR").await
    );
    assert_eq!(revenue.ledger, wallet.ledger);
    let debt = open(&house, Kind::Receivable, Owner::Thing(patient), "EUR").await;
    assert_eq!(debt.owner, Owner::Thing(patient));

    assert_eq!(house.number("select count(*) from account").await, 4);
    let limits = house.number("select sum(limits * power(10, rank)::bigint)::bigint from (select limits, row_number() over (order by id desc) - 1 as rank from account) a").await;
    assert_eq!(limits, 1102);
}

#[tokio::test]
async fn whoever_opens_the_same_account_at_the_same_time_gets_the_same_one() {
    let house = House::open().await;
    let owner = Owner::Thing(Uuid::now_v7());
    let opened = join_all((0..20).map(|_| open(&house, Kind::Receivable, owner, "CHF"))).await;
    assert!(opened.iter().all(|account| *account == opened[0]));
    assert_eq!(house.number("select count(*) from account").await, 1);
    assert_eq!(house.number("select count(*) from account_info").await, 1);
    assert_eq!(house.number("select count(*) from ledger").await, 1);
}

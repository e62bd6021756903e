//! What is asked for, and by whom.

use galen_access::Role;
use galen_kernel::Clock;
use galen_securepay::account::Owner;
use serde_json::json;
use uuid::Uuid;

use super::counter::{Counter, IBAN, answered, euros, key, wallet_of};
use crate::house::House;

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_fields() {
    let counter = Counter::open().await;
    let (me, wallet) = (counter.me(), counter.wallet_id());
    for (amount, pointer) in [
        (euros("0.00"), "/amount/amount"),
        (euros("-1.00"), "/amount/amount"),
        (euros("1.001"), "/amount/amount"),
        (euros("99999999999999999999"), "/amount/amount"),
        (
            json!({ "amount": "1.00", "currency": "XXX" }),
            "/amount/currency",
        ),
    ] {
        let body = json!({ "walletId": wallet, "amount": amount });
        let reply = me.key(&key()).post("/top-ups", body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.pointers()),
            (400, vec![pointer])
        );
    }
    for destination in ["", "DE88370400440532013000", "nowhere"] {
        let body =
            json!({ "walletId": wallet, "amount": euros("0.00"), "destination": destination });
        let reply = me.key(&key()).post("/payouts", body).await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.pointers(), ["/amount/amount", "/destination"]);
    }
    let body = json!({ "walletId": wallet, "amount": euros("1.00") });
    let reply = me.post("/top-ups", body).await;
    assert_eq!(reply.code(), Some("IDEMPOTENCY_KEY_REQUIRED"));
    let yen = json!({ "walletId": wallet, "amount": { "amount": "1", "currency": "JPY" } });
    let reply = me.key(&key()).post("/top-ups", yen).await;
    assert_eq!(reply.code(), Some("CURRENCY_MISMATCH"));
    let nowhere = json!({ "walletId": Uuid::now_v7(), "amount": euros("1.00") });
    let reply = me.key(&key()).post("/top-ups", nowhere).await;
    assert_eq!(reply.status, 404);
    for (path, status) in [
        ("/top-ups?status=LOST", 400),
        ("/top-ups?limit=0", 400),
        ("/top-ups?cursor=x", 400),
        ("/payouts?limit=201", 400),
        ("/top-ups/00000000-0000-0000-0000-000000000000", 404),
        ("/payouts/x", 404),
    ] {
        assert_eq!(me.get(path).await.status, status, "{path}");
    }
    assert_eq!(
        counter
            .house
            .number("select count(*) from provider_order")
            .await,
        0
    );
    assert_eq!(
        counter.house.number("select count(*) from posting").await,
        0
    );
}

#[tokio::test]
async fn patients_see_and_use_their_own_wallets_only() {
    let counter = Counter::open().await;
    counter.fill(1).await;
    let (top_up, payout) = (
        counter.top_up("4040.00").await,
        counter.pay_out("10.00").await,
    );
    let other = counter
        .house
        .api
        .as_patient(counter.house.platform.clock.id());
    let hospital = wallet_of(&counter.house, Owner::Hospital, "EUR").await;
    let desk = counter.house.api.as_role(Role::Billing);
    for path in [format!("/top-ups/{top_up}"), format!("/payouts/{payout}")] {
        assert_eq!(other.get(&path).await.status, 404, "{path}");
        assert_eq!(desk.get(&path).await.status, 200, "{path}");
        let crossed = path
            .replace("top-ups", "x")
            .replace("payouts", "top-ups")
            .replace('x', "payouts");
        assert_eq!(desk.get(&crossed).await.status, 404, "{crossed}");
    }
    let body = json!({ "walletId": counter.wallet_id(), "amount": euros("1.00") });
    assert_eq!(
        other
            .key(&key())
            .post("/top-ups", body.clone())
            .await
            .status,
        404
    );
    assert_eq!(desk.key(&key()).post("/top-ups", body).await.status, 201);
    let body = json!({ "walletId": hospital.public_id.uuid(), "amount": euros("1.00") });
    assert_eq!(
        counter
            .me()
            .key(&key())
            .post("/top-ups", body.clone())
            .await
            .status,
        404
    );
    assert_eq!(desk.key(&key()).post("/top-ups", body).await.status, 201);

    let listed = |caller: galen_service::testing::TestCaller, path: String| async move {
        let reply = caller.get(&path).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["items"].as_array().expect("a list").len()
    };
    assert_eq!(listed(counter.me(), "/top-ups".into()).await, 3);
    assert_eq!(listed(counter.me(), "/payouts".into()).await, 1);
    assert_eq!(listed(other.clone(), "/top-ups".into()).await, 0);
    assert_eq!(listed(desk.clone(), "/top-ups".into()).await, 4);
    assert_eq!(
        listed(desk.clone(), "/top-ups?status=CAPTURED".into()).await,
        1
    );
    let of_hospital = format!("/top-ups?walletId={}", hospital.public_id.uuid());
    assert_eq!(listed(desk, of_hospital.clone()).await, 1);
    assert_eq!(other.get(&of_hospital).await.status, 404);
    let first = counter.me().get("/top-ups?limit=2").await;
    let cursor = first.body["nextCursor"].as_str().expect("there is more");
    assert_eq!(
        listed(counter.me(), format!("/top-ups?limit=2&cursor={cursor}")).await,
        1
    );
}

#[tokio::test]
async fn the_same_key_asks_once() {
    let counter = Counter::open().await;
    let (me, body) = (
        counter.me().key("once"),
        json!({ "walletId": counter.wallet_id(), "amount": euros("4040.00") }),
    );
    let first = answered(&me, "/top-ups", &body).await;
    let again = me.post("/top-ups", body).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = json!({ "walletId": counter.wallet_id(), "amount": euros("1.00") });
    assert_eq!(me.post("/top-ups", other).await.status, 422);
    counter.works().await;
    assert_eq!(counter.totals().await, [404_000, 0, 0]);
}

#[tokio::test]
async fn what_is_not_there_is_not_paid_out() {
    let counter = Counter::open().await;
    counter.fill(1).await;
    let reply = counter.ask_payout("4040.01").await;
    assert_eq!(reply.code(), Some("INSUFFICIENT_FUNDS"));
    counter.pay_out("4000.00").await;
    let reply = counter.ask_payout("40.01").await;
    assert_eq!(reply.code(), Some("INSUFFICIENT_FUNDS"));
    counter.top_up("4040.00").await;
    let reply = counter.ask_payout("40.01").await;
    assert_eq!(
        reply.code(),
        Some("INSUFFICIENT_FUNDS"),
        "promised is not earned"
    );
    assert_eq!(counter.totals().await, [404_000, 404_000, 400_000]);
    assert_eq!(
        counter
            .house
            .number("select count(*) from provider_order where direction = 'OUT'")
            .await,
        1
    );
    counter.is_sound().await;
}

#[tokio::test]
async fn where_money_goes_to_is_sealed_and_shown_by_its_end() {
    let counter = Counter::open().await;
    counter.fill(1).await;
    let id = counter.pay_out("100.00").await;
    let shown = counter.payout_is(&id, "PENDING").await;
    assert_eq!(shown["destinationEnding"], "3000");
    let whole = counter
        .house
        .number("select count(*) from provider_order o where o::text like '%DE89%' or position('0532013' in encode(o.sealed_destination, 'escape')) > 0")
        .await;
    assert_eq!(whole, 0);
    for entry in counter.house.api.audited() {
        assert!(!format!("{entry:?}").contains(IBAN));
    }
}

#[tokio::test]
async fn without_a_provider_there_is_nothing_to_ask_for() {
    let house = House::with(Clock::system(), &[]).await;
    let patient: galen_contracts::ids::PatientId = house.platform.clock.id();
    let wallet = wallet_of(&house, Owner::Patient(patient.uuid()), "EUR").await;
    let body = json!({ "walletId": wallet.public_id.uuid(), "amount": euros("1.00") });
    let reply = house
        .api
        .as_patient(patient)
        .key(&key())
        .post("/top-ups", body)
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, Some("NO_PAYMENT_PROVIDER"))
    );
    assert_eq!(house.number("select count(*) from posting").await, 0);
}

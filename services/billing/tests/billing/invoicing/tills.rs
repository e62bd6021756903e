//! Cash: somebody answers for every cent of it, whoever does what at the same moment.

use galen_access::Role;
use galen_contracts::securepay::v1::AccountKind;
use galen_service::testing::{Reply, TestCaller};
use serde_json::{Value, json};

use super::house::{House, done, eur, text};

async fn opened(who: &TestCaller, float: &str) -> String {
    let body = json!({ "location": "Desk 1", "currency": "EUR", "float": eur(float) });
    let view = done(who.key("open").post("/cash-sessions", body).await, 201);
    text(&view, "id")
}

async fn pay(who: &TestCaller, key: &str, invoice: &str, body: Value) -> Reply {
    let mut body = body;
    body["method"] = json!("CASH");
    let path = format!("/invoices/{invoice}/pay");
    who.key(key).post(&path, body).await
}

async fn close(who: &TestCaller, session: &str, body: Value) -> Reply {
    who.post(&format!("/cash-sessions/{session}/close"), body)
        .await
}

#[tokio::test]
async fn a_cashier_takes_cash_gives_change_and_closes_the_till() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let id = house.issued(house.patient(), false).await;
    let cashier = house.api.as_role(Role::Receptionist);
    let refused = pay(&cashier, "early", &id, json!({})).await;
    assert_eq!(refused.code(), Some("NO_CASH_SESSION"));
    let session = opened(&cashier, "100.00").await;

    let part = json!({ "amount": eur("60.00"), "tendered": eur("50.00") });
    let refused = pay(&cashier, "little", &id, part).await;
    assert_eq!(refused.code(), Some("TENDERED_TOO_LITTLE"));
    let much = json!({ "amount": eur("150.01") });
    let refused = pay(&cashier, "much", &id, much).await;
    assert_eq!(refused.code(), Some("MORE_THAN_DUE"));

    let body = json!({ "tendered": eur("200.00") });
    let paid = done(pay(&cashier, "one", &id, body.clone()).await, 201);
    assert_eq!(
        (
            &paid["amount"],
            &paid["change"],
            &paid["method"],
            &paid["status"]
        ),
        (
            &eur("150.00"),
            &eur("50.00"),
            &json!("CASH"),
            &json!("CAPTURED")
        )
    );
    let again = pay(&cashier, "one", &id, body).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let invoice = house.invoice(&id).await;
    assert_eq!(
        (&invoice["status"], &invoice["payments"][0]["method"]),
        (&json!("BALANCED"), &json!("CASH"))
    );
    house.is_sound().await;
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), 0);
    assert_eq!(house.ledger.balance(AccountKind::Cash, &session), -25000);

    let path = format!("/cash-sessions/{session}");
    let report = done(cashier.get(&path).await, 200);
    assert_eq!(
        (&report["expected"], &report["taken"], &report["status"]),
        (&eur("250.00"), &eur("150.00"), &json!("OPEN"))
    );
    assert_eq!(report["totals"][0]["payments"], 1);
    assert_eq!(report["movements"][0]["invoiceId"], json!(id));
    assert_eq!(report["movements"][0]["change"], eur("50.00"));
    assert_eq!(report["movements"][0]["paymentId"], paid["id"]);

    let note = |value, count| json!({ "value": eur(value), "count": count });
    let counted = json!({ "denominations": [note("100.00", 2), note("0.50", 100)] });
    let closed = done(close(&cashier, &session, counted.clone()).await, 200);
    assert_eq!(
        (&closed["status"], &closed["variance"], &closed["counted"]),
        (&json!("CLOSED"), &eur("0.00"), &eur("250.00"))
    );
    assert_eq!(closed["counts"][0]["denominations"][1]["count"], 100);
    let again = close(&cashier, &session, counted).await;
    assert_eq!(again.code(), Some("CASH_SESSION_NOT_OPEN"));
    house.is_sound().await;
    assert_eq!(house.ledger.balance(AccountKind::Cash, &session), 0);
    assert_eq!(
        house.ledger.balance(AccountKind::Cash, ""),
        -15000,
        "the safe"
    );
    assert_eq!(house.told(&session).await, ["cash-session-closed"]);
}

#[tokio::test]
async fn what_is_missing_needs_another_person_whatever_is_counted_afterwards() {
    let house = House::open().await;
    let cashier = house.api.as_role(Role::Receptionist);
    let session = opened(&cashier, "100.00").await;
    let short = done(
        close(&cashier, &session, json!({ "total": eur("99.00") })).await,
        200,
    );
    assert_eq!(
        (&short["status"], &short["variance"]),
        (&json!("COUNTING"), &eur("-1.00"))
    );
    let approve = format!("/cash-sessions/{session}/approve");
    assert_eq!(cashier.post(&approve, Value::Null).await.status, 403);
    // Found again, says the cashier; and a colleague counts once more.
    let total = json!({ "total": eur("100.00") });
    let again = done(close(&cashier, &session, total).await, 200);
    assert_eq!(again["status"], "COUNTING");
    let total = json!({ "total": eur("98.50") });
    let counted = done(close(&house.clerk(), &session, total).await, 200);
    assert_eq!(counted["counts"].as_array().map(Vec::len), Some(3));
    let own = house.clerk().post(&approve, Value::Null).await;
    assert_eq!(
        own.code(),
        Some("SECOND_PERSON_REQUIRED"),
        "their own count"
    );
    let other = house.other_clerk();
    let stale = other.if_match(1).post(&approve, Value::Null).await;
    assert_eq!(stale.status, 412);
    let closed = done(other.post(&approve, Value::Null).await, 200);
    assert_eq!(closed["status"], "CLOSED");
    assert_eq!(closed["approvedBy"], json!(other.principal().user_id));
    let twice = house.other_clerk().post(&approve, Value::Null).await;
    assert_eq!(twice.code(), Some("NOTHING_TO_APPROVE"));
    house.is_sound().await;
    assert_eq!(house.ledger.balance(AccountKind::CashVariance, ""), -150);
    assert_eq!(house.ledger.balance(AccountKind::Cash, ""), 150);
    assert_eq!(house.ledger.balance(AccountKind::Cash, &session), 0);
}

#[tokio::test]
async fn a_cashier_has_one_open_till_in_a_currency_and_sees_only_their_own() {
    let house = House::open().await;
    let (cashier, other) = (
        house.api.as_role(Role::Receptionist),
        house.api.as_role(Role::Receptionist),
    );
    let session = opened(&cashier, "0").await;
    let body = json!({ "currency": "EUR" });
    let second = cashier
        .key("two")
        .post("/cash-sessions", body.clone())
        .await;
    assert_eq!(second.code(), Some("CASH_SESSION_OPEN"));
    let dollars = json!({ "currency": "USD", "float": { "amount": "20.00", "currency": "USD" } });
    done(
        cashier.key("three").post("/cash-sessions", dollars).await,
        201,
    );
    let path = format!("/cash-sessions/{session}");
    assert_eq!(other.get(&path).await.status, 404);
    let total = json!({ "total": eur("0") });
    assert_eq!(close(&other, &session, total.clone()).await.status, 404);
    let count = |reply: Reply| done(reply, 200)["items"].as_array().map(Vec::len);
    assert_eq!(count(other.get("/cash-sessions").await), Some(0));
    assert_eq!(count(cashier.get("/cash-sessions").await), Some(2));
    let whose = format!("/cash-sessions?cashierId={}", cashier.principal().user_id);
    assert_eq!(other.get(&whose).await.status, 404);
    assert_eq!(count(house.clerk().get(&whose).await), Some(2));
    let first = done(house.clerk().get("/cash-sessions?limit=1").await, 200);
    let next = format!(
        "/cash-sessions?limit=1&cursor={}",
        text(&first, "nextCursor")
    );
    assert_eq!(count(house.clerk().get(&next).await), Some(1));
    // An empty till is closed with nothing in it, and another one can be opened.
    done(close(&cashier, &session, total).await, 200);
    done(cashier.key("four").post("/cash-sessions", body).await, 201);
    assert_eq!(
        count(cashier.get("/cash-sessions?status=OPEN").await),
        Some(2)
    );
    house.is_sound().await;
}

#[tokio::test]
async fn cash_at_ten_tills_at_once_never_pays_more_than_is_owed() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let id = house.issued(house.patient(), false).await;
    let cashiers: Vec<TestCaller> = (0..10)
        .map(|_| house.api.as_role(Role::Receptionist))
        .collect();
    for cashier in &cashiers {
        opened(cashier, "10.00").await;
    }
    let amount = json!({ "amount": eur("40.00") });
    let all = cashiers
        .iter()
        .flat_map(|cashier| ["a", "b"].map(|key| pay(cashier, key, &id, amount.clone())));
    let answers = futures::future::join_all(all).await;
    let taken = answers.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(taken, 3, "150.00 are three times 40.00 and a rest");
    for reply in answers.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.code(), Some("MORE_THAN_DUE"));
    }
    assert_eq!(house.invoice(&id).await["due"], eur("30.00"));
    house.is_sound().await;
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), -3000);
}

#[tokio::test]
async fn a_till_that_is_counted_while_patients_pay_has_every_cent_it_took() {
    let house = House::open().await;
    house.price("CONSULTATION", 1000).await;
    let cashier = house.api.as_role(Role::Receptionist);
    let session = opened(&cashier, "5.00").await;
    let mut invoices = Vec::new();
    for _ in 0..12 {
        invoices.push(house.issued(house.patient(), false).await);
    }
    let payments = futures::future::join_all(
        invoices
            .iter()
            .map(|id| pay(&cashier, id.as_str(), id, json!({}))),
    );
    let counting = async {
        // Not before the first has paid.
        loop {
            let seen = done(cashier.get(&format!("/cash-sessions/{session}")).await, 200);
            if seen["taken"] != eur("0.00") {
                return close(&cashier, &session, json!({ "total": eur("0.01") })).await;
            }
        }
    };
    let (answers, counted) = futures::join!(payments, counting);
    let counted = done(counted, 200);
    assert_eq!(counted["status"], "COUNTING");
    let taken = answers.iter().filter(|reply| reply.status == 201).count();
    for reply in answers.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.code(), Some("NO_CASH_SESSION"));
    }
    let expected = format!("{}.00", 5 + taken * 10);
    assert_eq!(counted["expected"], eur(&expected));
    assert_eq!(counted["counts"][0]["expected"], eur(&expected));
    let approve = format!("/cash-sessions/{session}/approve");
    done(house.clerk().post(&approve, Value::Null).await, 200);
    house.is_sound().await;
    assert_eq!(house.ledger.balance(AccountKind::Cash, &session), 0);
}

#[tokio::test]
async fn cash_is_given_back_once_after_two_people_agreed() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let id = house.issued(house.patient(), false).await;
    let cashier = house.api.as_role(Role::Receptionist);
    let session = opened(&cashier, "0").await;
    let paid = done(pay(&cashier, "one", &id, json!({})).await, 201);
    let body = json!({ "paymentId": paid["id"], "amount": eur("40.00"), "reason": "double" });
    let path = format!("/invoices/{id}/refund");
    let refund = text(&done(house.clerk().post(&path, body).await, 201), "id");
    let step = |what: &str| format!("/invoices/{id}/adjustments/{refund}/{what}");
    let early = cashier.post(&step("pay-out"), Value::Null).await;
    assert_eq!(early.code(), Some("NOT_TO_BE_HANDED_OUT"), "nobody agreed");
    let agreed = house
        .other_clerk()
        .post(&step("approve"), Value::Null)
        .await;
    assert_eq!(done(agreed, 200)["status"], "APPROVED");
    assert_eq!(
        house.job("billing.payments").await,
        0,
        "SecurePay is not asked"
    );
    let poor = house.api.as_role(Role::Receptionist);
    let none = poor.post(&step("pay-out"), Value::Null).await;
    assert_eq!(none.code(), Some("NO_CASH_SESSION"));
    opened(&poor, "39.99").await;
    let little = poor.post(&step("pay-out"), Value::Null).await;
    assert_eq!(little.code(), Some("NOT_ENOUGH_CASH"));
    let out = step("pay-out");
    let (first, second) = futures::join!(
        cashier.post(&out, Value::Null),
        cashier.post(&out, Value::Null)
    );
    let codes = [first.code(), second.code()];
    assert!(codes.contains(&None) && codes.contains(&Some("NOT_TO_BE_HANDED_OUT")));
    let invoice = house.invoice(&id).await;
    assert_eq!(
        (&invoice["due"], &invoice["payments"][0]["refunded"]),
        (&eur("40.00"), &eur("40.00"))
    );
    assert_eq!(invoice["adjustments"][0]["status"], "DONE");
    let report = done(cashier.get(&format!("/cash-sessions/{session}")).await, 200);
    assert_eq!(
        (&report["givenBack"], &report["expected"]),
        (&eur("40.00"), &eur("110.00"))
    );
    house.is_sound().await;
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), -4000);
    assert_eq!(house.ledger.balance(AccountKind::Cash, &session), -11000);
}

#[tokio::test]
async fn what_makes_no_sense_at_a_till_is_refused_precisely() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    let cashier = house.api.as_role(Role::Receptionist);
    for (body, pointer) in [
        (json!({ "currency": "XXX" }), "/currency"),
        (json!({ "currency": "EUR", "location": "" }), "/location"),
        (
            json!({ "currency": "EUR", "location": "a\u{0}" }),
            "/location",
        ),
        (
            json!({ "currency": "EUR", "float": eur("-1") }),
            "/float/amount",
        ),
        (
            json!({ "currency": "USD", "float": eur("1") }),
            "/float/currency",
        ),
    ] {
        let reply = cashier
            .key("bad")
            .post("/cash-sessions", body.clone())
            .await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.pointers(), [pointer]);
    }
    let keyless = cashier
        .post("/cash-sessions", json!({ "currency": "EUR" }))
        .await;
    assert_eq!(keyless.code(), Some("IDEMPOTENCY_KEY_REQUIRED"));
    let session = opened(&cashier, "1.00").await;
    let coin = |value: &str, count: u64| json!({ "value": eur(value), "count": count });
    for (body, pointer) in [
        (json!({}), "/total"),
        (json!({ "total": eur("1"), "denominations": [] }), "/total"),
        (json!({ "total": eur("-1") }), "/total/amount"),
        (
            json!({ "total": { "amount": "1", "currency": "USD" } }),
            "/total/currency",
        ),
        (
            json!({ "denominations": [coin("1", 1), coin("1.00", 2)] }),
            "/denominations/1/value",
        ),
        (
            json!({ "denominations": [coin("0", 1)] }),
            "/denominations/0/value/amount",
        ),
        (
            json!({ "denominations": [coin("1", 1_000_001)] }),
            "/denominations/0/count",
        ),
        (
            json!({ "denominations": [coin("9999999999", 1_000_000)] }),
            "/denominations",
        ),
    ] {
        let reply = close(&cashier, &session, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.pointers(), [pointer], "{body}");
    }
    for (body, pointer) in [
        (
            json!({ "method": "CASH", "fromWalletId": id }),
            "/fromWalletId",
        ),
        (json!({ "method": "WALLET" }), "/fromWalletId"),
        (
            json!({ "fromWalletId": id, "tendered": eur("1") }),
            "/tendered",
        ),
        (
            json!({ "method": "CASH", "tendered": eur("0") }),
            "/tendered/amount",
        ),
    ] {
        let path = format!("/invoices/{id}/pay");
        let reply = cashier.key("bad").post(&path, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.pointers(), [pointer], "{body}");
    }
    let dollars = json!({ "amount": { "amount": "1", "currency": "USD" } });
    let refused = pay(&cashier, "usd", &id, dollars).await;
    assert_eq!(refused.code(), Some("CURRENCY_MISMATCH"));
    // Patients hand their cash to somebody.
    let own = house.api.as_patient(patient);
    assert_eq!(pay(&own, "own", &id, json!({})).await.status, 403);
    assert_eq!(own.get("/cash-sessions").await.status, 403);
    house.is_sound().await;
}

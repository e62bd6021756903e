//! Payments over the API: who may, what becomes of them, and what is refused.

use futures::future::join_all;
use galen_contracts::patients::v1::PatientErased;
use galen_kernel::Clock;
use galen_service::Service as _;
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::house::{House, text};

fn wish(from: &str, to: &str, amount: &str, capture: &str) -> Value {
    json!({
        "fromWalletId": from, "toWalletId": to, "capture": capture,
        "amount": { "amount": amount, "currency": "EUR" },
    })
}

#[tokio::test]
async fn a_payment_moves_money_and_is_shown_to_both_sides_and_nobody_else() {
    let house = House::open().await;
    let (_, payer, from) = house.patient_with(10_000).await;
    let (_, payee, to) = house.patient_with(0).await;
    let (_, stranger, _) = house.patient_with(0).await;
    let mut asked = wish(&from, &to, "12.50", "AUTOMATIC");
    asked["description"] = json!(" for the taxi ");
    let made = payer.key("1").post("/payments", asked).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = text(&made, "id");
    assert_eq!(
        made.header("location"),
        Some(format!("/api/v1/payments/{id}").as_str())
    );
    assert_eq!(house.balance(&from).await, ["87.50", "0.00", "87.50"]);
    assert_eq!(house.balance(&to).await, ["12.50", "0.00", "12.50"]);

    let path = format!("/payments/{id}");
    let shown = payer.get(&path).await;
    assert_eq!(shown.body, made.body, "what was answered is what is there");
    assert_eq!(shown.header("etag"), made.header("etag"));
    assert_eq!(shown.body["status"], "CAPTURED");
    assert_eq!(shown.body["description"], "for the taxi");
    assert_eq!(payee.get(&path).await.body, shown.body);
    assert_eq!(house.clerk().get(&path).await.body, shown.body);
    assert_eq!(stranger.get(&path).await.status, 404);

    for (caller, count) in [
        (&payer, 1),
        (&payee, 1),
        (&stranger, 0),
        (&house.clerk(), 1),
    ] {
        let listed = caller.get("/payments").await;
        assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(count));
    }
    for (query, count) in [
        (format!("walletId={from}&status=CAPTURED"), 1),
        (format!("walletId={to}&status=REFUNDED"), 0),
        (
            "from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z".to_owned(),
            0,
        ),
    ] {
        let listed = house.clerk().get(&format!("/payments?{query}")).await;
        let found = listed.body["items"].as_array().map(Vec::len);
        assert_eq!(found, Some(count), "{query}: {}", listed.body);
    }
    let of_others = stranger.get(&format!("/payments?walletId={from}")).await;
    assert_eq!(of_others.status, 404);
    // From somebody else's wallet nobody pays, except those who keep the books.
    let theirs = wish(&from, &to, "1.00", "AUTOMATIC");
    assert_eq!(
        stranger
            .key("2")
            .post("/payments", theirs.clone())
            .await
            .status,
        404
    );
    assert_eq!(
        house
            .clerk()
            .key("3")
            .post("/payments", theirs)
            .await
            .status,
        201
    );
    house.is_sound().await;
}

#[tokio::test]
async fn what_moved_at_once_is_one_posting_and_is_given_back_as_what_was_captured() {
    let house = House::open().await;
    let (_, payer, from) = house.patient_with(10_000).await;
    let (_, payee, to) = house.patient_with(0).await;
    let asked = wish(&from, &to, "40.00", "AUTOMATIC");
    let made = payer.key("1").post("/payments", asked).await;
    let id = text(&made, "id");
    assert_eq!(made.header("etag"), Some("\"1\""));
    let one = "select count(*) from posting p join payment y using (id) join hold h using (id)
               where p.kind = 1 and p.hold_id is null and h.state = 1 and h.captured = p.amount";
    assert_eq!(house.number(one).await, 1);
    let others = "select count(*) from posting where code = 1";
    assert_eq!(house.number(others).await, 1);

    // There is nothing left to capture or to release.
    for (what, body) in [("capture", json!({})), ("void", Value::Null)] {
        let path = format!("/payments/{id}/{what}");
        let late = payee.key(what).post(&path, body).await;
        assert_eq!(late.code(), Some("PAYMENT_IS_OVER"), "{what}");
    }
    let clerk = house.clerk();
    let refund = |key: &'static str, body: Value| {
        let (clerk, path) = (clerk.key(key), format!("/payments/{id}/refund"));
        async move { clerk.post(&path, body).await }
    };
    let some = |amount: &str| json!({ "amount": { "amount": amount, "currency": "EUR" } });
    assert_eq!(refund("a", some("15.00")).await.status, 201);
    let shown = payer.get(&format!("/payments/{id}")).await;
    assert_eq!(shown.body["status"], "PARTIALLY_REFUNDED");
    assert_eq!(shown.body["capturedAmount"]["amount"], "40.00");
    assert_eq!(shown.header("etag"), Some("\"2\""));
    let more = refund("b", some("25.01")).await;
    assert_eq!(more.code(), Some("MORE_THAN_CAPTURED"));
    let rest = refund("c", json!({})).await;
    assert_eq!(rest.body["amount"]["amount"], "25.00");
    let shown = payer.get(&format!("/payments/{id}")).await;
    assert_eq!(shown.body["status"], "REFUNDED");
    assert_eq!(house.balance(&from).await, ["100.00", "0.00", "100.00"]);
    assert_eq!(house.balance(&to).await, ["0.00", "0.00", "0.00"]);
    house.is_sound().await;
}

#[tokio::test]
async fn payments_and_what_was_posted_of_them_are_compared_both_ways() {
    let house = House::open().await;
    let (_, payer, from) = house.patient_with(10_000).await;
    let till = house.till().await;
    let pay = |key: &'static str, capture: &'static str| {
        let (payer, asked) = (payer.key(key), wish(&from, &till, "10.00", capture));
        async move { text(&payer.post("/payments", asked).await, "id") }
    };
    let (moved, promised) = (pay("1", "AUTOMATIC").await, pay("2", "MANUAL").await);
    let (untold, unlike) = (pay("3", "AUTOMATIC").await, pay("4", "AUTOMATIC").await);
    house.is_sound().await;
    for sql in [
        format!("delete from hold where id in ('{moved}', '{promised}')"),
        format!("delete from payment where id = '{untold}'"),
        format!("update payment set amount = amount + 1 where id = '{unlike}'"),
    ] {
        let changed = sqlx::query(sqlx::AssertSqlSafe(sql.clone()));
        let changed = changed.execute(house.db.pool()).await;
        assert!(changed.expect("it is changed").rows_affected() > 0, "{sql}");
    }
    let mut expected = [
        format!("payment {moved}"),
        format!("payment {promised}"),
        format!("posting {untold} has no payment"),
        format!("payment {unlike}"),
    ];
    let name = "every payment is what was promised, and every promise of a payment is one";
    let mut found = house.found_by(name).await;
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    // What was promised is missed among the holds as well.
    let holds = house.found_by("every hold is what became of it").await;
    assert_eq!(holds, [format!("hold {promised}")]);
}

#[tokio::test]
async fn what_is_promised_is_captured_or_released_by_who_is_paid() {
    let house = House::open().await;
    let (_, payer, from) = house.patient_with(10_000).await;
    let (_, payee, to) = house.patient_with(0).await;
    let promise = |key: &'static str| {
        let (payer, asked) = (payer.key(key), wish(&from, &to, "40.00", "MANUAL"));
        async move { text(&payer.post("/payments", asked).await, "id") }
    };
    let (first, second) = (promise("1").await, promise("2").await);
    assert_eq!(house.balance(&from).await, ["100.00", "-80.00", "20.00"]);
    let status = |id: &str| {
        let (payer, path) = (payer.clone(), format!("/payments/{id}"));
        async move { text(&payer.get(&path).await, "status") }
    };
    assert_eq!(status(&first).await, "AUTHORIZED");
    for what in ["capture", "void"] {
        let body = if what == "capture" {
            json!({})
        } else {
            Value::Null
        };
        let own = payer
            .key(what)
            .post(&format!("/payments/{first}/{what}"), body)
            .await;
        assert_eq!(
            (own.status.as_u16(), own.code()),
            (403, Some("NOT_THE_PAYEE"))
        );
    }
    let part = json!({ "amount": { "amount": "15.00", "currency": "EUR" } });
    let more = json!({ "amount": { "amount": "40.01", "currency": "EUR" } });
    let path = format!("/payments/{first}/capture");
    let refused = payee.key("a").post(&path, more).await;
    assert_eq!(refused.code(), Some("MORE_THAN_HELD"));
    let captured = payee.key("b").post(&path, part.clone()).await;
    assert_eq!(captured.status, 200, "{}", captured.body);
    assert_eq!(captured.body["capturedAmount"]["amount"], "15.00");
    let shown = payee.get(&format!("/payments/{first}")).await;
    assert_eq!(
        captured.body, shown.body,
        "what was answered is what is there"
    );
    let again = payee.key("b").post(&path, part.clone()).await;
    assert_eq!((again.status.as_u16(), &again.body), (200, &captured.body));
    assert_eq!(
        payee.key("c").post(&path, part).await.code(),
        Some("PAYMENT_IS_OVER")
    );

    let void = format!("/payments/{second}/void");
    let voided = payee.key("d").post(&void, Value::Null).await;
    assert_eq!(voided.body["status"], "VOIDED");
    let shown = payee.get(&format!("/payments/{second}")).await;
    assert_eq!(voided.body, shown.body);
    assert_eq!(
        payee.key("e").post(&void, Value::Null).await.code(),
        Some("PAYMENT_IS_OVER")
    );
    assert_eq!(house.balance(&from).await, ["85.00", "0.00", "85.00"]);

    // Those who keep the books give back, never more than was captured.
    let refund = format!("/payments/{first}/refund");
    let some = json!({ "amount": { "amount": "5.00", "currency": "EUR" } });
    assert_eq!(payee.key("f").post(&refund, some.clone()).await.status, 403);
    let given = house.clerk().key("f").post(&refund, some).await;
    assert_eq!(given.status, 201, "{}", given.body);
    assert_eq!(status(&first).await, "PARTIALLY_REFUNDED");
    let more = json!({ "amount": { "amount": "10.01", "currency": "EUR" } });
    let refused = house.clerk().key("g").post(&refund, more).await;
    assert_eq!(refused.code(), Some("MORE_THAN_CAPTURED"));
    let rest = house.clerk().key("h").post(&refund, json!({})).await;
    assert_eq!(rest.body["amount"]["amount"], "10.00");
    assert_eq!(status(&first).await, "REFUNDED");
    let none = house.clerk().key("i").post(&refund, json!({})).await;
    assert_eq!(none.code(), Some("MORE_THAN_CAPTURED"));
    assert_eq!(house.balance(&from).await, ["100.00", "0.00", "100.00"]);
    house.is_sound().await;
}

#[tokio::test]
async fn a_promise_that_nobody_captures_ends() {
    let clock = Clock::manual("2026-03-02T08:00:00Z".parse().expect("an instant"));
    let house = House::with(clock.clone(), &[]).await;
    let (_, payer, from) = house.patient_with(10_000).await;
    let till = house.till().await;
    let asked = wish(&from, &till, "40.00", "MANUAL");
    let usual = payer.key("1").post("/payments", asked.clone()).await;
    assert_eq!(usual.body["expiresAt"], "2026-03-09T08:00:00Z");
    let mut soon = asked;
    soon["expiresAt"] = json!("2026-03-02T09:00:00Z");
    let id = text(&payer.key("2").post("/payments", soon).await, "id");
    clock.advance(SignedDuration::from_hours(1));
    let clerk = house.clerk();
    let shown = clerk.get(&format!("/payments/{id}")).await;
    assert_eq!(shown.body["status"], "EXPIRED");
    let late = clerk
        .key("3")
        .post(&format!("/payments/{id}/capture"), json!({}))
        .await;
    assert_eq!(late.code(), Some("PAYMENT_IS_OVER"));
    // The writer looks every second, and releases the money.
    let mut tries = 0;
    while house.balance(&from).await != ["100.00", "-40.00", "60.00"] {
        tries += 1;
        assert!(tries < 100, "the money is not released");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    house.announce().await;
    let told: Vec<String> = house
        .published()
        .await
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(told.contains(&"payment-expired".to_owned()), "{told:?}");
    house.is_sound().await;
}

#[tokio::test]
async fn bad_input_is_refused_precisely_and_leaves_no_trace_in_the_ledger() {
    let house = House::open().await;
    let (_, payer, from) = house.patient_with(10_000).await;
    let (id, _, to) = house.patient_with(0).await;
    let yen = json!({ "ownerId": id, "currency": "JPY", "kind": "PATIENT" });
    let yen = text(&house.clerk().post("/wallets", yen).await, "id");
    let before = house.number("select count(*) from posting").await;
    let good = wish(&from, &to, "1.00", "AUTOMATIC");
    let with = |field: &str, value: Value| {
        let mut asked = good.clone();
        asked[field] = value;
        asked
    };
    let money = |amount: &str, currency: &str| json!({ "amount": amount, "currency": currency });
    let cases = [
        (with("amount", money("1.001", "EUR")), 400, "/amount/amount"),
        (with("amount", money("-1.00", "EUR")), 400, "/amount/amount"),
        (with("amount", money("0.00", "EUR")), 400, "/amount/amount"),
        (
            with("amount", money("99999999999999999999", "EUR")),
            400,
            "/amount/amount",
        ),
        (with("amount", money("1e2", "EUR")), 400, "/amount/amount"),
        (
            with("amount", money("1.00\0", "EUR")),
            400,
            "/amount/amount",
        ),
        (
            with("amount", money("1.00", "EURO")),
            400,
            "/amount/currency",
        ),
        (
            with("amount", money("1.00", "USD")),
            400,
            "/amount/currency",
        ),
        (
            with("amount", json!({ "amount": 1, "currency": "EUR" })),
            400,
            "/amount/amount",
        ),
        (with("amount", json!("1.00")), 400, "/amount"),
        (with("toWalletId", json!(yen)), 400, "/toWalletId"),
        (with("toWalletId", json!(from)), 400, "/toWalletId"),
        (with("toWalletId", json!("x")), 400, "/toWalletId"),
        (with("toWalletId", json!(Uuid::now_v7())), 404, ""),
        (with("fromWalletId", json!(Uuid::now_v7())), 404, ""),
        (with("description", json!("")), 400, "/description"),
        (with("description", json!("a\0b")), 400, "/description"),
        (
            with("description", json!("x".repeat(501))),
            400,
            "/description",
        ),
        (
            with("expiresAt", json!("2999-01-01T00:00:00Z")),
            400,
            "/expiresAt",
        ),
        (with("capture", json!("LATER")), 400, "/capture"),
        (with("more", json!(1)), 400, "/more"),
        (with("amount", money("100.01", "EUR")), 409, ""),
    ];
    for (n, (asked, status, pointer)) in cases.iter().enumerate() {
        let reply = payer
            .key(&n.to_string())
            .post("/payments", asked.clone())
            .await;
        assert_eq!(reply.status.as_u16(), *status, "{asked}: {}", reply.body);
        let expected: Vec<&str> = [*pointer].into_iter().filter(|p| !p.is_empty()).collect();
        assert_eq!(reply.pointers(), expected, "{asked}");
    }
    let mut manual = wish(&from, &to, "1.00", "MANUAL");
    for end in ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        manual["expiresAt"] = json!(end);
        let reply = payer.key(end).post("/payments", manual.clone()).await;
        assert_eq!(reply.pointers(), ["/expiresAt"], "{end}");
    }
    let without = payer.post("/payments", good.clone()).await;
    assert_eq!(without.code(), Some("IDEMPOTENCY_KEY_REQUIRED"));
    assert_eq!(house.number("select count(*) from posting").await, before);
    assert_eq!(house.number("select count(*) from payment").await, 0);
    assert_eq!(house.number("select count(*) from hold").await, 0);

    // A key belongs to one request; what was refused may be asked again with it.
    assert_eq!(payer.key("k").post("/payments", good).await.status, 201);
    let other = payer
        .key("k")
        .post("/payments", wish(&from, &to, "2.00", "AUTOMATIC"))
        .await;
    assert_eq!(other.status, 422);
    let poor = wish(&from, &to, "500.00", "AUTOMATIC");
    assert_eq!(
        payer.key("p").post("/payments", poor.clone()).await.code(),
        Some("INSUFFICIENT_FUNDS")
    );
    house.fund(&from, 100_000).await;
    assert_eq!(payer.key("p").post("/payments", poor).await.status, 201);
}

#[tokio::test]
async fn every_operation_that_moves_money_needs_a_key_and_says_so() {
    let house = House::open().await;
    let (_, document) = house.service.rest().split_for_parts();
    let document = serde_json::to_value(document).expect("a document is data");
    let paths = document["paths"].as_object().expect("paths");
    let mut declared: Vec<&str> = paths
        .iter()
        .filter(|(_, item)| {
            let parameters = item["post"]["parameters"].as_array();
            let mut parameters = parameters.into_iter().flatten();
            parameters.any(|p| p["name"] == "Idempotency-Key" && p["required"] == true)
        })
        .map(|(path, _)| path.as_str())
        .filter(|path| path.starts_with("/payments"))
        .collect();
    declared.sort_unstable();
    let expected = [
        "/payments",
        "/payments/{id}/capture",
        "/payments/{id}/refund",
        "/payments/{id}/void",
    ];
    assert_eq!(declared, expected);
    for path in declared {
        let path = path.replace("{id}", &Uuid::now_v7().to_string());
        let reply = house.clerk().post(&path, json!({})).await;
        assert_eq!(reply.code(), Some("IDEMPOTENCY_KEY_REQUIRED"), "{path}");
    }
}

#[tokio::test]
async fn of_a_hundred_payments_at_once_as_many_are_made_as_there_is_money_for() {
    let house = House::open().await;
    let (_, payer, from) = house.patient_with(3_799).await;
    let till = house.till().await;
    let replies = join_all((0..100).map(|n| {
        let (payer, asked) = (
            payer.key(&n.to_string()),
            wish(&from, &till, "1.00", "AUTOMATIC"),
        );
        async move { payer.post("/payments", asked).await }
    }))
    .await;
    let made = replies.iter().filter(|r| r.status == 201).count();
    let refused = replies
        .iter()
        .filter(|r| r.code() == Some("INSUFFICIENT_FUNDS"));
    assert_eq!((made, refused.count()), (37, 63));
    assert_eq!(house.balance(&from).await, ["0.99", "0.00", "0.99"]);
    assert_eq!(house.number("select count(*) from payment").await, 37);
    house.is_sound().await;
}

#[tokio::test]
async fn a_hundred_refunds_at_once_give_back_what_was_captured_and_no_more() {
    let house = House::open().await;
    let (_, payer, from) = house.patient_with(1_000).await;
    let till = house.till().await;
    house.fund(&till, 100_000).await;
    let asked = wish(&from, &till, "10.00", "AUTOMATIC");
    let id = text(&payer.key("1").post("/payments", asked).await, "id");
    let clerk = house.clerk();
    let some = json!({ "amount": { "amount": "0.30", "currency": "EUR" } });
    let replies = join_all((0..100).map(|n| {
        let (clerk, path) = (clerk.key(&n.to_string()), format!("/payments/{id}/refund"));
        let some = some.clone();
        async move { clerk.post(&path, some).await }
    }))
    .await;
    let given = replies.iter().filter(|r| r.status == 201).count();
    let refused = replies
        .iter()
        .filter(|r| r.code() == Some("MORE_THAN_CAPTURED"));
    assert_eq!((given, refused.count()), (33, 67));
    assert_eq!(house.balance(&from).await, ["9.90", "0.00", "9.90"]);
    house.is_sound().await;
}

#[tokio::test]
async fn one_key_fifty_times_at_once_pays_once() {
    let house = House::open().await;
    let (_, payer, from) = house.patient_with(10_000).await;
    let till = house.till().await;
    let replies = join_all((0..50).map(|_| {
        let (payer, asked) = (payer.key("same"), wish(&from, &till, "1.00", "AUTOMATIC"));
        async move { payer.post("/payments", asked).await }
    }))
    .await;
    let ids: std::collections::HashSet<String> = replies
        .iter()
        .filter(|reply| reply.status == 201)
        .map(|reply| text(reply, "id"))
        .collect();
    assert_eq!(ids.len(), 1);
    for reply in &replies {
        let in_progress = reply.code() == Some("REQUEST_IN_PROGRESS");
        assert!(reply.status == 201 || in_progress, "{}", reply.body);
    }
    assert_eq!(house.number("select count(*) from payment").await, 1);
    assert_eq!(house.balance(&from).await[0], "99.00");
    house.is_sound().await;
}

#[tokio::test]
async fn nobody_can_read_what_was_written_about_somebody_who_was_erased() {
    let house = House::open().await;
    let (id, payer, from) = house.patient_with(10_000).await;
    let till = house.till().await;
    let mut asked = wish(&from, &till, "1.00", "AUTOMATIC");
    asked["description"] = json!("for Ada's knee");
    let made = payer.key("1").post("/payments", asked).await;
    let path = format!("/payments/{}", text(&made, "id"));
    let erased = PatientErased {
        patient_id: id.to_string(),
    };
    house.hears(&erased).await;
    let shown = house.clerk().get(&path).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert_eq!(shown.body.get("description"), None);
    assert_eq!(shown.body["amount"], made.body["amount"]);
    assert_eq!(house.balance(&from).await[0], "99.00");
    let stored = house
        .number(
            "select count(*) from payment where strpos(encode(description, 'escape'), 'knee') > 0",
        )
        .await;
    assert_eq!(stored, 0);
}

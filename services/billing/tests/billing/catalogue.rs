//! Payers and prices.

use futures::future::join_all;
use galen_access::Role;
use galen_billing::catalogue::price;
use serde_json::{Value, json};

use crate::hospital::{Hospital, created, eur, text};

async fn cents(hospital: &Hospital, payer: Option<&str>, class: &str, on: &str) -> Option<i64> {
    let mut db = hospital.db.pool().acquire().await.expect("a connection");
    let payer = payer.map(|id| id.parse().expect("an id"));
    let on = on.parse().expect("a day");
    let found = price(&mut db, "CONSULTATION", payer, class, on).await;
    found.expect("an answer").map(|priced| priced.amount.minor)
}

fn tariff(parts: &Value) -> Value {
    let mut body =
        json!({ "serviceCode": "CONSULTATION", "price": eur("100.00"), "validFrom": "2026-01-01" });
    for (key, value) in parts.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_payer_is_registered_found_and_changed() {
    let hospital = Hospital::open().await;
    let clerk = hospital.clerk();
    let body = json!({ "name": "Beta", "kind": "INSURER", "identifier": "B-1" });
    let beta = created(clerk.post("/payers", body.clone()).await);
    let again = clerk.post("/payers", body).await;
    assert_eq!(
        (again.status.as_u16(), again.code()),
        (409, Some("IDENTIFIER_EXISTS"))
    );
    hospital.payer("Alpha").await;
    let path = format!("/payers/{}", text(&beta, "id"));

    let changed = clerk
        .if_match(1)
        .patch(
            &path,
            json!({ "name": "Gamma", "identifier": null, "active": false }),
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let stale = clerk
        .if_match(1)
        .patch(&path, json!({ "name": "Delta" }))
        .await;
    assert_eq!(stale.status, 412);
    let same = clerk.patch(&path, json!({ "name": "Gamma" })).await;
    assert_eq!(same.body["version"], 2, "nothing changed");
    let seen = clerk.get(&path).await.body;
    assert_eq!(
        (&seen["name"], &seen["active"], seen.get("identifier")),
        (&json!("Gamma"), &json!(false), None)
    );

    let first = clerk.get("/payers?limit=1").await.body;
    assert_eq!(first["items"][0]["name"], "Alpha");
    let next = text(&first, "nextCursor");
    let second = clerk
        .get(&format!("/payers?limit=1&cursor={next}"))
        .await
        .body;
    assert_eq!(
        (&second["items"][0]["name"], &second["nextCursor"]),
        (&json!("Gamma"), &Value::Null)
    );

    // Nothing new may be agreed with who is not active.
    let plan = json!({ "id": "p", "payerId": beta["id"], "name": "P" });
    assert_eq!(clerk.post("/plans", plan).await.pointers(), ["/payerId"]);
    assert_eq!(
        hospital
            .api
            .as_role(Role::Doctor)
            .get("/payers")
            .await
            .status,
        403
    );
    let desk = hospital.api.as_role(Role::Receptionist);
    assert_eq!(desk.get("/payers").await.status, 200);
    assert_eq!(
        desk.post("/payers", json!({ "name": "X", "kind": "OTHER" }))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn the_price_that_says_most_is_the_price() {
    let hospital = Hospital::open().await;
    let (insurer, other) = (hospital.payer("A").await, hospital.payer("B").await);
    assert_eq!(
        cents(&hospital, None, "AMB", "2026-02-01").await,
        None,
        "no price is not a price of nothing"
    );
    let clerk = hospital.clerk();
    for (payer, class, amount) in [
        (None, None, "100.00"),
        (None, Some("EMER"), "150.00"),
        (Some(&insurer), None, "80.00"),
        (Some(&insurer), Some("EMER"), "120.00"),
    ] {
        let body =
            tariff(&json!({ "payerId": payer, "encounterClass": class, "price": eur(amount) }));
        created(clerk.post("/tariffs", body).await);
    }
    for (payer, class, expected) in [
        (None, "AMB", 10_000),
        (None, "EMER", 15_000),
        (Some(insurer.as_str()), "AMB", 8_000),
        (Some(&insurer), "EMER", 12_000),
        (Some(&insurer), "IMP", 8_000),
        (Some(&other), "EMER", 15_000),
    ] {
        assert_eq!(
            cents(&hospital, payer, class, "2026-02-01").await,
            Some(expected),
            "{payer:?} {class}"
        );
    }
    assert_eq!(cents(&hospital, None, "AMB", "2025-12-31").await, None);
}

#[tokio::test]
async fn a_price_is_ended_and_followed_and_never_changed() {
    let hospital = Hospital::open().await;
    let clerk = hospital.clerk();
    let first = text(&hospital.price("CONSULTATION", None, "100.00").await, "id");
    let next = tariff(&json!({ "price": eur("110.00"), "validFrom": "2026-04-01" }));
    let overlap = clerk.post("/tariffs", next.clone()).await;
    assert_eq!(
        (overlap.status.as_u16(), overlap.code()),
        (409, Some("TARIFF_OVERLAP"))
    );

    let end = format!("/tariffs/{first}/end");
    let past = clerk.post(&end, json!({ "validTo": "2026-03-01" })).await;
    assert_eq!(past.pointers(), ["/validTo"]);
    let ended = clerk.post(&end, json!({ "validTo": "2026-04-01" })).await;
    assert_eq!(
        (ended.status.as_u16(), &ended.body["version"]),
        (200, &json!(2))
    );
    created(clerk.post("/tariffs", next).await);
    let longer = clerk.post(&end, json!({ "validTo": "2026-05-01" })).await;
    assert_eq!(longer.code(), Some("TARIFF_OVERLAP"));

    assert_eq!(
        cents(&hospital, None, "AMB", "2026-03-31").await,
        Some(10_000)
    );
    assert_eq!(
        cents(&hospital, None, "AMB", "2026-04-01").await,
        Some(11_000)
    );
    let found = clerk
        .get("/tariffs?serviceCode=CONSULTATION&on=2026-04-01")
        .await
        .body;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["items"][0]["price"], eur("110.00"));

    for sql in [
        "update tariff set amount = 1",
        "delete from tariff",
        "update tariff set valid_from = valid_from - 1",
    ] {
        let changed = sqlx::query(sql).execute(hospital.db.pool()).await;
        assert!(changed.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn of_many_who_set_one_price_at_once_one_does() {
    let hospital = Hospital::open().await;
    let clerk = hospital.clerk();
    let answers = join_all((1..=8).map(|n| {
        let body = tariff(&json!({ "price": eur(&format!("{n}.00")) }));
        let clerk = clerk.clone();
        async move { clerk.post("/tariffs", body).await.status.as_u16() }
    }))
    .await;
    let set = answers.iter().filter(|status| **status == 201).count();
    assert_eq!(set, 1, "{answers:?}");
    assert!(
        answers.iter().all(|status| [201, 409].contains(status)),
        "{answers:?}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_price_is_said() {
    let hospital = Hospital::open().await;
    let clerk = hospital.clerk();
    for (parts, pointer) in [
        (json!({ "serviceCode": "a b" }), "/serviceCode"),
        (json!({ "price": eur("0.00") }), "/price/amount"),
        (json!({ "price": eur("-1.00") }), "/price/amount"),
        (json!({ "price": eur("1.001") }), "/price/amount"),
        (json!({ "price": eur("99999999999.00") }), "/price/amount"),
        (
            json!({ "price": { "amount": "1.00", "currency": "USD" } }),
            "/price/currency",
        ),
        (json!({ "validFrom": "-004713-01-01" }), "/validFrom"),
        (json!({ "validTo": "2026-01-01" }), "/validTo"),
        (json!({ "validTo": "9999-12-31" }), "/validTo"),
        (json!({ "encounterClass": "XXX" }), "/encounterClass"),
        (json!({ "payerId": hospital.clock.uuid() }), "/payerId"),
        (json!({ "category": "a\u{0}b" }), "/category"),
    ] {
        let reply = clerk.post("/tariffs", tariff(&parts)).await;
        assert_eq!(
            (reply.status.as_u16(), reply.pointers()),
            (400, vec![pointer]),
            "{parts}: {}",
            reply.body
        );
    }
    for query in [
        "on=2026-02-30",
        "serviceCode=%00",
        "limit=0",
        "cursor=x",
        "payerId=x",
    ] {
        assert_eq!(
            clerk.get(&format!("/tariffs?{query}")).await.status,
            400,
            "{query}"
        );
    }
    let nobody = format!("/tariffs/{}/end", hospital.clock.uuid());
    assert_eq!(
        clerk
            .post(&nobody, json!({ "validTo": "2026-04-01" }))
            .await
            .status,
        404
    );
}

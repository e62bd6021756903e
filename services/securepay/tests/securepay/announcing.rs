//! What others are told of payments: everything, once, in order.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::house::{House, text};

/// Pays, captures, voids and refunds; returns what is to be told of each payment.
async fn traffic(house: &House) -> HashMap<String, Vec<&'static str>> {
    let (_, payer, from) = house.patient_with(100_000).await;
    let (_, payee, to) = house.patient_with(0).await;
    let clerk = house.clerk();
    let all = (0..40).map(|n: usize| {
        let (payer, payee, clerk) = (payer.clone(), payee.clone(), clerk.clone());
        let (from, to) = (from.clone(), to.clone());
        async move {
            let capture = if n.is_multiple_of(4) {
                "AUTOMATIC"
            } else {
                "MANUAL"
            };
            let asked = json!({
                "fromWalletId": from, "toWalletId": to, "capture": capture,
                "amount": { "amount": "10.00", "currency": "EUR" },
            });
            let made = payer.key(&format!("m{n}")).post("/payments", asked).await;
            let id = text(&made, "id");
            let key = |what: &str| format!("{what}{n}");
            let some = json!({ "amount": { "amount": "4.00", "currency": "EUR" } });
            let path = |what: &str| format!("/payments/{id}/{what}");
            let told = match n % 4 {
                0 => {
                    for part in ["a", "b"] {
                        let caller = clerk.key(&key(part));
                        assert_eq!(caller.post(&path("refund"), some.clone()).await.status, 201);
                    }
                    vec!["payment-captured", "payment-refunded", "payment-refunded"]
                }
                1 => {
                    let caller = payee.key(&key("c"));
                    assert_eq!(caller.post(&path("capture"), some).await.status, 200);
                    vec!["payment-authorized", "payment-captured"]
                }
                2 => {
                    let caller = payee.key(&key("v"));
                    assert_eq!(caller.post(&path("void"), Value::Null).await.status, 200);
                    vec!["payment-authorized", "payment-voided"]
                }
                _ => vec!["payment-authorized"],
            };
            (id, told)
        }
    });
    join_all(all).await.into_iter().collect()
}

async fn told(house: &House) -> HashMap<String, Vec<String>> {
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    for (name, data) in house.published().await {
        if let Some(id) = data["payment"]["paymentId"].as_str() {
            told.entry(id.to_owned()).or_default().push(name);
        }
    }
    told
}

#[tokio::test]
async fn everything_is_told_once_and_in_order_however_many_announcers_are_killed() {
    let house = House::open().await;
    let working = tokio::spawn({
        let service = std::sync::Arc::clone(&house.service);
        async move {
            // Announcers that are cut off at any point, several at a time.
            for n in 0_u64.. {
                let cut = Duration::from_micros(300 + n % 40 * 250);
                let one = || {
                    let jobs = galen_service::Service::jobs(&service);
                    async move {
                        let found = jobs.iter().find(|job| job.name() == "securepay.announce");
                        let job = found.expect("it is there");
                        let _ = tokio::time::timeout(cut, job.run_once()).await;
                    }
                };
                join_all([one(), one(), one()]).await;
            }
        }
    });
    let expected = traffic(&house).await;
    working.abort();
    let _ = working.await;
    house.announce().await;
    let found = told(&house).await;
    assert_eq!(found.len(), expected.len());
    for (id, events) in &expected {
        assert_eq!(&found[id], events, "{id}");
    }
    house.announce().await;
    assert_eq!(told(&house).await, found, "nothing is told again");
    house.is_sound().await;
}

#[tokio::test]
async fn an_event_says_who_paid_whom_and_how_much_came_together() {
    let house = House::open().await;
    let (payer_id, payer, from) = house.patient_with(10_000).await;
    let till = house.till().await;
    let asked = json!({
        "fromWalletId": from, "toWalletId": till,
        "amount": { "amount": "10.00", "currency": "EUR" }, "description": "a secret",
    });
    let made = payer.key("1").post("/payments", asked).await;
    let id = text(&made, "id");
    let clerk = house.clerk();
    for (key, amount) in [("a", "3.00"), ("b", "2.00")] {
        let some = json!({ "amount": { "amount": amount, "currency": "EUR" } });
        let reply = clerk
            .key(key)
            .post(&format!("/payments/{id}/refund"), some)
            .await;
        assert_eq!(reply.status, 201, "{}", reply.body);
    }
    house.announce().await;
    let events = house.published().await;
    let events: Vec<_> = events
        .iter()
        .filter(|(name, _)| name.starts_with("payment-"))
        .collect();
    let facts = &events[0].1["payment"];
    assert_eq!(facts["paymentId"], json!(id));
    assert_eq!(facts["fromWalletId"], json!(from));
    assert_eq!(facts["toWalletId"], json!(till));
    assert_eq!(facts["fromOwnerId"], json!(payer_id.to_string()));
    assert_eq!(events[0].1["captured"]["minor"], json!("1000"));
    let together: Vec<&Value> = events[1..]
        .iter()
        .map(|(_, data)| &data["refunded"]["minor"])
        .collect();
    assert_eq!(together, [&json!("300"), &json!("500")]);
    assert!(!format!("{events:?}").contains("secret"));
}

//! What is taken back, given up or given back.

use galen_contracts::securepay::v1::AccountKind;
use galen_service::testing::TestCaller;
use serde_json::{Value, json};

use super::house::{House, done, eur, text};

async fn asked(house: &House, path: &str, body: Value) -> String {
    text(&done(house.clerk().post(path, body).await, 201), "id")
}

#[tokio::test]
async fn a_debt_is_given_up_when_somebody_else_agrees() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    let path = format!("/invoices/{id}/write-off");
    let body = json!({ "amount": eur("150.00"), "reason": "zq-reason" });
    let (first, second) = (
        asked(&house, &path, body.clone()).await,
        asked(&house, &path, body.clone()).await,
    );
    let approve = |which: &str| format!("/invoices/{id}/adjustments/{which}/approve");
    let self_made = house.clerk().post(&approve(&first), Value::Null).await;
    assert_eq!(self_made.code(), Some("SECOND_PERSON_REQUIRED"));
    let other = house.other_clerk();
    let agreed = done(other.post(&approve(&first), Value::Null).await, 200);
    assert_eq!(
        (&agreed["status"], &agreed["reason"]),
        (&json!("DONE"), &json!("zq-reason"))
    );
    assert_eq!(
        other.post(&approve(&first), Value::Null).await.code(),
        Some("ALREADY_DECIDED")
    );
    assert_eq!(
        other.post(&approve(&second), Value::Null).await.code(),
        Some("NOTHING_DUE")
    );
    let reject = format!("/invoices/{id}/adjustments/{second}/reject");
    assert_eq!(
        done(other.post(&reject, Value::Null).await, 200)["status"],
        "REJECTED"
    );
    let invoice = house.invoice(&id).await;
    assert_eq!(
        (&invoice["status"], &invoice["writtenOff"], &invoice["due"]),
        (&json!("BALANCED"), &eur("150.00"), &eur("0.00"))
    );
    assert_eq!(invoice["adjustments"].as_array().map(Vec::len), Some(2));
    house.is_sound().await;
    assert_eq!(house.ledger.balance(AccountKind::WriteOff, ""), -15000);
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), 0);
    let refused = house.clerk().post(&path, body).await;
    assert_eq!(refused.code(), Some("NOTHING_DUE"));
}

#[tokio::test]
async fn a_payment_is_given_back_when_somebody_else_agrees_and_is_owed_again() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    let wallet = house.ledger.wallet(&patient.to_string(), 15000);
    let own = house.api.as_patient(patient);
    let paid = done(house.pay(&own, "one", (&id, &wallet), None).await, 201);
    let path = format!("/invoices/{id}/refund");
    let body = json!({ "paymentId": paid["id"], "amount": eur("40.00"), "reason": "double" });
    let refund = asked(&house, &path, body).await;
    let approve = format!("/invoices/{id}/adjustments/{refund}/approve");
    let agreed = done(house.other_clerk().post(&approve, Value::Null).await, 200);
    assert_eq!(agreed["status"], "APPROVED");
    let most = json!({ "paymentId": paid["id"], "amount": eur("110.01"), "reason": "more" });
    let refused = house.clerk().post(&path, most).await;
    assert_eq!(
        refused.code(),
        Some("MORE_THAN_PAID"),
        "what is on its way is gone"
    );
    house
        .ledger
        .mute
        .store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(house.job("billing.payments").await, 0, "the answer is lost");
    house
        .ledger
        .mute
        .store(false, std::sync::atomic::Ordering::SeqCst);
    house.pass(6).await;
    assert_eq!(house.job("billing.payments").await, 1);
    let invoice = house.invoice(&id).await;
    assert_eq!(
        (&invoice["status"], &invoice["due"]),
        (&json!("PARTIALLY_PAID"), &eur("40.00"))
    );
    assert_eq!(invoice["payments"][0]["refunded"], eur("40.00"));
    assert_eq!(invoice["adjustments"][0]["status"], "DONE");
    assert_eq!(
        house
            .ledger
            .balance(AccountKind::Wallet, &patient.to_string()),
        4000,
        "once"
    );
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), -4000);
    house.is_sound().await;
}

#[tokio::test]
async fn what_is_credited_is_not_owed_and_what_was_paid_for_it_goes_to_the_wallet() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let id = house.issued(patient, false).await;
    let wallet = house.ledger.wallet(&patient.to_string(), 20000);
    let own = house.api.as_patient(patient);
    done(
        house.pay(&own, "one", (&id, &wallet), Some("100.00")).await,
        201,
    );
    let path = format!("/invoices/{id}/credit-note");
    let part = json!({ "amount": eur("70.00"), "reason": "half of it" });
    assert_eq!(
        house.clerk().post(&path, part.clone()).await.code(),
        Some("IDEMPOTENCY_KEY_REQUIRED")
    );
    let credited = done(house.clerk().key("a").post(&path, part).await, 200);
    assert_eq!(
        (
            &credited["status"],
            &credited["totals"]["patient"],
            &credited["paid"],
            &credited["due"]
        ),
        (
            &json!("BALANCED"),
            &eur("80.00"),
            &eur("80.00"),
            &eur("0.00")
        )
    );
    assert_eq!(credited["totals"]["credited"], eur("70.00"));
    house.is_sound().await;
    assert_eq!(
        house
            .ledger
            .balance(AccountKind::Wallet, &patient.to_string()),
        12000
    );
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), 0);
    assert_eq!(house.ledger.balance(AccountKind::Revenue, ""), 8000);

    let charge = text(&credited["lines"][0], "chargeId");
    let both = json!({ "amount": eur("1.00"), "lines": [{ "chargeId": charge }], "reason": "x" });
    assert_eq!(
        house.clerk().key("b").post(&path, both).await.pointers(),
        ["/amount"]
    );
    let rest = json!({ "lines": [{ "chargeId": charge }], "reason": "never took place" });
    let gone = done(house.clerk().key("c").post(&path, rest).await, 200);
    assert_eq!(
        (&gone["status"], &gone["due"]),
        (&json!("CANCELLED"), &eur("0.00"))
    );
    house.is_sound().await;
    assert_eq!(
        house
            .ledger
            .balance(AccountKind::Wallet, &patient.to_string()),
        20000
    );
    let charges = house.charges(patient).await;
    assert_eq!(
        charges[0]["status"], "PRICED",
        "it can be invoiced again, or taken back"
    );
}

#[tokio::test]
async fn a_person_who_may_not_decide_does_not() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let id = house.issued(house.patient(), false).await;
    let body = json!({ "amount": eur("1.00"), "reason": "small" });
    let asked = asked(&house, &format!("/invoices/{id}/write-off"), body.clone()).await;
    let desk = house.api.as_role(galen_access::Role::Receptionist);
    let approve = format!("/invoices/{id}/adjustments/{asked}/approve");
    assert_eq!(desk.post(&approve, Value::Null).await.status, 403);
    assert_eq!(
        desk.post(&format!("/invoices/{id}/write-off"), body)
            .await
            .status,
        403
    );
    let nothing = format!("/invoices/{id}/adjustments/{}/approve", house.clock.uuid());
    assert_eq!(
        house.other_clerk().post(&nothing, Value::Null).await.status,
        404
    );
}

#[tokio::test]
async fn whoever_decides_sees_what_waits_the_oldest_first() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let (one, other) = (house.patient(), house.patient());
    let (of_one, of_other) = (
        house.issued(one, false).await,
        house.issued(other, false).await,
    );
    let body = json!({ "amount": eur("10.00"), "reason": "zq-reason" });
    let mut waiting = Vec::new();
    for invoice in [&of_one, &of_other, &of_one] {
        let path = format!("/invoices/{invoice}/write-off");
        waiting.push(asked(&house, &path, body.clone()).await);
        house.pass(1).await;
    }
    let credit = json!({ "amount": eur("5.00"), "reason": "half" });
    let path = format!("/invoices/{of_one}/credit-note");
    done(house.clerk().key("a").post(&path, credit).await, 200);
    let reject = format!("/invoices/{of_one}/adjustments/{}/reject", waiting[2]);
    done(house.other_clerk().post(&reject, Value::Null).await, 200);

    let list = async |who: &TestCaller, query: &str| -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/invoice-adjustments?limit=1{query}{cursor}");
            let page = done(who.get(&path).await, 200);
            for item in page["items"].as_array().expect("items") {
                found.push((text(item, "id"), text(item, "kind")));
            }
            let Some(next) = page["nextCursor"].as_str() else {
                return found;
            };
            cursor = format!("&cursor={next}");
        }
    };
    let ids = |found: Vec<(String, String)>| -> Vec<String> {
        found.into_iter().map(|(id, _)| id).collect()
    };
    let clerk = house.other_clerk();
    assert_eq!(ids(list(&clerk, "&status=REQUESTED").await), waiting[..2]);
    let of_other_only = list(&clerk, &format!("&invoiceId={of_other}")).await;
    assert_eq!(ids(of_other_only), waiting[1..2]);
    assert_eq!(ids(list(&clerk, "&status=REJECTED").await), waiting[2..]);
    let credited = list(&clerk, "&kind=CREDIT_NOTE").await;
    assert_eq!(credited.len(), 1);
    assert_eq!(list(&clerk, "").await.len(), 4);
    let page = clerk
        .get("/invoice-adjustments?status=REQUESTED")
        .await
        .body;
    assert_eq!(page["items"][0]["reason"], "zq-reason");

    let own = house.api.as_patient(other);
    assert_eq!(ids(list(&own, "").await), waiting[1..2], "their own");
    let foreign = format!("/invoice-adjustments?patientId={one}");
    assert_eq!(own.get(&foreign).await.status, 404);
    let doctor = house.api.as_role(galen_access::Role::Doctor);
    assert_eq!(doctor.get("/invoice-adjustments").await.status, 403);
    let bad = clerk.get("/invoice-adjustments?cursor=x&status=OPEN").await;
    assert_eq!(bad.status, 400);
}

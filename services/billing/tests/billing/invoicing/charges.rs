//! What was done is charged once, and never for nothing by mistake.

use galen_contracts::patients::v1::PatientErased;
use serde_json::{Value, json};

use super::house::{House, done, eur, text};

fn by_hand(patient: impl serde::Serialize) -> Value {
    json!({ "patientId": patient, "serviceCode": "DRESSING", "quantity": 3, "reason": "zq-reason" })
}

#[tokio::test]
async fn an_appointment_is_charged_once_however_often_one_hears_of_it() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let appointment = house.fulfilled(patient, false, 3).await;
    let charges = house.charges(patient).await;
    assert_eq!(charges.len(), 1);
    let charge = &charges[0];
    assert_eq!(charge["appointmentId"], json!(appointment));
    assert_eq!(
        (
            &charge["status"],
            &charge["amount"],
            &charge["encounterClass"]
        ),
        (&json!("PRICED"), &eur("150.00"), &json!("AMB"))
    );
    assert_eq!(
        house.told(&text(charge, "id")).await,
        ["charge-captured", "charge-priced"]
    );
    house.is_sound().await;
}

#[tokio::test]
async fn what_has_no_price_waits_for_one() {
    let house = House::open().await;
    let patient = house.patient();
    house.fulfilled(patient, false, 1).await;
    house.fulfilled(patient, false, 1).await;
    let held = done(house.clerk().get("/charges?status=HELD").await, 200);
    let held = held["items"].as_array().expect("items").clone();
    assert_eq!(held.len(), 2);
    assert_eq!(held[0].get("amount"), None, "not even nothing");
    let (one, two) = (text(&held[0], "id"), text(&held[1], "id"));
    let body = json!({ "patientId": patient, "chargeIds": [one] });
    let refused = house.clerk().post("/invoices", body).await;
    assert_eq!(refused.code(), Some("CHARGE_UNPRICED"));
    let price = format!("/charges/{one}/price");
    let refused = house.clerk().post(&price, Value::Null).await;
    assert_eq!(refused.code(), Some("CHARGE_UNPRICED"));
    assert_eq!(house.job("billing.price").await, 0);

    house.price("CONSULTATION", 9900).await;
    let priced = done(house.clerk().post(&price, Value::Null).await, 200);
    assert_eq!(
        (&priced["status"], &priced["amount"]),
        (&json!("PRICED"), &eur("99.00"))
    );
    assert_eq!(house.job("billing.price").await, 1, "the other one");
    assert_eq!(house.job("billing.price").await, 0);
    assert_eq!(
        house.told(&two).await,
        ["charge-captured", "charge-unpriced", "charge-priced"]
    );
    house.is_sound().await;
}

#[tokio::test]
async fn what_is_charged_by_hand_says_why_and_is_corrected_by_another() {
    let house = House::open().await;
    house.price("DRESSING", 1250).await;
    let patient = house.patient();
    let charge = done(house.clerk().post("/charges", by_hand(patient)).await, 201);
    assert_eq!(
        (&charge["unitPrice"], &charge["amount"], &charge["reason"]),
        (&eur("12.50"), &eur("37.50"), &json!("zq-reason"))
    );
    let id = text(&charge, "id");
    let mut right = by_hand(patient);
    right["quantity"] = json!(1);
    right["replacesId"] = json!(id);
    let new = done(house.clerk().post("/charges", right.clone()).await, 201);
    assert_eq!(new["replacesId"], json!(id));
    let old = done(house.clerk().get(&format!("/charges/{id}")).await, 200);
    assert_eq!(old["status"], "VOIDED");
    let twice = house.clerk().post("/charges", right).await;
    assert_eq!(twice.code(), Some("CHARGE_VOIDED"));
    let void = format!("/charges/{}/void", text(&new, "id"));
    assert_eq!(
        house
            .clerk()
            .if_match(7)
            .post(&void, Value::Null)
            .await
            .status,
        412
    );
    assert_eq!(
        done(house.clerk().post(&void, Value::Null).await, 200)["status"],
        "VOIDED"
    );
    assert_eq!(
        house.clerk().post(&void, Value::Null).await.code(),
        Some("CHARGE_VOIDED")
    );

    let leak: Vec<String> = sqlx::query_scalar("select id::text from charge where sealed_reason::text like '%' || encode('zq-reason', 'hex') || '%'")
        .fetch_all(house.platform.db.pool())
        .await
        .expect("read");
    assert!(leak.is_empty(), "why is sealed");
    house
        .patients_tell(&PatientErased {
            patient_id: patient.to_string(),
        })
        .await;
    let erased = done(house.clerk().get(&format!("/charges/{id}")).await, 200);
    assert_eq!(erased.get("reason"), None);
    let late = house.clerk().post("/charges", by_hand(patient)).await;
    assert_eq!(late.code(), Some("SUBJECT_ERASED"));
}

#[tokio::test]
async fn what_is_wrong_with_a_charge_is_said() {
    let house = House::open().await;
    let patient = house.patient();
    for (field, value, pointer) in [
        ("quantity", json!(0), "/quantity"),
        ("quantity", json!(1001), "/quantity"),
        ("serviceCode", json!(""), "/serviceCode"),
        ("serviceCode", json!("a b"), "/serviceCode"),
        ("reason", json!(" \n"), "/reason"),
        ("reason", json!("a\u{0}b"), "/reason"),
        ("servedAt", json!("1999-01-01T00:00:00Z"), "/servedAt"),
        ("servedAt", json!("2026-03-03T00:00:00Z"), "/servedAt"),
        ("patientId", json!(house.clock.uuid()), "/patientId"),
        ("replacesId", json!(house.clock.uuid()), "/replacesId"),
    ] {
        let mut body = by_hand(patient);
        body[field] = value;
        let refused = house.clerk().post("/charges", body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.pointers()),
            (400, vec![pointer]),
            "{field}"
        );
    }
}

#[tokio::test]
async fn patients_see_their_own_charges_alone() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let (patient, other) = (house.patient(), house.patient());
    house.fulfilled(patient, false, 1).await;
    house.fulfilled(other, false, 1).await;
    let own = house.api.as_patient(patient);
    let list = done(own.get("/charges").await, 200);
    let items = list["items"].as_array().expect("items");
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["patientId"], json!(patient));
    assert_eq!(
        own.get(&format!("/charges?patientId={other}")).await.status,
        404
    );
    let theirs = text(&house.charges(other).await[0], "id");
    assert_eq!(own.get(&format!("/charges/{theirs}")).await.status, 404);
    assert_eq!(own.post("/charges", by_hand(patient)).await.status, 403);
}

//! Accounts of patients: what they owe, since when, under all their records.

use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::{PatientsMerged, PatientsUnmerged};
use galen_contracts::securepay::v1::AccountKind;
use galen_service::testing::TestCaller;
use serde_json::{Value, json};

use super::house::{House, done, eur, text};

const DAY: i64 = 24 * 60 * 60;

async fn account(who: &TestCaller, patient: PatientId, query: &str) -> Value {
    let path = format!("/accounts/{patient}/statement{query}");
    done(who.get(&path).await, 200)["accounts"][0].clone()
}

/// What is owed by how long it has been due, from not yet on.
fn ages(account: &Value) -> [String; 5] {
    let ages = &account["ageing"];
    [
        "current",
        "days1To30",
        "days31To60",
        "days61To90",
        "over90Days",
    ]
    .map(|age| text(&ages[age], "amount"))
}

fn owed(house: &House, invoices: &[&String]) -> i64 {
    let receivable = |id: &&String| -house.ledger.balance(AccountKind::Receivable, id);
    invoices.iter().map(receivable).sum()
}

#[tokio::test]
async fn the_account_of_a_person_is_that_of_all_their_records() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let (survivor, retired, other) = (house.patient(), house.patient(), house.patient());
    let one = house.issued(survivor, false).await;
    let two = house.issued(retired, false).await;
    house.issued(other, false).await;
    house.is_sound().await;
    let own = house.api.as_patient(survivor);
    let path = format!("/accounts/{retired}/statement");
    assert_eq!(account(&own, survivor, "").await["closing"], eur("150.00"));
    assert_eq!(own.get(&path).await.status, 404, "nobody they know");

    let merge_id = house.clock.uuid().to_string();
    let (retired_id, survivor_id) = (retired.to_string(), survivor.to_string());
    house
        .patients_tell(&PatientsMerged {
            merge_id: merge_id.clone(),
            survivor_id: survivor_id.clone(),
            retired_id: retired_id.clone(),
        })
        .await;
    for who in [&own, &house.api.as_patient(retired), &house.clerk()] {
        for record in [survivor, retired] {
            let whole = account(who, record, "").await;
            assert_eq!(whole["entries"].as_array().map(Vec::len), Some(2));
            assert_eq!(whole["closing"], eur("300.00"));
        }
    }
    assert_eq!(owed(&house, &[&one, &two]), 30_000, "as the ledger says");
    let stranger = house.api.as_patient(other);
    assert_eq!(stranger.get(&path).await.status, 404);

    house
        .patients_tell(&PatientsUnmerged {
            merge_id,
            survivor_id,
            restored_id: retired_id,
        })
        .await;
    assert_eq!(account(&own, survivor, "").await["closing"], eur("150.00"));
    assert_eq!(own.get(&path).await.status, 404);
}

#[tokio::test]
async fn what_is_in_a_plan_is_due_by_its_instalments_as_long_as_it_is_followed() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let own = || house.api.as_patient(patient);
    let planned = house.issued(patient, false).await;
    let alone = house.issued(patient, false).await;
    house.pass(61 * DAY).await;
    // Due since 1 April.
    let before = ["0.00", "0.00", "300.00", "0.00", "0.00"];
    assert_eq!(ages(&account(&own(), patient, "").await), before);

    let wish = json!({ "invoiceIds": [planned], "count": 3, "firstDueOn": "2026-05-20" });
    let plan = done(house.clerk().post("/payment-plans", wish).await, 201);
    assert_eq!(
        ages(&account(&own(), patient, "").await),
        before,
        "nobody has agreed"
    );
    let agree = format!("/payment-plans/{}/agree", text(&plan, "id"));
    done(own().post(&agree, Value::Null).await, 200);
    assert_eq!(
        ages(&account(&own(), patient, "").await),
        ["150.00", "0.00", "150.00", "0.00", "0.00"]
    );
    // Four days after the first instalment.
    house.pass(22 * DAY).await;
    let wallet = house.ledger.wallet(&patient.to_string(), 50000);
    let paid = house
        .pay(&own(), "one", (&planned, &wallet), Some("20.00"))
        .await;
    done(paid, 201);
    assert_eq!(
        ages(&account(&own(), patient, "").await),
        ["100.00", "30.00", "150.00", "0.00", "0.00"]
    );
    assert_eq!(
        ages(&account(&own(), patient, "?to=2026-05-02").await),
        ["0.00", "300.00", "0.00", "0.00", "0.00"],
        "as it was then"
    );
    house.is_sound().await;
    assert_eq!(owed(&house, &[&planned, &alone]), 28_000);

    // It is not paid by its instalments: all of it has been due since the beginning.
    house.pass(10 * DAY).await;
    assert_eq!(house.job("billing.payment-plans").await, 1);
    assert_eq!(
        ages(&account(&own(), patient, "").await),
        ["0.00", "0.00", "0.00", "280.00", "0.00"]
    );
    house.is_sound().await;
}

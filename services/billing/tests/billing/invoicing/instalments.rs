//! Payment plans: who pays in time is left alone, who does not owes all at once again.

use galen_contracts::ids::PatientId;
use galen_service::testing::Reply;
use serde_json::{Value, json};

use super::house::{House, done, eur, text};

const DAY: i64 = 24 * 60 * 60;

async fn propose(house: &House, invoices: &[&String], more: Value) -> Reply {
    let mut body = more;
    body["invoiceIds"] = json!(invoices);
    house.clerk().post("/payment-plans", body).await
}

/// A plan of three months that somebody agreed to.
async fn followed(house: &House, patient: PatientId, invoices: &[&String]) -> String {
    let plan = done(propose(house, invoices, json!({ "count": 3 })).await, 201);
    let id = text(&plan, "id");
    let path = format!("/payment-plans/{id}/agree");
    let own = house.api.as_patient(patient);
    done(own.post(&path, Value::Null).await, 200);
    id
}

async fn plan(house: &House, id: &str) -> Value {
    let path = format!("/payment-plans/{id}");
    done(house.clerk().get(&path).await, 200)
}

fn states(plan: &Value) -> Vec<&str> {
    let instalments = plan["instalments"].as_array().expect("instalments");
    instalments
        .iter()
        .map(|each| each["status"].as_str().expect("a status"))
        .collect()
}

#[tokio::test]
async fn payments_cover_instalments_in_the_order_of_their_days() {
    let house = House::open().await;
    house.price("CONSULTATION", 10000).await;
    let patient = house.patient();
    let (first, second) = (
        house.issued(patient, false).await,
        house.issued(patient, false).await,
    );
    let wish = json!({ "count": 3, "firstDueOn": "2026-03-31" });
    let proposed = done(propose(&house, &[&first, &second], wish).await, 201);
    let id = text(&proposed, "id");
    let due: Vec<(&str, &Value)> = proposed["instalments"]
        .as_array()
        .expect("instalments")
        .iter()
        .map(|each| (each["dueOn"].as_str().expect("a day"), &each["amount"]))
        .collect();
    assert_eq!(
        due,
        [
            ("2026-03-31", &eur("66.68")),
            ("2026-04-30", &eur("66.66")),
            ("2026-05-31", &eur("66.66"))
        ]
    );
    let twice = propose(&house, &[&second], json!({ "count": 1 })).await;
    assert_eq!(twice.code(), Some("ALREADY_PLANNED"));
    assert_eq!(
        house.invoice(&first).await.get("paymentPlanId"),
        None,
        "nobody agreed"
    );

    let agree = format!("/payment-plans/{id}/agree");
    let (stranger, own) = (house.patient(), house.api.as_patient(patient));
    let stranger = house.api.as_patient(stranger);
    assert_eq!(stranger.post(&agree, Value::Null).await.status, 404);
    assert_eq!(
        stranger.get(&format!("/payment-plans/{id}")).await.status,
        404
    );
    let agreed = done(own.post(&agree, Value::Null).await, 200);
    assert_eq!(agreed["status"], "ACTIVE");
    let again = own.post(&agree, Value::Null).await;
    assert_eq!(again.code(), Some("PLAN_STATUS"));
    assert_eq!(house.invoice(&first).await["paymentPlanId"], json!(id));

    let wallet = house.ledger.wallet(&patient.to_string(), 50000);
    for (key, invoice, amount, expected) in [
        ("a", &second, "70.00", ["PAID", "PARTIALLY_PAID", "OPEN"]),
        ("b", &first, "100.00", ["PAID", "PAID", "PARTIALLY_PAID"]),
        ("c", &second, "30.00", ["PAID", "PAID", "PAID"]),
    ] {
        let paid = house.pay(&own, key, (invoice, &wallet), Some(amount)).await;
        done(paid, 201);
        assert_eq!(states(&plan(&house, &id).await), expected);
    }
    let over = plan(&house, &id).await;
    assert_eq!(
        (&over["status"], &over["paid"]),
        (&json!("COMPLETED"), &eur("200.00"))
    );
    assert_eq!(house.invoice(&first).await.get("paymentPlanId"), None);
    assert_eq!(
        house.told(&id).await,
        ["payment-plan-agreed", "payment-plan-completed"]
    );
    let list = format!("/payment-plans?patientId={patient}&status=COMPLETED");
    let found = done(own.get(&list).await, 200);
    assert_eq!(found["items"][0]["id"], json!(id));
    assert_eq!(stranger.get(&list).await.status, 404);
    house.is_sound().await;
}

#[tokio::test]
async fn a_plan_is_given_up_when_the_grace_is_over_and_no_day_before() {
    let house = House::open().await;
    house.price("CONSULTATION", 30000).await;
    let (late, punctual) = (house.patient(), house.patient());
    let (owed, paid) = (
        house.issued(late, false).await,
        house.issued(punctual, false).await,
    );
    let (given_up, kept) = (
        followed(&house, late, &[&owed]).await,
        followed(&house, punctual, &[&paid]).await,
    );
    let wallet = house.ledger.wallet(&punctual.to_string(), 10000);
    let own = house.api.as_patient(punctual);
    done(
        house.pay(&own, "a", (&paid, &wallet), Some("100.00")).await,
        201,
    );
    house.pass(7 * DAY).await;
    assert_eq!(house.job("billing.payment-plans").await, 0);
    let seen = plan(&house, &given_up).await;
    assert_eq!(
        (&seen["status"], &seen["overdue"]),
        (&json!("ACTIVE"), &eur("100.00"))
    );
    house.pass(DAY).await;
    assert_eq!(house.job("billing.payment-plans").await, 1);
    assert_eq!(house.job("billing.payment-plans").await, 0, "once");
    assert_eq!(plan(&house, &given_up).await["status"], "DEFAULTED");
    assert_eq!(plan(&house, &kept).await["status"], "ACTIVE");
    assert_eq!(
        house.told(&given_up).await,
        ["payment-plan-agreed", "payment-plan-defaulted"]
    );
    assert_eq!(house.invoice(&owed).await.get("paymentPlanId"), None);
    // Another one can be tried, and given up by the hospital.
    let second = followed(&house, late, &[&owed]).await;
    let cancel = format!("/payment-plans/{second}/cancel");
    let gone = done(house.clerk().post(&cancel, Value::Null).await, 200);
    assert_eq!(gone["status"], "CANCELLED");
    let again = house.clerk().post(&cancel, Value::Null).await;
    assert_eq!(again.code(), Some("PLAN_STATUS"));
    house.is_sound().await;
}

#[tokio::test]
async fn of_two_plans_for_an_invoice_at_once_one_stands() {
    let house = House::open().await;
    house.price("CONSULTATION", 10000).await;
    let patient = house.patient();
    let (first, second) = (
        house.issued(patient, false).await,
        house.issued(patient, false).await,
    );
    let (there, back) = ([&first, &second], [&second, &first]);
    let all = (0..6).map(|n| {
        let order = if n % 2 == 0 { &there } else { &back };
        propose(&house, order, json!({ "count": 2 }))
    });
    let answers = futures::future::join_all(all).await;
    let made = answers.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(made, 1);
    for reply in answers.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.code(), Some("ALREADY_PLANNED"));
    }
    house.is_sound().await;
}

#[tokio::test]
async fn two_last_payments_at_once_complete_a_plan_once() {
    let house = House::open().await;
    house.price("CONSULTATION", 10000).await;
    let patient = house.patient();
    let (first, second) = (
        house.issued(patient, false).await,
        house.issued(patient, false).await,
    );
    let id = followed(&house, patient, &[&first, &second]).await;
    let wallet = house.ledger.wallet(&patient.to_string(), 20000);
    let own = house.api.as_patient(patient);
    let (a, b) = futures::join!(
        house.pay(&own, "a", (&first, &wallet), None),
        house.pay(&own, "b", (&second, &wallet), None)
    );
    done(a, 201);
    done(b, 201);
    assert_eq!(plan(&house, &id).await["status"], "COMPLETED");
    assert_eq!(
        house.told(&id).await,
        ["payment-plan-agreed", "payment-plan-completed"]
    );
    house.is_sound().await;
}

#[tokio::test]
async fn a_plan_is_exactly_what_is_owed() {
    let house = House::open().await;
    house.price("CONSULTATION", 10000).await;
    let (patient, other) = (house.patient(), house.patient());
    let id = house.issued(patient, false).await;
    let theirs = house.issued(other, false).await;
    let each = |day: &str, amount: &str| json!({ "dueOn": day, "amount": eur(amount) });
    let these = |list: Value| json!({ "instalments": list });
    for (body, pointer) in [
        (json!({}), "/instalments"),
        (json!({ "count": 2, "instalments": [] }), "/instalments"),
        (json!({ "count": 0 }), "/count"),
        (json!({ "count": 61 }), "/count"),
        (
            json!({ "count": 2, "firstDueOn": "2026-03-01" }),
            "/firstDueOn",
        ),
        (
            json!({ "count": 2, "firstDueOn": "2099-03-01" }),
            "/firstDueOn",
        ),
        (these(json!([])), "/instalments"),
        (
            these(json!([
                each("2026-04-01", "50.00"),
                each("2026-04-01", "50.00")
            ])),
            "/instalments/1/dueOn",
        ),
        (
            these(json!([each("2026-04-01", "0")])),
            "/instalments/0/amount/amount",
        ),
    ] {
        let reply = propose(&house, &[&id], body.clone()).await;
        assert_eq!(reply.status, 400, "{body} {}", reply.body);
        assert_eq!(reply.pointers(), [pointer], "{body}");
    }
    let unknown = house.clock.uuid().to_string();
    let reply = propose(&house, &[&id, &unknown], json!({ "count": 1 })).await;
    assert_eq!(reply.pointers(), ["/invoiceIds/1"]);
    let reply = propose(&house, &[&id, &id], json!({ "count": 1 })).await;
    assert_eq!(reply.pointers(), ["/invoiceIds/1"]);
    let reply = propose(&house, &[&id, &theirs], json!({ "count": 1 })).await;
    assert_eq!(reply.code(), Some("SEVERAL_PATIENTS"));
    let less = these(json!([
        each("2026-04-01", "50.00"),
        each("2026-05-01", "49.99")
    ]));
    let reply = propose(&house, &[&id], less).await;
    assert_eq!(reply.code(), Some("INSTALMENTS_DIFFER"));
    assert_eq!(reply.body["owed"], eur("100.00"));

    let fits = these(json!([
        each("2026-04-01", "50.00"),
        each("2026-05-01", "50.00")
    ]));
    let made = text(&done(propose(&house, &[&id], fits).await, 201), "id");
    // Paid before anybody agreed: there is nothing left to agree to.
    let wallet = house.ledger.wallet(&patient.to_string(), 10000);
    let own = house.api.as_patient(patient);
    done(house.pay(&own, "a", (&id, &wallet), None).await, 201);
    let agree = format!("/payment-plans/{made}/agree");
    let reply = own.post(&agree, Value::Null).await;
    assert_eq!(reply.code(), Some("NOTHING_DUE"));
    let reply = propose(&house, &[&id], json!({ "count": 1 })).await;
    assert_eq!(reply.code(), Some("NOTHING_DUE"));
    let wish = json!({ "count": 2, "interval": "WEEKLY" });
    let late = text(&done(propose(&house, &[&theirs], wish).await, 201), "id");
    house.pass(DAY).await;
    let agree = format!("/payment-plans/{late}/agree");
    let reply = house.clerk().post(&agree, Value::Null).await;
    assert_eq!(reply.code(), Some("PLAN_OUT_OF_DATE"));
    house.is_sound().await;
}

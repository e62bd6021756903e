//! Invoices ask for what was done, once, and explain every cent.

use galen_contracts::ids::PatientId;
use galen_contracts::securepay::v1::AccountKind;
use serde_json::{Value, json};

use super::house::{House, done, eur, text};

#[tokio::test]
async fn a_consultation_is_drafted_issued_and_owed() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let appointment = house.fulfilled(patient, false, 1).await;
    let body = json!({ "patientId": patient, "appointmentId": appointment });
    let draft = done(house.clerk().post("/invoices", body.clone()).await, 201);
    let id = text(&draft, "id");
    assert_eq!(
        (&draft["status"], draft.get("number")),
        (&json!("DRAFT"), None)
    );
    assert_eq!(draft["due"], eur("0.00"), "nobody owes a draft");
    assert_eq!(draft["totals"]["patient"], eur("150.00"));
    let again = house.clerk().post("/invoices", body).await;
    assert_eq!(
        again.code(),
        Some("CHARGE_INVOICED"),
        "a charge is on one invoice"
    );

    let issue = format!("/invoices/{id}/issue");
    let issued = done(house.clerk().post(&issue, Value::Null).await, 200);
    assert_eq!(
        (&issued["status"], &issued["due"], &issued["issuedOn"]),
        (&json!("ISSUED"), &eur("150.00"), &json!("2026-03-02"))
    );
    assert!(text(&issued, "number").starts_with("INV-0"));
    let twice = house.clerk().post(&issue, Value::Null).await;
    assert_eq!(twice.code(), Some("NOT_A_DRAFT"));
    assert_eq!(house.job("billing.journal").await, 1);
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), -15000);
    assert_eq!(house.ledger.balance(AccountKind::Revenue, ""), 15000);
    assert_eq!(house.told(&id).await, ["invoice-issued"]);
    house.is_sound().await;
}

#[tokio::test]
async fn what_insurers_owe_and_why_stands_on_every_line() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let payer = house.insure(patient).await;
    let id = house.issued(patient, true).await;
    let invoice = house.invoice(&id).await;
    // 50.00 before the plan pays, then twenty percent of the rest.
    let totals = &invoice["totals"];
    assert_eq!(
        (&totals["gross"], &totals["patient"], &totals["insurer"]),
        (&eur("150.00"), &eur("70.00"), &eur("80.00"))
    );
    let line = &invoice["lines"][0];
    assert_eq!(line["payers"][0]["payerId"], json!(payer));
    assert_eq!(line["payers"][0]["amount"], eur("80.00"));
    let trace = line["trace"].as_array().expect("steps");
    assert_eq!(trace[0]["stage"], "TARIFF");
    let shares = trace.iter().filter(|step| step["stage"] == "COST_SHARE");
    let reasons: Vec<&Value> = shares.filter_map(|step| step.get("reason")).collect();
    assert_eq!(
        reasons,
        [&json!("1"), &json!("2")],
        "deductible and coinsurance"
    );
    house.job("billing.journal").await;
    assert_eq!(house.ledger.balance(AccountKind::Revenue, ""), 15000);
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), -7000);

    // What was counted once is not counted again.
    let next = house.invoice(&house.issued(patient, true).await).await;
    assert_eq!(next["totals"]["patient"], eur("30.00"));
    house.is_sound().await;
}

#[tokio::test]
async fn what_was_counted_between_draft_and_issue_counts() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    house.insure(patient).await;
    let mut drafts = Vec::new();
    for _ in 0..2 {
        let appointment = house.fulfilled(patient, true, 1).await;
        let body = json!({ "patientId": patient, "appointmentId": appointment });
        let draft = done(house.clerk().post("/invoices", body).await, 201);
        assert_eq!(
            draft["totals"]["patient"],
            eur("70.00"),
            "as far as one knows"
        );
        drafts.push(text(&draft, "id"));
    }
    let issues = drafts.iter().map(|id| {
        let (caller, path) = (house.clerk(), format!("/invoices/{id}/issue"));
        async move { done(caller.post(&path, Value::Null).await, 200) }
    });
    let issued = futures::future::join_all(issues).await;
    let mut asked: Vec<String> = issued
        .iter()
        .map(|invoice| text(&invoice["totals"]["patient"], "amount"))
        .collect();
    asked.sort();
    assert_eq!(asked, ["30.00", "70.00"], "the deductible is taken once");
    house.is_sound().await;
}

#[tokio::test]
async fn a_dropped_draft_frees_its_charges() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let appointment = house.fulfilled(patient, false, 1).await;
    let body = json!({ "patientId": patient, "appointmentId": appointment });
    let draft = done(house.clerk().post("/invoices", body.clone()).await, 201);
    let void = format!(
        "/charges/{}/void",
        text(&house.charges(patient).await[0], "id")
    );
    let refused = house.clerk().post(&void, Value::Null).await;
    assert_eq!(refused.code(), Some("CHARGE_INVOICED"));
    let cancel = format!("/invoices/{}/cancel", text(&draft, "id"));
    let cancelled = done(house.clerk().post(&cancel, Value::Null).await, 200);
    assert_eq!(cancelled["status"], "CANCELLED");
    done(house.clerk().post("/invoices", body).await, 201);
    house.is_sound().await;
}

#[tokio::test]
async fn of_many_who_invoice_one_charge_at_once_one_does() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let appointment = house.fulfilled(patient, false, 1).await;
    let drafts = (0..10).map(|_| {
        let body = json!({ "patientId": patient, "appointmentId": appointment });
        let caller = house.clerk();
        async move { caller.post("/invoices", body).await.status.as_u16() }
    });
    let mut answers = futures::future::join_all(drafts).await;
    answers.sort_unstable();
    assert_eq!(answers[0], 201);
    assert!(
        answers[1..].iter().all(|status| *status == 409),
        "{answers:?}"
    );
    house.is_sound().await;
}

#[tokio::test]
async fn what_happened_to_an_invoice_cannot_be_changed() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    house.issued(house.patient(), false).await;
    for change in [
        "update invoice_event set billed = 0",
        "delete from invoice_event",
        "truncate invoice_event",
    ] {
        let refused = sqlx::query(change).execute(house.platform.db.pool()).await;
        assert!(refused.is_err(), "{change}");
    }
}

#[tokio::test]
async fn lists_and_questions_reach_as_far_as_the_caller() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let (patient, other) = (house.patient(), house.patient());
    let mine = house.issued(patient, false).await;
    house.pass(1).await;
    let theirs = house.issued(other, false).await;
    let own = house.api.as_patient(patient);
    let list = done(own.get("/invoices?status=ISSUED").await, 200);
    let items = list["items"].as_array().expect("items");
    assert_eq!((items.len(), &items[0]["id"]), (1, &json!(mine)));
    assert_eq!(items[0]["due"], eur("150.00"));
    assert_eq!(own.get(&format!("/invoices/{mine}")).await.status, 200);
    assert_eq!(own.get(&format!("/invoices/{theirs}")).await.status, 404);
    let first = done(house.clerk().get("/invoices?limit=1").await, 200);
    let cursor = text(&first, "nextCursor");
    let second = done(
        house
            .clerk()
            .get(&format!("/invoices?limit=1&cursor={cursor}"))
            .await,
        200,
    );
    assert_eq!(second["items"][0]["id"], json!(theirs));
    assert_eq!(second["nextCursor"], json!(null));
}

#[tokio::test]
async fn what_is_wrong_with_a_draft_is_said() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let (patient, other) = (house.patient(), house.patient());
    house.fulfilled(other, false, 1).await;
    let theirs = text(&house.charges(other).await[0], "id");
    for body in [
        json!({ "patientId": patient }),
        json!({ "patientId": patient, "chargeIds": [] }),
        json!({ "patientId": patient, "chargeIds": [theirs] }),
        json!({ "patientId": patient, "chargeIds": [theirs, theirs] }),
        json!({ "patientId": patient, "chargeIds": [theirs], "appointmentId": theirs }),
    ] {
        let refused = house.clerk().post("/invoices", body.clone()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.pointers()),
            (400, vec!["/chargeIds"]),
            "{body}"
        );
    }
    let none = json!({ "patientId": patient, "appointmentId": house.clock.uuid() });
    let refused = house.clerk().post("/invoices", none).await;
    assert_eq!(refused.code(), Some("NOTHING_TO_INVOICE"));
}

/// Consultations on as many days, invoiced together.
async fn of_days(house: &House, patient: PatientId, days: usize) -> String {
    for _ in 0..days {
        house.fulfilled(patient, true, 1).await;
        house.pass(24 * 60 * 60).await;
    }
    let charges: Vec<Value> = house
        .charges(patient)
        .await
        .iter()
        .map(|charge| charge["id"].clone())
        .collect();
    assert_eq!(charges.len(), days);
    let body = json!({ "patientId": patient, "chargeIds": charges });
    let draft = done(house.clerk().post("/invoices", body).await, 201);
    let id = text(&draft, "id");
    let issue = format!("/invoices/{id}/issue");
    let issued = done(house.clerk().post(&issue, Value::Null).await, 200);
    assert_eq!(
        issued["totals"], draft["totals"],
        "as it was worked out before"
    );
    id
}

async fn claims_of(house: &House, invoice: &str) -> Vec<Value> {
    let path = format!("/claims?invoiceId={invoice}");
    let found = done(house.clerk().get(&path).await, 200);
    let mut claims = Vec::new();
    for claim in found["items"].as_array().expect("items") {
        let path = format!("/claims/{}", text(claim, "id"));
        claims.push(done(house.clerk().get(&path).await, 200));
    }
    claims
}

#[tokio::test]
async fn what_was_done_on_several_days_is_one_claim() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    house.insure(patient).await;
    let id = of_days(&house, patient, 3).await;
    // The deductible once: 50.00 and 20.00, then 30.00 for each of the other days.
    let totals = &house.invoice(&id).await["totals"];
    assert_eq!(
        (&totals["patient"], &totals["insurer"]),
        (&eur("130.00"), &eur("320.00"))
    );
    let claims = claims_of(&house, &id).await;
    assert_eq!(claims.len(), 1);
    let lines = claims[0]["lines"].as_array().expect("lines");
    let mut days: Vec<String> = lines
        .iter()
        .map(|line| text(line, "servedAt")[..10].to_owned())
        .collect();
    days.sort_unstable();
    assert_eq!(days, ["2026-03-02", "2026-03-03", "2026-03-04"]);
    house.is_sound().await;
    assert_eq!(house.ledger.balance(AccountKind::Revenue, ""), 45000);
    assert_eq!(house.ledger.balance(AccountKind::Receivable, &id), -13000);
}

#[tokio::test]
async fn a_new_version_of_a_plan_in_between_makes_a_claim_of_its_own() {
    let house = House::open().await;
    house.price("CONSULTATION", 15000).await;
    let patient = house.patient();
    let payer = house.insure(patient).await;
    sqlx::query(
        "insert into plan_version (plan_id, version, valid_from, document, vectors, published_at, published_by)
         select plan_id, 2, '2026-03-03',
                jsonb_set(jsonb_set(document, '{version}', '2'), '{benefits,0,costShare,1,patient}', '\"50\"'),
                vectors, published_at, published_by
         from plan_version",
    )
    .execute(house.platform.db.pool())
    .await
    .expect("a version");
    let id = of_days(&house, patient, 2).await;
    // 50.00 and twenty percent of 100.00; fifty percent of 150.00 on the next day.
    let totals = &house.invoice(&id).await["totals"];
    assert_eq!(
        (&totals["patient"], &totals["insurer"]),
        (&eur("145.00"), &eur("155.00"))
    );
    let claims = claims_of(&house, &id).await;
    let mut asked: Vec<&Value> = claims.iter().map(|claim| &claim["outstanding"]).collect();
    asked.sort_unstable_by_key(|asked| asked["amount"].to_string());
    assert_eq!(asked, [&eur("75.00"), &eur("80.00")]);
    house.is_sound().await;

    // Each is withdrawn and prepared again by itself.
    for claim in &claims {
        let path = format!("/claims/{}/void", text(claim, "id"));
        done(house.clerk().post(&path, json!({})).await, 200);
    }
    let again = json!({ "invoiceId": id, "payerId": payer });
    for _ in 0..2 {
        done(house.clerk().post("/claims", again.clone()).await, 201);
    }
    let third = house.clerk().post("/claims", again).await;
    assert_eq!(third.code(), Some("NOTHING_TO_CLAIM"));
    house.is_sound().await;
}

//! What services would cost.

use std::sync::Arc;

use galen_billing::cover::rpc::Prices;
use galen_billing::cover::{Service, lock, policies, post, work_out};
use galen_contracts::billing::v1::EstimateAppointmentRequest;
use galen_contracts::billing::v1::pricing_server::Pricing as _;
use galen_contracts::convert::to_wire;
use galen_contracts::ids::PatientId;
use galen_kernel::Money;
use serde_json::{Value, json};
use tonic::Request;

use crate::hospital::{Hospital, NOW, eur};

fn twenty() -> Value {
    json!([{ "op": "COINSURANCE", "patient": "20" }])
}

fn question(patient: PatientId, codes: &[&str], mode: &str) -> Value {
    let service = |code: &&str| json!({ "code": code, "quantity": 1, "at": NOW });
    let services: Vec<Value> = codes.iter().map(service).collect();
    json!({ "patientId": patient, "services": services, "paymentMode": mode })
}

#[tokio::test]
async fn every_cent_has_its_reason() {
    let hospital = Hospital::open().await;
    let payer = hospital.plan("p", json!([]), twenty()).await;
    hospital.price("CONSULTATION", None, "150.00").await;
    hospital.price("CONSULTATION", Some(&payer), "120.00").await;
    let patient = hospital.patient();
    hospital.insure(patient, "p", 'a');
    let asked = question(patient, &["CONSULTATION", "SURGERY"], "INSURANCE");
    let reply = hospital
        .clerk()
        .post("/adjudications/estimate", asked.clone())
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let body = &reply.body;
    let sums = [
        &body["charge"],
        &body["forgone"],
        &body["insurer"],
        &body["patient"],
    ];
    assert_eq!(
        sums,
        [&eur("150.00"), &eur("30.00"), &eur("96.00"), &eur("24.00")]
    );
    assert_eq!(body["incomplete"], true);
    assert_eq!(
        body["lines"][1]["shares"],
        Value::Null,
        "no price is not a price of nothing"
    );
    let shares = &body["lines"][0]["shares"];
    assert_eq!(
        (&shares["allowed"], &shares["contractual"]),
        (&eur("120.00"), &eur("30.00"))
    );
    assert_eq!(shares["reasons"], json!(["45", "2"]));
    let part = &shares["payers"][0];
    assert_eq!(
        (&part["payerId"], &part["planId"], &part["planVersion"]),
        (&json!(payer), &json!("p"), &json!(1))
    );
    assert_eq!(
        part["trace"],
        json!([
            { "stage": "PRICING", "rule": "all", "basis": eur("150.00"), "before": eur("150.00"), "delta": eur("30.00"), "after": eur("120.00"), "reason": "45" },
            { "stage": "COST_SHARE", "rule": "all/0", "basis": eur("120.00"), "before": eur("120.00"), "delta": eur("24.00"), "after": eur("96.00"), "reason": "2" },
        ])
    );
    let again = hospital
        .clerk()
        .post("/adjudications/estimate", asked)
        .await;
    assert_eq!(again.body, reply.body, "the same question, the same answer");

    let alone = question(patient, &["CONSULTATION"], "SELF_PAY");
    let alone = hospital
        .clerk()
        .post("/adjudications/estimate", alone)
        .await
        .body;
    assert_eq!(
        (&alone["patient"], &alone["insurer"]),
        (&eur("150.00"), &eur("0.00"))
    );
}

#[tokio::test]
async fn a_second_payer_pays_of_what_the_first_left() {
    let hospital = Hospital::open().await;
    let first = hospital.plan("first", json!([]), twenty()).await;
    hospital
        .plan(
            "second",
            json!([]),
            json!([{ "op": "COPAY", "amount": 1_000, "per": "LINE" }]),
        )
        .await;
    hospital.price("CONSULTATION", None, "150.00").await;
    hospital.price("CONSULTATION", Some(&first), "120.00").await;
    let patient = hospital.patient();
    hospital.insure(patient, "first", 'a');
    hospital.insure(patient, "second", 'b');
    let asked = question(patient, &["CONSULTATION"], "INSURANCE");
    let body = hospital
        .clerk()
        .post("/adjudications/estimate", asked)
        .await
        .body;
    let shares = &body["lines"][0]["shares"];
    let paid = [&shares["payers"][0]["paid"], &shares["payers"][1]["paid"]];
    // The first one's contract takes 30.00 off for everybody; of the 24.00 that it
    // leaves, the second one pays all.
    assert_eq!(paid, [&eur("96.00"), &eur("24.00")]);
    assert_eq!(
        (&shares["contractual"], &body["patient"]),
        (&eur("30.00"), &eur("0.00"))
    );
}

#[tokio::test]
async fn what_one_service_uses_up_the_next_does_not_have() {
    let hospital = Hospital::open().await;
    let accumulators = json!([{ "id": "deductible", "kind": "DEDUCTIBLE", "period": "YEAR", "individual": 20_000 }]);
    hospital
        .plan(
            "p",
            accumulators,
            json!([{ "op": "DEDUCTIBLE", "accumulator": "deductible" }]),
        )
        .await;
    hospital.price("CONSULTATION", None, "150.00").await;
    let patient = hospital.patient();
    hospital.insure(patient, "p", 'a');
    let mut asked = question(patient, &["CONSULTATION", "CONSULTATION"], "INSURANCE");
    // The later one is named first: days have their order.
    asked["services"][0]["at"] = json!("2026-03-05T08:00:00Z");
    let body = hospital
        .clerk()
        .post("/adjudications/estimate", asked)
        .await
        .body;
    let owed = |line: usize| &body["lines"][line]["shares"]["patient"];
    assert_eq!((owed(0), owed(1)), (&eur("50.00"), &eur("150.00")));
}

#[tokio::test]
async fn the_estimate_is_what_it_costs_when_nothing_changes() {
    let hospital = Hospital::open().await;
    let accumulators = json!([{ "id": "deductible", "kind": "DEDUCTIBLE", "period": "YEAR", "individual": 20_000 }]);
    let steps = json!([{ "op": "DEDUCTIBLE", "accumulator": "deductible" }, { "op": "COINSURANCE", "patient": "20" }]);
    hospital.plan("p", accumulators, steps).await;
    hospital.price("CONSULTATION", None, "150.00").await;
    let patient = hospital.patient();
    hospital.insure(patient, "p", 'a');
    let asked = question(patient, &["CONSULTATION"], "INSURANCE");
    for (insurer, owed) in [("0.00", "150.00"), ("80.00", "70.00"), ("120.00", "30.00")] {
        let estimate = hospital
            .clerk()
            .post("/adjudications/estimate", asked.clone())
            .await
            .body;
        assert_eq!(
            (&estimate["insurer"], &estimate["patient"]),
            (&eur(insurer), &eur(owed))
        );
        let today = "2026-03-02".parse().expect("a day");
        let covers = policies(&hospital.billing, patient, today)
            .await
            .expect("covers");
        let service = Service {
            sequence: 1,
            at: NOW.parse().expect("an instant"),
            code: "CONSULTATION".to_owned(),
            category: String::new(),
            visit: hospital.clock.uuid().to_string(),
            class: "AMB".to_owned(),
            quantity: 1,
            charge: Money {
                minor: 15_000,
                currency: "EUR".parse().expect("a currency"),
            },
            agreed: Vec::new(),
        };
        let mut tx = hospital.db.begin().await.expect("a transaction");
        lock(&mut tx, &covers).await.expect("locked");
        let shares = work_out(&mut tx, hospital.clock.now(), &covers, &[service])
            .await
            .expect("an answer");
        post(&mut tx, hospital.clock.uuid(), &shares.parts[0])
            .await
            .expect("counted");
        tx.commit().await.expect("a commit");
        let of = |minor| {
            Money {
                minor,
                currency: "EUR".parse().expect("a currency"),
            }
            .to_string()
        };
        assert_eq!(
            (of(shares.insurers()), of(shares.patient())),
            (insurer.to_owned(), owed.to_owned())
        );
    }
}

#[tokio::test]
async fn a_patient_may_ask_about_themself_alone_and_what_is_wrong_is_said() {
    let hospital = Hospital::open().await;
    let (anna, ben) = (hospital.patient(), hospital.patient());
    let own = hospital.api.as_patient(anna);
    let ask = async |patient, body: &Value| {
        let mut question = question(patient, &["CONSULTATION"], "INSURANCE");
        for (key, value) in body.as_object().expect("an object") {
            question[key] = value.clone();
        }
        own.post("/adjudications/estimate", question).await
    };
    assert_eq!(ask(anna, &json!({})).await.status, 200);
    assert_eq!(ask(ben, &json!({})).await.status, 404);
    let nobody = question(hospital.clock.id(), &["X"], "SELF_PAY");
    assert_eq!(
        hospital
            .clerk()
            .post("/adjudications/estimate", nobody)
            .await
            .status,
        404
    );
    for (wrong, pointer) in [
        (json!({ "services": [] }), "/services"),
        (
            json!({ "services": [{ "code": "", "at": NOW }] }),
            "/services/0/code",
        ),
        (
            json!({ "services": [{ "code": "X", "at": NOW, "quantity": 0 }] }),
            "/services/0/quantity",
        ),
        (
            json!({ "services": [{ "code": "X", "at": "-009999-01-02T00:00:00Z" }] }),
            "/services/0/at",
        ),
        (json!({ "paymentMode": "BARTER" }), "/paymentMode"),
    ] {
        let reply = ask(anna, &wrong).await;
        assert_eq!(
            (reply.status.as_u16(), reply.pointers()),
            (400, vec![pointer]),
            "{}",
            reply.body
        );
    }
}

#[tokio::test]
async fn scheduling_hears_what_an_appointment_costs_and_what_is_paid_before() {
    for (setting, prepayment) in [("none", 0), ("share", 3_000), ("full", 15_000)] {
        let hospital = Hospital::open_with(&[("billing.prepayment", setting)]).await;
        hospital.plan("p", json!([]), twenty()).await;
        hospital.price("CONSULTATION", None, "150.00").await;
        let patient = hospital.patient();
        hospital.insure(patient, "p", 'a');
        let ask = async |service_type: &str| {
            let asked = EstimateAppointmentRequest {
                patient_id: patient.to_string(),
                service_type: service_type.to_owned(),
                start: Some(to_wire(NOW.parse().expect("an instant"))),
                payment_mode: "INSURANCE".to_owned(),
                replaces_id: String::new(),
            };
            let prices = Prices(Arc::clone(&hospital.billing));
            let answer = prices.estimate_appointment(Request::new(asked)).await;
            answer.expect("an answer").into_inner()
        };
        let estimate = ask("CONSULTATION").await;
        assert!(!estimate.unpriced && estimate.currency == "EUR");
        let amounts = [
            estimate.price,
            estimate.patient,
            estimate.insurer,
            estimate.prepayment,
        ];
        assert_eq!(amounts, [15_000, 3_000, 12_000, prepayment]);
        let unpriced = ask("SURGERY").await;
        assert!(unpriced.unpriced);
        assert_eq!((unpriced.price, unpriced.prepayment), (0, 0));
    }
}

#[tokio::test]
async fn who_pays_alone_hears_the_price_whatever_the_patients_service_says() {
    let hospital = Hospital::open().await;
    hospital.price("CONSULTATION", None, "150.00").await;
    let unknown: PatientId = hospital.clock.id();
    let ask = async |mode: &str| {
        let asked = EstimateAppointmentRequest {
            patient_id: unknown.to_string(),
            service_type: "CONSULTATION".to_owned(),
            start: Some(to_wire(NOW.parse().expect("an instant"))),
            payment_mode: mode.to_owned(),
            replaces_id: String::new(),
        };
        let prices = Prices(Arc::clone(&hospital.billing));
        prices.estimate_appointment(Request::new(asked)).await
    };
    let alone = ask("SELF_PAY").await.expect("nobody else is asked");
    let alone = alone.into_inner();
    assert_eq!(
        (alone.price, alone.patient, alone.insurer),
        (15_000, 15_000, 0)
    );
    let insured = ask("INSURANCE")
        .await
        .expect_err("nobody knows who insures");
    assert_eq!(insured.code(), tonic::Code::NotFound);
}

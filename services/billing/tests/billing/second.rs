//! Two payers: what the first leaves over, the second is asked for before the patient is.

use galen_contracts::ids::PatientId;
use serde_json::{Value, json};

use crate::hospital::{Hospital, created, eur, text};
use crate::insured::{billing, entered, id, is_sound, pass, read, submit};

/// A patient with two policies, and an issued invoice of 150.00.
struct Twice {
    hospital: Hospital,
    first: String,
    second: String,
    invoice: String,
}

impl Twice {
    /// By the steps of both plans.
    async fn open(first: Value, second: Value) -> Self {
        let hospital = Hospital::open().await;
        let deductible =
            json!([{ "id": "ded", "kind": "DEDUCTIBLE", "period": "YEAR", "individual": 1_000 }]);
        let payers = (
            hospital.plan("first", json!([]), first).await,
            hospital.plan("second", deductible, second).await,
        );
        hospital.price("CONSULTATION", None, "150.00").await;
        let patient: PatientId = hospital.patient();
        hospital.insure(patient, "first", 'a');
        hospital.insure(patient, "second", 'b');
        let charge = json!({
            "patientId": patient, "serviceCode": "CONSULTATION", "paymentMode": "INSURANCE", "reason": "seen",
        });
        let clerk = billing(&hospital);
        let charge = created(clerk.post("/charges", charge).await);
        let draft = json!({ "patientId": patient, "chargeIds": [charge["id"]] });
        let invoice = text(&created(clerk.post("/invoices", draft).await), "id");
        let issue = format!("/invoices/{invoice}/issue");
        let issued = clerk.post(&issue, Value::Null).await;
        assert_eq!(issued.status, 200, "{}", issued.body);
        Self {
            hospital,
            first: payers.0,
            second: payers.1,
            invoice,
        }
    }

    async fn claims(&self) -> Vec<Value> {
        let path = format!("/claims?invoiceId={}", self.invoice);
        let found = billing(&self.hospital).get(&path).await.body;
        let mut claims = found["items"].as_array().expect("items").clone();
        claims.sort_by_key(|claim| claim["ordinal"].as_i64());
        claims
    }

    /// The first claim is submitted, and its payer says what it pays and what it leaves.
    async fn first_pays(&self, paid: &str, adjustments: &[(&str, &str, &str)]) {
        let claim = id(&self.claims().await[0]);
        submit(&self.hospital, claim).await;
        pass(&self.hospital, 0).await;
        let adjustments: Vec<Value> = adjustments
            .iter()
            .map(|(group, reason, amount)| json!({ "group": group, "reason": reason, "amount": eur(amount) }))
            .collect();
        let line = json!({ "sequence": 1, "paid": eur(paid), "adjustments": adjustments });
        let body = json!({
            "payerId": self.first, "trace": "CHECK-1", "paidOn": "2026-03-02", "amount": eur(paid),
            "claims": [{ "claimId": claim, "lines": [line] }],
        });
        let clerk = billing(&self.hospital);
        created(clerk.post("/remittances", body.clone()).await);
        created(clerk.post("/remittances", body).await);
    }

    /// What the patient owes, and what is asked of the second payer.
    async fn owed(&self) -> (String, Option<String>) {
        let path = format!("/invoices/{}", self.invoice);
        let invoice = billing(&self.hospital).get(&path).await.body;
        let second = self.claims().await.into_iter().nth(1);
        let amount = |money: &Value| text(money, "amount");
        (
            amount(&invoice["totals"]["patient"]),
            second.map(|claim| amount(&claim["outstanding"])),
        )
    }

    /// Minor units that are counted as the second plan's deductible.
    async fn counted(&self) -> i64 {
        sqlx::query_scalar(
            "select coalesce(sum(e.delta), 0)::bigint from posting p join accumulator_entry e on e.posting_id = p.id
             where p.plan_id = 'second' and p.reversed_at is null",
        )
        .fetch_one(self.hospital.db.pool())
        .await
        .expect("the database answers")
    }

    /// The second payer pays all that it is asked for.
    async fn second_pays(&self) {
        let claim = id(&self.claims().await[1]);
        submit(&self.hospital, claim).await;
        for _ in 0..30 {
            pass(&self.hospital, 5).await;
        }
        assert_eq!(read(&self.hospital, claim).await["status"], "CLOSED");
    }
}

fn coinsurance(percent: &str) -> Value {
    json!([{ "op": "COINSURANCE", "patient": percent }])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_leaves_the_second_pays_as_far_as_its_plan_does() {
    // After its deductible of 10.00 the second pays half of 140.00: 70.00 at most.
    let steps = json!([
        { "op": "DEDUCTIBLE", "accumulator": "ded" },
        { "op": "COINSURANCE", "patient": "50" },
    ]);
    let twice = Twice::open(coinsurance("20"), steps).await;
    assert_eq!(twice.owed().await, ("0.00".into(), Some("30.00".into())));
    let counted = twice.counted().await;
    // It pays 50.00 less than was expected.
    twice.first_pays("70.00", &[("PR", "2", "80.00")]).await;
    assert_eq!(twice.owed().await, ("10.00".into(), Some("70.00".into())));
    assert_eq!(twice.counted().await, counted, "counted once");
    let claim = &twice.claims().await[1];
    assert_eq!(claim["status"], "READY");
    is_sound(&twice.hospital).await;
    // 40.00 went from claim to claim, 10.00 to the patient.
    assert_eq!(
        entered(&twice.hospital, "RECEIVABLE", "RECEIVABLE").await,
        5_000
    );
    twice.second_pays().await;
    assert_eq!(entered(&twice.hospital, "BANK", "RECEIVABLE").await, 14_000);
    assert_eq!(twice.owed().await, ("10.00".into(), Some("0.00".into())));
    is_sound(&twice.hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_of_whom_nothing_was_expected_is_asked_when_the_first_leaves_something() {
    let twice = Twice::open(json!([]), json!([])).await;
    assert_eq!(twice.owed().await, ("0.00".into(), None));
    twice.first_pays("100.00", &[("PR", "1", "50.00")]).await;
    assert_eq!(twice.owed().await, ("0.00".into(), Some("50.00".into())));
    let second = &twice.claims().await[1];
    assert_eq!(second["payerId"], json!(twice.second));
    is_sound(&twice.hospital).await;
    twice.second_pays().await;
    is_sound(&twice.hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_denied_the_second_is_asked_for_when_nobody_insists() {
    let twice = Twice::open(coinsurance("20"), json!([])).await;
    let denied = [("CO", "16", "120.00"), ("PR", "2", "30.00")];
    twice.first_pays("0.00", &denied).await;
    assert_eq!(twice.owed().await, ("0.00".into(), Some("30.00".into())));
    let clerk = billing(&twice.hospital);
    let denials = clerk.get("/denials?status=OPEN").await.body;
    let path = format!("/denials/{}/resolve", text(&denials["items"][0], "id"));
    let upheld = clerk.post(&path, json!({ "resolution": "PATIENT" })).await;
    assert_eq!(upheld.status, 200, "{}", upheld.body);
    assert_eq!(twice.owed().await, ("0.00".into(), Some("150.00".into())));
    is_sound(&twice.hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_payer_that_was_asked_already_is_not_asked_for_more() {
    let twice = Twice::open(coinsurance("20"), json!([])).await;
    let denied = [("CO", "16", "120.00"), ("PR", "2", "30.00")];
    twice.first_pays("0.00", &denied).await;
    twice.second_pays().await;
    let clerk = billing(&twice.hospital);
    let denials = clerk.get("/denials?status=OPEN").await.body;
    let path = format!("/denials/{}/resolve", text(&denials["items"][0], "id"));
    let upheld = clerk.post(&path, json!({ "resolution": "PATIENT" })).await;
    assert_eq!(upheld.status, 200, "{}", upheld.body);
    assert_eq!(twice.owed().await, ("120.00".into(), Some("0.00".into())));
    is_sound(&twice.hospital).await;
}

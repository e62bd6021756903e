//! What payers have paid, told by people.

use serde_json::{Value, json};

use crate::hospital::{Hospital, created, eur};
use crate::insured::{Invoiced, Service, billing, entered, invoice, is_sound, pass, read, submit};

async fn submitted(hospital: &Hospital) -> Invoiced {
    let service = Service {
        code: "VISIT",
        written_off: 1_000,
        insured: vec![7_000],
        patient: 2_000,
    };
    let invoiced = invoice(hospital, &[service]).await;
    submit(hospital, invoiced.claims[0]).await;
    pass(hospital, 0).await;
    invoiced
}

fn remittance(invoiced: &Invoiced, paid: &str, adjustments: &[(&str, &str, &str)]) -> Value {
    let adjustments: Vec<Value> = adjustments
        .iter()
        .map(|(group, reason, amount)| json!({ "group": group, "reason": reason, "amount": eur(amount) }))
        .collect();
    json!({
        "payerId": invoiced.payers[0], "trace": "CHECK-1", "paidOn": "2026-03-02", "amount": eur(paid),
        "claims": [{ "claimId": invoiced.claims[0], "lines": [
            { "sequence": 1, "paid": eur(paid), "adjustments": adjustments },
        ] }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_remittance_is_posted_once() {
    let hospital = Hospital::open().await;
    let invoiced = submitted(&hospital).await;
    let body = remittance(
        &invoiced,
        "60.00",
        &[("CO", "45", "10.00"), ("PR", "1", "30.00")],
    );
    let clerk = billing(&hospital);
    let (a, b) = tokio::join!(
        clerk.post("/remittances", body.clone()),
        clerk.post("/remittances", body.clone())
    );
    let (a, b) = (created(a), created(b));
    assert_eq!(a, b);
    assert_eq!(created(clerk.post("/remittances", body.clone()).await), a);
    let mut other = body;
    other["paidOn"] = json!("2026-03-01");
    let refused = clerk.post("/remittances", other).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, Some("REMITTANCE_DIFFERS"))
    );

    // The payer leaves ten more to the patient than was expected.
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 6_000);
    assert_eq!(entered(&hospital, "RECEIVABLE", "RECEIVABLE").await, 1_000);
    assert_eq!(entered(&hospital, "WRITE_OFF", "RECEIVABLE").await, 0);
    let claim = read(&hospital, invoiced.claims[0]).await;
    assert_eq!(
        (&claim["status"], &claim["lines"][0]["leftOver"]),
        (&json!("CLOSED"), &eur("30.00"))
    );
    // The payer itself pays later: it is in the books already.
    for _ in 0..10 {
        pass(&hospital, 5).await;
    }
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 6_000);
    is_sound(&hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_add_up_is_refused_and_changes_nothing() {
    let hospital = Hospital::open().await;
    let invoiced = submitted(&hospital).await;
    let clerk = billing(&hospital);
    let good = remittance(
        &invoiced,
        "70.00",
        &[("CO", "45", "10.00"), ("PR", "3", "20.00")],
    );
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        body
    };
    let line = "/claims/0/lines/0";
    for (body, pointer) in [
        (with(&|b| b["amount"] = eur("71.00")), "/amount"),
        (
            remittance(&invoiced, "70.00", &[("CO", "45", "10.00")]),
            line,
        ),
        (
            with(&|b| b["claims"][0]["lines"][0]["sequence"] = json!(7)),
            line,
        ),
        (
            with(&|b| b["claims"][0]["claimId"] = json!(hospital.clock.uuid())),
            "/claims/0/claimId",
        ),
        (
            with(&|b| b["payerId"] = json!(hospital.clock.uuid())),
            "/claims/0/claimId",
        ),
        (with(&|b| b["paidOn"] = json!("2026-02-30")), "/paidOn"),
        (with(&|b| b["trace"] = json!("a b")), "/trace"),
        (with(&|b| b["claims"] = json!([])), "/claims"),
    ] {
        let reply = clerk.post("/remittances", body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.pointers()),
            (400, vec![pointer]),
            "{}",
            reply.body
        );
    }
    let much = remittance(
        &invoiced,
        "80.00",
        &[("CO", "45", "10.00"), ("PR", "3", "10.00")],
    );
    let reply = clerk.post("/remittances", much).await;
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, Some("MORE_THAN_ASKED"))
    );
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 0);
    assert_eq!(
        read(&hospital, invoiced.claims[0]).await["status"],
        "SUBMITTED"
    );
    created(clerk.post("/remittances", good).await);
    is_sound(&hospital).await;
}

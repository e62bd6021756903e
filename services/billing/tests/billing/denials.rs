//! What payers do not pay, and what becomes of it.

use serde_json::{Value, json};

use crate::hospital::{Hospital, eur};
use crate::insured::{
    Invoiced, Service, billing, entered, id, invoice, is_sound, read, resubmit, settle,
};

async fn denials(hospital: &Hospital) -> Vec<Value> {
    let reply = billing(hospital).get("/denials").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["items"].as_array().expect("items").clone()
}

/// One line is denied for want of a diagnosis, the other is paid.
async fn denied(hospital: &Hospital) -> Invoiced {
    let services = [
        Service::of("VISIT", 8_000, 2_000),
        Service::of("TEST", 3_000, 0),
    ];
    let invoiced = invoice(hospital, &services).await;
    let lines = json!([{ "sequence": 2, "diagnosisCode": "J45.9" }]);
    resubmit(hospital, invoiced.claims[0], &lines).await;
    settle(hospital).await;
    let body = read(hospital, invoiced.claims[0]).await;
    assert_eq!(body["status"], "POSTED");
    assert_eq!(body["outcome"], "PARTIALLY_PAID");
    invoiced
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_denied_is_corrected_and_paid() {
    let hospital = Hospital::open().await;
    let invoiced = denied(&hospital).await;
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 3_000);
    let open = denials(&hospital).await;
    assert_eq!(open.len(), 1);
    assert_eq!(
        (
            &open[0]["group"],
            &open[0]["reason"],
            &open[0]["amount"],
            &open[0]["status"]
        ),
        (&json!("CO"), &json!("16"), &eur("80.00"), &json!("OPEN"))
    );

    let lines = json!([{ "sequence": 1, "diagnosisCode": "J45.9" }]);
    let next = resubmit(&hospital, invoiced.claims[0], &lines).await;
    assert_eq!(
        (&next["frequency"], &next["replacesId"]),
        (&json!(7), &json!(invoiced.claims[0]))
    );
    assert_eq!(
        read(&hospital, invoiced.claims[0]).await["status"],
        "REPLACED"
    );
    assert_eq!(denials(&hospital).await[0]["status"], "WORKED");
    settle(&hospital).await;
    let body = read(&hospital, id(&next)).await;
    assert_eq!(
        (&body["status"], &body["received"]),
        (&json!("CLOSED"), &eur("110.00"))
    );
    assert_eq!(denials(&hospital).await[0]["status"], "OVERTURNED");
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 11_000);
    assert_eq!(entered(&hospital, "WRITE_OFF", "RECEIVABLE").await, 0);
    is_sound(&hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appeal_that_changes_nothing_leaves_the_denial_to_be_given_up() {
    for (resolution, debit) in [("WRITE_OFF", "WRITE_OFF"), ("PATIENT", "RECEIVABLE")] {
        let hospital = Hospital::open().await;
        let invoiced = denied(&hospital).await;
        let path = format!("/claims/{}/appeal", invoiced.claims[0]);
        let appealed = billing(&hospital).post(&path, json!(null)).await;
        assert_eq!(appealed.body["status"], "APPEALED", "{}", appealed.body);
        settle(&hospital).await;
        let open = denials(&hospital).await;
        assert_eq!((open.len(), &open[0]["status"]), (1, &json!("OPEN")));
        assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 3_000);

        let path = format!(
            "/denials/{}/resolve",
            open[0]["id"].as_str().expect("an id")
        );
        let wish = json!({ "resolution": resolution });
        let resolved = billing(&hospital).post(&path, wish.clone()).await;
        assert_eq!(resolved.body["status"], "UPHELD", "{}", resolved.body);
        assert_eq!(entered(&hospital, debit, "RECEIVABLE").await, 8_000);
        let again = billing(&hospital).post(&path, wish).await;
        assert_eq!(
            (again.status.as_u16(), again.code()),
            (409, Some("NOTHING_DENIED"))
        );
        assert_eq!(
            read(&hospital, invoiced.claims[0]).await["status"],
            "CLOSED"
        );
        is_sound(&hospital).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dear_service_needs_an_agreement_and_an_appeal_finds_it() {
    let hospital = Hospital::open().await;
    let invoiced = invoice(&hospital, &[Service::of("MRI", 150_000, 10_000)]).await;
    let claim = invoiced.claims[0];
    let lines = json!([{ "sequence": 1, "diagnosisCode": "G43.1" }]);
    resubmit(&hospital, claim, &lines).await;
    settle(&hospital).await;
    let body = read(&hospital, claim).await;
    assert_eq!(
        (&body["status"], &body["outcome"]),
        (&json!("POSTED"), &json!("DENIED"))
    );
    assert_eq!(denials(&hospital).await[0]["reason"], "197");

    let wish = json!({
        "patientId": invoiced.patient, "payerId": invoiced.payers[0], "serviceCode": "MRI",
        "quantity": 1, "validFrom": "2026-03-01", "validTo": "2026-03-31",
    });
    assert_eq!(
        billing(&hospital)
            .post("/pre-authorisations", wish)
            .await
            .status,
        201
    );
    settle(&hospital).await;
    let path = format!("/claims/{claim}/appeal");
    assert_eq!(
        billing(&hospital).post(&path, json!(null)).await.status,
        200
    );
    settle(&hospital).await;
    let body = read(&hospital, claim).await;
    assert_eq!(
        (&body["status"], &body["received"]),
        (&json!("CLOSED"), &eur("1500.00")),
        "{body}"
    );
    assert_eq!(denials(&hospital).await[0]["status"], "OVERTURNED");
    is_sound(&hospital).await;
}

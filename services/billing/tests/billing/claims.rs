//! Claims on their way to payers and back.

use galen_access::Role;
use galen_billing::claim;
use jiff::SignedDuration;
use serde_json::json;

use crate::hospital::{Hospital, eur};
use crate::insured::{
    Service, billing, entered, id, invoice, is_sound, pass, read, resubmit, settle, submit,
    work_until,
};

fn kinds(body: &serde_json::Value) -> Vec<&str> {
    let history = body["history"].as_array().expect("a history");
    history
        .iter()
        .filter_map(|event| event["kind"].as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_prepared_sent_decided_and_paid() {
    let hospital = Hospital::open().await;
    let invoiced = invoice(&hospital, &[Service::of("VISIT", 8_000, 2_000)]).await;
    let claim = invoiced.claims[0];
    let body = read(&hospital, claim).await;
    assert_eq!(body["status"], "READY");
    assert_eq!(body["findings"][0]["pointer"], "/lines/0/diagnosisCode");
    assert_eq!(body["fileBy"], "2026-05-30");

    submit(&hospital, claim).await;
    pass(&hospital, 0).await;
    assert_eq!(read(&hospital, claim).await["status"], "SUBMITTED");
    pass(&hospital, 5).await;
    assert_eq!(read(&hospital, claim).await["status"], "ACKNOWLEDGED");
    pass(&hospital, 5).await;
    assert_eq!(read(&hospital, claim).await["status"], "ADJUDICATED");
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 0);
    pass(&hospital, 10).await;
    let body = read(&hospital, claim).await;
    assert_eq!(
        (&body["status"], &body["outcome"]),
        (&json!("CLOSED"), &json!("PAID"))
    );
    assert_eq!(body["received"], eur("80.00"));
    assert_eq!(body["lines"][0]["answer"]["paid"], eur("80.00"));
    assert_eq!(body["lines"][0]["leftOver"], eur("20.00"));
    assert_eq!(
        kinds(&body),
        [
            "PREPARED",
            "SCRUBBED",
            "CORRECTED",
            "SCRUBBED",
            "SUBMITTED",
            "ACKNOWLEDGED",
            "ADJUDICATED",
            "POSTED"
        ]
    );
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 8_000);
    settle(&hospital).await;
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 8_000);
    let told = hospital.told(&claim.to_string()).await;
    assert_eq!(told.len(), 2, "{told:?}");
    is_sound(&hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_claim_is_looked_at_longer() {
    let hospital = Hospital::open_with(&[("billing.payer.review_above", "5000")]).await;
    let invoiced = invoice(&hospital, &[Service::of("VISIT", 8_000, 0)]).await;
    submit(&hospital, invoiced.claims[0]).await;
    pass(&hospital, 0).await;
    pass(&hospital, 12).await;
    assert_eq!(
        read(&hospital, invoiced.claims[0]).await["status"],
        "PENDED"
    );
    settle(&hospital).await;
    assert_eq!(
        read(&hospital, invoiced.claims[0]).await["status"],
        "CLOSED"
    );
    is_sound(&hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_payer_is_asked_when_the_first_has_answered() {
    let hospital = Hospital::open().await;
    let service = Service {
        code: "VISIT",
        written_off: 500,
        insured: vec![6_000, 1_500],
        patient: 2_000,
    };
    let invoiced = invoice(&hospital, &[service]).await;
    let (first, second) = (invoiced.claims[0], invoiced.claims[1]);
    assert_eq!(read(&hospital, second).await["status"], "DRAFT");
    let path = format!("/claims/{second}/submit");
    let early = billing(&hospital).post(&path, json!(null)).await;
    assert_eq!(
        (early.status.as_u16(), early.code()),
        (409, Some("CLAIM_STATUS"))
    );

    submit(&hospital, first).await;
    settle(&hospital).await;
    assert_eq!(read(&hospital, first).await["status"], "CLOSED");
    let body = read(&hospital, second).await;
    assert_eq!(body["status"], "READY");
    assert_eq!(body["lines"][0]["prior"], eur("65.00"));
    submit(&hospital, second).await;
    settle(&hospital).await;
    let body = read(&hospital, second).await;
    assert_eq!(
        (&body["status"], &body["received"]),
        (&json!("CLOSED"), &eur("15.00"))
    );
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 7_500);
    is_sound(&hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_the_payer_does_not_take_is_corrected_and_sent_again() {
    let hospital = Hospital::open().await;
    let invoiced = invoice(&hospital, &[Service::of("VISIT", 8_000, 0)]).await;
    let claim = invoiced.claims[0];
    let lines =
        json!([{ "sequence": 1, "diagnosisCode": "J45", "preAuthorisationNumber": "PA-NONE" }]);
    resubmit(&hospital, claim, &lines).await;
    settle(&hospital).await;
    let body = read(&hospital, claim).await;
    assert_eq!(body["status"], "REJECTED");
    assert_eq!(body["findings"][0]["code"], "UNKNOWN_TO_PAYER");

    let reply = billing(&hospital)
        .post(
            "/pre-authorisations",
            json!({
                "patientId": invoiced.patient, "payerId": invoiced.payers[0], "serviceCode": "VISIT",
                "quantity": 1, "validFrom": "2026-03-01", "validTo": "2026-03-31",
            }),
        )
        .await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    pass(&hospital, 1).await;
    let path = format!("/pre-authorisations?patientId={}", invoiced.patient);
    let agreed = billing(&hospital).get(&path).await.body["items"][0].clone();
    assert_eq!(agreed["status"], "APPROVED");
    let lines = json!([{ "sequence": 1, "preAuthorisationNumber": agreed["number"] }]);
    let again = resubmit(&hospital, claim, &lines).await;
    assert_eq!((id(&again), &again["frequency"]), (claim, &json!(1)));
    settle(&hospital).await;
    assert_eq!(read(&hospital, claim).await["status"], "CLOSED");

    // There was one unit.
    let more = invoice(&hospital, &[Service::of("VISIT", 8_000, 0)]).await;
    let path = format!("/claims/{}/resubmit", more.claims[0]);
    let reply = billing(&hospital)
        .post(&path, json!({ "lines": lines }))
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, Some("PRE_AUTHORISATION_EXHAUSTED"))
    );
    is_sound(&hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_withdrawn_is_claimed_again_once() {
    let hospital = Hospital::open().await;
    let invoiced = invoice(&hospital, &[Service::of("VISIT", 8_000, 0)]).await;
    let claim = invoiced.claims[0];
    let wish = json!({ "invoiceId": invoiced.invoice, "payerId": invoiced.payers[0] });
    let early = billing(&hospital).post("/claims", wish.clone()).await;
    assert_eq!(
        (early.status.as_u16(), early.code()),
        (409, Some("NOTHING_TO_CLAIM"))
    );
    submit(&hospital, claim).await;
    pass(&hospital, 5).await;
    let path = format!("/claims/{claim}/void");
    let voided = billing(&hospital).post(&path, json!({})).await;
    assert_eq!(voided.body["status"], "VOIDED", "{}", voided.body);
    settle(&hospital).await;
    assert_eq!(read(&hospital, claim).await["status"], "VOIDED");
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 0);

    let caller = billing(&hospital);
    let (a, b) = tokio::join!(
        caller.post("/claims", wish.clone()),
        caller.post("/claims", wish.clone())
    );
    let mut answers = [a.status.as_u16(), b.status.as_u16()];
    answers.sort_unstable();
    assert_eq!(answers, [201, 409], "{} {}", a.body, b.body);
    let again = if a.status == 201 { a } else { b };
    submit(&hospital, id(&again.body)).await;
    settle(&hospital).await;
    assert_eq!(read(&hospital, id(&again.body)).await["status"], "CLOSED");
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 8_000);
    is_sound(&hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_for_good_the_patient_owes() {
    let hospital = Hospital::open().await;
    let invoiced = invoice(&hospital, &[Service::of("VISIT", 8_000, 2_000)]).await;
    let path = format!("/claims/{}/void", invoiced.claims[0]);
    let reply = billing(&hospital)
        .post(&path, json!({ "resolution": "PATIENT" }))
        .await;
    assert_eq!(reply.body["outstanding"], eur("0.00"), "{}", reply.body);
    assert_eq!(entered(&hospital, "RECEIVABLE", "RECEIVABLE").await, 8_000);
    is_sound(&hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_get_lost_are_asked_for_again() {
    let hospital = Hospital::open_with(&[("billing.payer.lose_percent", "60")]).await;
    let invoiced = invoice(&hospital, &[Service::of("VISIT", 8_000, 0)]).await;
    let claim = invoiced.claims[0];
    submit(&hospital, claim).await;
    for _ in 0..400 {
        pass(&hospital, 60).await;
        if read(&hospital, claim).await["status"] == "CLOSED" {
            break;
        }
    }
    assert_eq!(read(&hospital, claim).await["status"], "CLOSED");
    assert_eq!(entered(&hospital, "BANK", "RECEIVABLE").await, 8_000);
    is_sound(&hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_ends_anywhere_is_taken_up_again() {
    let hospital = Hospital::open().await;
    let mut dropped = 0;
    for turns in 1..40 {
        let services = [
            Service::of("VISIT", 8_000, 500),
            Service::of("TEST", 3_000, 0),
        ];
        let invoiced = invoice(&hospital, &services).await;
        submit(&hospital, invoiced.claims[0]).await;
        for _ in 0..8 {
            hospital.clock.advance(SignedDuration::from_secs(5));
            dropped += u32::from(!work_until(&hospital, turns).await);
        }
        settle(&hospital).await;
        let body = read(&hospital, invoiced.claims[0]).await;
        assert_eq!(
            (&body["status"], &body["received"]),
            (&json!("CLOSED"), &eur("110.00")),
            "{turns}"
        );
        assert_eq!(
            entered(&hospital, "BANK", "RECEIVABLE").await,
            11_000 * i64::from(turns),
            "{turns}"
        );
        if dropped > 0 && turns > 20 {
            break;
        }
    }
    assert!(dropped > 20, "{dropped}");
    is_sound(&hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_for_an_answer_is_to_ask() {
    let hospital = Hospital::open_with(&[("billing.payer.acknowledge_seconds", "2592000")]).await;
    let invoiced = invoice(&hospital, &[Service::of("VISIT", 8_000, 0)]).await;
    submit(&hospital, invoiced.claims[0]).await;
    claim::work::follow_up(&hospital.billing)
        .await
        .expect("a database");
    let list = billing(&hospital).get("/claims?followUp=true").await;
    assert_eq!(list.body["items"], json!([]));
    hospital.clock.advance(SignedDuration::from_hours(24 * 31));
    claim::work::follow_up(&hospital.billing)
        .await
        .expect("a database");
    let list = billing(&hospital).get("/claims?followUp=true").await;
    assert_eq!(list.body["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_late_is_not_submitted() {
    let hospital = Hospital::open().await;
    let invoiced = invoice(&hospital, &[Service::of("VISIT", 8_000, 0)]).await;
    hospital.clock.advance(SignedDuration::from_hours(24 * 91));
    let path = format!("/claims/{}/submit", invoiced.claims[0]);
    let reply = billing(&hospital).post(&path, json!(null)).await;
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, Some("CLAIM_HAS_ERRORS"))
    );
    assert_eq!(reply.body["findings"][0]["pointer"], "/fileBy");
}

#[tokio::test(flavor = "multi_thread")]
async fn patients_see_their_own_claims_and_nobody_elses() {
    let hospital = Hospital::open().await;
    let invoiced = invoice(&hospital, &[Service::of("VISIT", 8_000, 0)]).await;
    let path = format!("/claims/{}", invoiced.claims[0]);
    let own = hospital.api.as_patient(invoiced.patient);
    assert_eq!(own.get(&path).await.status, 200);
    assert_eq!(
        own.get("/claims").await.body["items"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let other = hospital.api.as_patient(hospital.clock.id());
    assert_eq!(other.get(&path).await.status, 404);
    assert_eq!(other.get("/claims").await.body["items"], json!([]));
    let path = format!("/claims?patientId={}", invoiced.patient);
    assert_eq!(other.get(&path).await.status, 404);
    let doctor = hospital.api.as_role(Role::Doctor);
    assert_eq!(doctor.get("/claims").await.status, 403);
    assert_eq!(own.post("/claims", json!({})).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_cannot_be_changed() {
    let hospital = Hospital::open().await;
    invoice(&hospital, &[Service::of("VISIT", 8_000, 0)]).await;
    for sql in [
        "update claim_event set at = now()",
        "delete from claim_event",
    ] {
        let changed = sqlx::query(sql).execute(hospital.db.pool()).await;
        assert!(changed.is_err(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_in_the_order_in_which_they_were_made_whatever_their_ids_and_clocks_say() {
    let hospital = Hospital::open().await;
    let services = [
        Service::of("VISIT", 8_000, 2_000),
        Service::of("SCAN", 4_000, 0),
    ];
    let invoiced = invoice(&hospital, &services).await;
    let first = invoiced.claims[0];
    // Without a diagnosis the second line is denied.
    let known = json!([{ "sequence": 1, "diagnosisCode": "J45.9" }]);
    resubmit(&hospital, first, &known).await;
    settle(&hospital).await;
    let body = read(&hospital, first).await;
    assert_eq!(
        (&body["status"], &body["received"]),
        (&json!("POSTED"), &eur("80.00"))
    );
    // The machine that corrects it is an hour behind.
    hospital.clock.advance(SignedDuration::from_hours(-1));
    let second = id(&submit(&hospital, first).await);
    assert!(
        second.uuid() < first.uuid(),
        "made later, with an earlier id"
    );
    hospital.clock.advance(SignedDuration::from_hours(1));
    settle(&hospital).await;
    assert_eq!(read(&hospital, second).await["received"], eur("120.00"));
    is_sound(&hospital).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_of_one_instant_are_listed_by_what_took_the_place_of_what() {
    let hospital = Hospital::open().await;
    let invoiced = invoice(&hospital, &[Service::of("VISIT", 8_000, 2_000)]).await;
    let clerk = billing(&hospital);
    let mut made = vec![invoiced.claims[0].to_string()];
    for _ in 0..3 {
        let last = made.last().expect("one at least");
        let voided = clerk.post(&format!("/claims/{last}/void"), json!({})).await;
        assert_eq!(voided.status, 200, "{}", voided.body);
        let again = json!({ "invoiceId": invoiced.invoice, "payerId": invoiced.payers[0] });
        let again = clerk.post("/claims", again).await;
        assert_eq!(again.status, 201, "{}", again.body);
        made.push(id(&again.body).to_string());
    }
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/claims?invoiceId={}&limit=1{cursor}", invoiced.invoice);
        let page = clerk.get(&path).await.body;
        let items = page["items"].as_array().expect("items");
        listed.extend(items.iter().map(|item| id(item).to_string()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    made.reverse();
    assert_eq!(listed, made);
    let nonsense = clerk.get("/claims?cursor=bm9uc2Vuc2U").await;
    assert_eq!(
        (nonsense.status.as_u16(), nonsense.pointers()),
        (400, vec!["?cursor"])
    );
    is_sound(&hospital).await;
}

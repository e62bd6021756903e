//! Versions of plans, checked with their own examples.

use futures::future::join_all;
use galen_billing::plan::vector::{self, Vector};
use galen_billing::plan::{Plan, validate};
use galen_kernel::Violations;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::hospital::{Hospital, created, free, plan};

/// A plan that comes with the hospital.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Shipped {
    payer: Value,
    name: String,
    valid_from: String,
    plan: Plan,
    vectors: Vec<Vector>,
}

fn twenty() -> Value {
    json!({ "benefits": [{ "id": "all", "costShare": [{ "op": "COINSURANCE", "patient": "20" }] }] })
}

fn consultation(paid: i64, patient: i64) -> Value {
    json!({
        "policy": { "from": "2026-01-01", "birthDate": "1980-05-17" },
        "claim": { "lines": [{ "sequence": 1, "servedAt": "2026-03-02T10:00:00Z", "code": "CONSULTATION", "charge": 15000 }] },
        "expect": [{ "sequence": 1, "paid": paid, "patient": patient }],
    })
}

async fn registered(hospital: &Hospital) {
    let payer = hospital.payer("A").await;
    let body = json!({ "id": "p", "payerId": payer, "name": "P" });
    created(hospital.clerk().post("/plans", body).await);
}

#[test]
fn every_plan_that_comes_with_the_hospital_does_what_it_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/plans");
    let mut count = 0;
    for file in std::fs::read_dir(folder).expect("the plans").flatten() {
        let name = file.file_name().into_string().expect("a name");
        let text = std::fs::read_to_string(file.path()).expect("a plan");
        let shipped: Shipped =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(name, format!("{}.json", shipped.plan.id));
        assert!(
            !shipped.name.is_empty() && shipped.payer.is_object() && shipped.valid_from.len() == 10
        );
        assert_eq!(validate(&shipped.plan), [], "{name}");
        let mut wrong = Violations::new();
        vector::run(&shipped.plan, &shipped.vectors, &mut wrong);
        let found = wrong
            .finish()
            .map_or_else(|problem| problem.errors, |()| Vec::new());
        assert_eq!(found, [], "{name}");
        count += 1;
    }
    assert_eq!(count, 4);
}

#[tokio::test]
async fn a_version_is_published_once_and_in_force_until_the_next() {
    let hospital = Hospital::open().await;
    registered(&hospital).await;
    let clerk = hospital.clerk();
    let publish = |version, from: &str| json!({ "plan": plan("p", version, &twenty()), "validFrom": from, "vectors": [consultation(12_000, 3_000)] });
    let first = clerk
        .post("/plans/p/versions", publish(1, "2026-01-01"))
        .await;
    assert_eq!(first.header("location"), Some("/api/v1/plans/p/versions/1"));
    created(first);
    for (body, code) in [
        (publish(1, "2026-06-01"), "NOT_NEXT_VERSION"),
        (publish(3, "2026-06-01"), "NOT_NEXT_VERSION"),
        (publish(2, "2026-01-01"), "PLAN_VERSION_OVERLAP"),
        (publish(2, "2025-01-01"), "PLAN_VERSION_OVERLAP"),
    ] {
        let reply = clerk.post("/plans/p/versions", body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (409, Some(code)),
            "{}",
            reply.body
        );
    }
    created(
        clerk
            .post("/plans/p/versions", publish(2, "2026-06-01"))
            .await,
    );
    let one = clerk.get("/plans/p/versions/1").await.body;
    assert_eq!(
        (
            &one["validTo"],
            &one["plan"]["benefits"][0]["costShare"][0]["patient"]
        ),
        (&json!("2026-06-01"), &json!("20"))
    );
    let all = clerk.get("/plans/p/versions?limit=1").await.body;
    assert_eq!(
        (&all["items"][0]["version"], &all["items"][0]["validTo"]),
        (&json!(2), &Value::Null)
    );
    let cursor = all["nextCursor"].as_str().expect("more");
    let rest = clerk
        .get(&format!("/plans/p/versions?limit=1&cursor={cursor}"))
        .await
        .body;
    assert_eq!(
        (&rest["items"][0]["version"], &rest["items"][0]["validTo"]),
        (&json!(1), &json!("2026-06-01"))
    );
    assert_eq!(clerk.get("/plans/p").await.body["lastVersion"], 2);
    assert_eq!(clerk.get("/plans/p/versions/3").await.status, 404);
    assert_eq!(clerk.get("/plans/q/versions").await.status, 404);
    assert_eq!(
        hospital.told("p").await,
        ["galen.billing.plan-version-published.v1"; 2]
    );
    for sql in [
        "update plan_version set valid_from = '2030-01-01'",
        "delete from plan_version",
    ] {
        assert!(
            sqlx::query(sql).execute(hospital.db.pool()).await.is_err(),
            "{sql}"
        );
    }
    hospital.is_sound().await;
}

#[tokio::test]
async fn a_plan_that_fails_its_own_examples_is_not_published() {
    let hospital = Hospital::open().await;
    registered(&hospital).await;
    let clerk = hospital.clerk();
    let body = json!({
        "plan": plan("p", 1, &twenty()), "validFrom": "2026-01-01",
        "vectors": [consultation(12_000, 3_000), consultation(15_000, 0)],
    });
    let reply = clerk.post("/plans/p/versions", body).await;
    assert_eq!(
        reply.pointers(),
        ["/vectors/1/expect/0/paid", "/vectors/1/expect/0/patient"]
    );
    assert_eq!(reply.body["errors"][0]["code"], "VECTOR_FAILED");
    assert_eq!(
        reply.body["errors"][0]["message"],
        "line 1: expected 15000, got 12000"
    );
    assert_eq!(clerk.get("/plans/p").await.body["lastVersion"], Value::Null);
}

#[tokio::test]
async fn what_a_plan_may_not_say_is_pointed_at() {
    let hospital = Hospital::open().await;
    registered(&hospital).await;
    let clerk = hospital.clerk();
    let with = |parts: Value| json!({ "plan": plan("p", 1, &parts), "validFrom": "2026-01-01", "vectors": [free()] });
    let step = |step: Value| with(json!({ "benefits": [{ "id": "all", "costShare": [step] }] }));
    let mut other = with(twenty());
    other["plan"]["id"] = json!("q");
    let mut dollars = with(twenty());
    dollars["plan"]["currency"] = json!("USD");
    let mut silent = with(twenty());
    silent["vectors"] = json!([]);
    let mut ancient = with(twenty());
    ancient["vectors"][0]["claim"]["lines"][0]["servedAt"] = json!("-009999-01-02T00:00:00Z");
    for (body, pointer) in [
        (other, "/plan/id"),
        (dollars, "/plan/currency"),
        (silent, "/vectors"),
        (ancient, "/vectors/0/claim/lines/0/servedAt"),
        (with(json!({ "benefits": [] })), "/plan/benefits"),
        (
            step(json!({ "op": "DEDUCTIBLE", "accumulator": "nowhere" })),
            "/plan/benefits/0/costShare/0/accumulator",
        ),
        (
            step(json!({ "op": "COPAY", "amount": -1, "per": "LINE" })),
            "/plan/benefits/0/costShare/0/amount",
        ),
        (
            step(json!({ "op": "CAP", "amount": i64::MAX })),
            "/plan/benefits/0/costShare/0/amount",
        ),
        (
            step(json!({ "op": "COPAY", "amount": 1, "per": "LINE", "waivedin": [] })),
            "/plan/benefits/0/costShare/0",
        ),
        (
            step(json!({ "op": "COINSURANCE", "patient": "101" })),
            "/plan/benefits/0/costShare/0",
        ),
        (
            with(json!({ "benefits": [{ "id": "all", "match": { "colour": ["red"] } }] })),
            "/plan/benefits/0/match/colour",
        ),
    ] {
        let reply = clerk.post("/plans/p/versions", body).await;
        let found = reply.pointers();
        assert!(
            reply.status == 400 && found.len() == 1 && found[0].starts_with(pointer),
            "{pointer}: {}",
            reply.body
        );
    }
    let wrong = json!({ "id": "a/b", "payerId": hospital.payer("B").await, "name": " " });
    assert_eq!(
        clerk.post("/plans", wrong).await.pointers(),
        ["/id", "/name"]
    );
}

#[tokio::test]
async fn of_many_next_versions_at_once_one_is_published() {
    let hospital = Hospital::open().await;
    registered(&hospital).await;
    let clerk = hospital.clerk();
    let answers = join_all((1..=6).map(|day| {
        let body = json!({ "plan": plan("p", 1, &twenty()), "validFrom": format!("2026-01-0{day}"), "vectors": [free()] });
        let clerk = clerk.clone();
        async move { clerk.post("/plans/p/versions", body).await.status.as_u16() }
    }))
    .await;
    assert_eq!(
        answers.iter().filter(|status| **status == 201).count(),
        1,
        "{answers:?}"
    );
    assert!(
        answers.iter().all(|status| [201, 409].contains(status)),
        "{answers:?}"
    );
}

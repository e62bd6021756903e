//! The queue of likely duplicates.

use http::StatusCode;
use serde_json::{Value, json};

use crate::hospital::{Hospital, column, id, person, with};

async fn queue(hospital: &Hospital, status: &str) -> Value {
    let reply = hospital
        .desk()
        .get(&format!("/patients/duplicates?status={status}"))
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    reply.body["items"].clone()
}

/// Two records that are alike, and their pair in the queue.
async fn pair(hospital: &Hospital) -> (String, String, Value) {
    let a = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let b = hospital.somebody("Ana", "Schmitt", "1985-03-12").await;
    hospital.hear().await;
    let open = queue(hospital, "OPEN").await;
    assert_eq!(open.as_array().map(Vec::len), Some(1), "{open}");
    (a, b, open[0].clone())
}

#[tokio::test]
async fn alike_records_come_into_the_queue() {
    let hospital = Hospital::open().await;
    hospital.somebody("Joseph", "Kowalski", "1985-03-12").await;
    let (a, b, pair) = pair(&hospital).await;
    let records = [&pair["records"][0]["id"], &pair["records"][1]["id"]];
    assert!(records.contains(&&json!(a)) && records.contains(&&json!(b)));
    assert_eq!(pair["reasons"], json!(["SIMILAR_NAME", "SAME_BIRTH_DATE"]));
    assert_eq!(
        (&pair["status"], &pair["decidedBy"], &pair["version"]),
        (&json!("OPEN"), &Value::Null, &json!(1))
    );
    hospital.hear().await;
    assert_eq!(
        queue(&hospital, "OPEN").await[0],
        pair,
        "hearing it again changes nothing"
    );
}

#[tokio::test]
async fn a_change_finds_a_pair_and_loses_it() {
    let hospital = Hospital::open().await;
    let anna = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    hospital
        .somebody("Klara", "Baumgartner", "1999-09-09")
        .await;
    hospital.hear().await;
    assert_eq!(queue(&hospital, "OPEN").await, json!([]));
    let path = format!("/patients/{anna}");
    hospital
        .desk()
        .patch(
            &path,
            json!({ "givenName": "Clara", "familyName": "Baumgärtner", "birthDate": "1999-09-09" }),
        )
        .await;
    hospital.hear().await;
    let open = queue(&hospital, "OPEN").await;
    assert!(0.8 < open[0]["score"].as_f64().expect("a score"), "{open}");
    hospital
        .desk()
        .patch(
            &path,
            json!({ "birthDate": "1985-03-12", "givenName": "Anna" }),
        )
        .await;
    hospital.hear().await;
    assert_eq!(queue(&hospital, "OPEN").await, json!([]));
}

#[tokio::test]
async fn not_the_same_is_remembered() {
    let hospital = Hospital::open().await;
    let (a, _, pair) = pair(&hospital).await;
    let path = format!("/patients/duplicates/{}/dismiss", id(&pair));
    assert_eq!(
        hospital
            .desk()
            .if_match(9)
            .post(&path, json!({ "reason": "x" }))
            .await
            .status,
        StatusCode::PRECONDITION_FAILED
    );
    let reply = hospital
        .desk()
        .post(&path, json!({ "reason": "cousins" }))
        .await;
    assert_eq!(
        (
            reply.status,
            &reply.body["status"],
            &reply.body["decisionReason"]
        ),
        (StatusCode::OK, &json!("DISMISSED"), &json!("cousins"))
    );
    let again = hospital.desk().post(&path, json!({ "reason": "x" })).await;
    assert_eq!(
        (again.status, again.code()),
        (StatusCode::CONFLICT, Some("ALREADY_DECIDED"))
    );
    hospital
        .desk()
        .patch(
            &format!("/patients/{a}"),
            json!({ "familyName": "Schmitt" }),
        )
        .await;
    hospital.hear().await;
    assert_eq!(queue(&hospital, "OPEN").await, json!([]));
    assert_eq!(queue(&hospital, "DISMISSED").await[0], reply.body);
    let nothing = format!("/patients/duplicates/{}/dismiss", hospital.clock.uuid());
    assert_eq!(
        hospital
            .desk()
            .post(&nothing, json!({ "reason": "x" }))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        hospital.nurse().get("/patients/duplicates").await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_merge_settles_the_pair_and_its_undoing_is_remembered() {
    let hospital = Hospital::open().await;
    let (a, b, pair) = pair(&hospital).await;
    hospital.merge(&b, &a).await;
    assert_eq!(queue(&hospital, "OPEN").await, json!([]));
    assert_eq!(queue(&hospital, "MERGED").await[0]["id"], pair["id"]);
    hospital.unmerge(&b).await;
    hospital.hear().await;
    assert_eq!(queue(&hospital, "OPEN").await, json!([]));
    assert_eq!(
        queue(&hospital, "REVERTED").await[0]["decisionReason"],
        "twins"
    );
}

#[tokio::test]
async fn a_merged_record_leads_to_its_survivor() {
    let hospital = Hospital::open().await;
    let maiden = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let married = hospital.somebody("Anna", "Baumgartner", "1985-03-12").await;
    hospital.merge(&maiden, &married).await;
    let reply = hospital
        .desk()
        .post("/patients", person("Anna", "Schmidt", "1985-03-12"))
        .await;
    assert_eq!(reply.code(), Some("LIKELY_DUPLICATE"));
    assert_eq!(reply.body["candidates"][0]["id"], json!(married));
    assert_eq!(reply.body["candidates"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_queue_is_paged_by_likelihood() {
    let hospital = Hospital::open().await;
    for n in 0..4 {
        let phone = json!({ "phone": format!("030 555000{n}") });
        hospital
            .register(with(person("Anna", "Schmidt", "1985-03-12"), phone))
            .await;
    }
    hospital.hear().await;
    let mut seen = Vec::new();
    let mut scores = Vec::new();
    let mut next = String::new();
    loop {
        let page = hospital
            .desk()
            .get(&format!("/patients/duplicates?limit=2{next}"))
            .await
            .body;
        seen.extend(column(&page, "id"));
        scores.extend(
            page["items"]
                .as_array()
                .expect("items")
                .iter()
                .map(|pair| pair["score"].as_f64().expect("a score")),
        );
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 6, "every two of four");
    assert!(scores.is_sorted_by(|a, b| a >= b));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 6);
}

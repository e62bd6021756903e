//! Coverages, their validity and their order.

use futures::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use crate::hospital::{Hospital, column, id};

fn coverage(plan: &str, from: &str, to: Option<&str>, priority: i64) -> Value {
    json!({ "planId": plan, "policyNumber": "A-1", "validFrom": from, "validTo": to, "priority": priority })
}

#[tokio::test]
async fn coverages_are_listed_in_the_order_of_paying() {
    let hospital = Hospital::open().await;
    let path = format!(
        "/patients/{}/coverages",
        hospital.somebody("Anna", "Schmidt", "1985-03-12").await
    );
    for body in [
        coverage("late", "2026-01-01", None, 1),
        coverage("second", "2020-01-01", None, 2),
        coverage("early", "2020-01-01", Some("2026-01-01"), 1),
    ] {
        let reply = hospital.desk().post(&path, body).await;
        assert_eq!(
            (reply.status, reply.header("etag")),
            (StatusCode::CREATED, Some("\"1\"")),
            "{}",
            reply.body
        );
    }
    let plans = async |query: &str| {
        column(
            &hospital.desk().get(&format!("{path}?{query}")).await.body,
            "planId",
        )
    };
    assert_eq!(plans("").await, ["early", "late", "second"]);
    assert_eq!(plans("on=2025-12-31").await, ["early", "second"]);
    assert_eq!(
        plans("on=2026-01-01").await,
        ["late", "second"],
        "the end is not covered"
    );
    assert_eq!(plans("on=1999-01-01").await, Vec::<String>::new());
    assert_eq!(hospital.published("coverage-changed").await.len(), 3);

    let page = hospital.desk().get(&format!("{path}?limit=2")).await.body;
    assert_eq!(column(&page, "planId"), ["early", "late"]);
    let rest = hospital
        .desk()
        .get(&format!(
            "{path}?limit=2&cursor={}",
            page["nextCursor"].as_str().expect("more")
        ))
        .await
        .body;
    assert_eq!(
        (column(&rest, "planId"), &rest["nextCursor"]),
        (vec!["second".to_owned()], &Value::Null)
    );
    hospital.is_sound().await;
}

#[tokio::test]
async fn two_cannot_pay_first_at_the_same_time() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let path = format!("/patients/{patient}/coverages");
    let first = hospital
        .desk()
        .post(&path, coverage("a", "2020-01-01", Some("2026-01-01"), 1))
        .await;
    for (from, to) in [
        ("2025-12-31", None),
        ("2019-01-01", Some("2020-01-02")),
        ("2019-01-01", None),
        ("2022-01-01", Some("2022-01-02")),
    ] {
        let reply = hospital
            .desk()
            .post(&path, coverage("b", from, to, 1))
            .await;
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::CONFLICT, Some("COVERAGE_OVERLAP")),
            "{from}"
        );
    }
    assert_eq!(
        hospital
            .desk()
            .post(&path, coverage("b", "2026-01-01", None, 1))
            .await
            .status,
        StatusCode::CREATED
    );
    assert_eq!(
        hospital
            .desk()
            .post(&path, coverage("c", "2019-01-01", Some("2020-01-01"), 1))
            .await
            .status,
        StatusCode::CREATED
    );
    let longer = hospital
        .desk()
        .patch(
            &format!("{path}/{}", id(&first.body)),
            json!({ "validTo": null }),
        )
        .await;
    assert_eq!(
        (longer.status, longer.code()),
        (StatusCode::CONFLICT, Some("COVERAGE_OVERLAP"))
    );

    let both = json!([
        coverage("a", "2020-01-01", None, 1),
        coverage("b", "2021-01-01", None, 1)
    ]);
    let person = json!({ "givenName": "Karl", "familyName": "Kowalski", "birthDate": "1970-01-01", "sex": "MALE", "coverages": both });
    let reply = hospital.desk().post("/patients", person).await;
    assert_eq!(
        (reply.status, reply.code()),
        (StatusCode::CONFLICT, Some("COVERAGE_OVERLAP"))
    );
    assert_eq!(
        hospital.desk().get("/patients?query=kowalski").await.body["items"],
        json!([]),
        "nothing of it remains"
    );
}

#[tokio::test]
async fn of_many_first_payers_at_once_one_is_recorded() {
    let hospital = Hospital::open().await;
    let path = format!(
        "/patients/{}/coverages",
        hospital.somebody("Anna", "Schmidt", "1985-03-12").await
    );
    let desk = hospital.desk();
    for year in 2000..2010 {
        let replies = join_all((0..6).map(|n| {
            desk.post(
                &path,
                coverage(
                    &format!("p{n}"),
                    &format!("{year}-01-01"),
                    Some(&format!("{}-01-01", year + 1)),
                    1,
                ),
            )
        }))
        .await;
        assert_eq!(
            replies
                .iter()
                .filter(|reply| reply.status == StatusCode::CREATED)
                .count(),
            1
        );
        assert_eq!(
            replies
                .iter()
                .filter(|reply| reply.code() == Some("COVERAGE_OVERLAP"))
                .count(),
            5
        );
    }
    hospital.is_sound().await;
}

#[tokio::test]
async fn a_coverage_is_ended_corrected_and_taken_back() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let path = format!("/patients/{patient}/coverages");
    let added = hospital
        .desk()
        .post(&path, coverage("a", "2020-01-01", None, 1))
        .await
        .body;
    let one = format!("{path}/{}", id(&added));
    let ended = hospital
        .desk()
        .if_match(1)
        .patch(
            &one,
            json!({ "validTo": "2026-07-01", "payerName": "Aetna" }),
        )
        .await;
    assert_eq!(
        (
            ended.status,
            &ended.body["validTo"],
            &ended.body["payerName"]
        ),
        (StatusCode::OK, &json!("2026-07-01"), &json!("Aetna"))
    );
    assert_eq!(
        hospital
            .desk()
            .if_match(1)
            .patch(&one, json!({ "validTo": null }))
            .await
            .status,
        StatusCode::PRECONDITION_FAILED
    );
    let same = hospital
        .desk()
        .patch(&one, json!({ "validTo": "2026-07-01" }))
        .await;
    assert_eq!(same.body, ended.body);
    for (wrong, pointer) in [
        (json!({ "validTo": "2019-12-31" }), "/validTo"),
        (json!({ "priority": null }), "/priority"),
        (json!({ "priority": 100 }), "/priority"),
        (json!({ "policyNumber": null }), "/policyNumber"),
        (json!({ "planId": "b" }), "/planId"),
    ] {
        let reply = hospital.desk().patch(&one, wrong).await;
        assert_eq!(
            (reply.status, reply.pointers()),
            (StatusCode::BAD_REQUEST, vec![pointer])
        );
    }
    let taken_back = hospital
        .desk()
        .patch(&one, json!({ "validTo": "2020-01-01" }))
        .await;
    assert_eq!(taken_back.status, StatusCode::OK, "it never was");
    assert_eq!(
        hospital
            .desk()
            .post(&path, coverage("b", "2020-01-01", None, 1))
            .await
            .status,
        StatusCode::CREATED
    );

    let other = hospital.somebody("Karl", "Kowalski", "1970-01-01").await;
    let strange = hospital
        .desk()
        .patch(
            &format!("/patients/{other}/coverages/{}", id(&added)),
            json!({}),
        )
        .await;
    assert_eq!(strange.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn forged_cursors_are_refused() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let id = hospital.clock.uuid();
    for (path, cursor) in [
        (
            "coverages",
            galen_kernel::Cursor::encode(&(1, "-009999-01-01", id)),
        ),
        (
            "notes",
            galen_kernel::Cursor::encode(&("-009999-01-02T01:59:59Z", id)),
        ),
        (
            "timeline",
            galen_kernel::Cursor::encode(&("-009999-01-02T01:59:59Z", id)),
        ),
    ] {
        let caller = if path == "coverages" {
            hospital.desk()
        } else {
            hospital.nurse()
        };
        let reply = caller
            .get(&format!("/patients/{patient}/{path}?cursor={cursor}"))
            .await;
        assert_eq!(
            (reply.status, reply.pointers()),
            (StatusCode::BAD_REQUEST, vec!["?cursor"]),
            "{path}"
        );
    }
}

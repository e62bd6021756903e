//! The checks of `galen verify`, and the document of the API.

use std::collections::HashSet;

use galen_service::{Service as _, StartError, testing};
use galen_staff::Staff;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor as _};

use crate::hospital::Hospital;

async fn wrong(hospital: &Hospital, check: &str) -> Vec<String> {
    let check = Staff::checks()
        .iter()
        .find(|known| known.name.contains(check))
        .expect("the check is known");
    sqlx::query_scalar(check.sql)
        .fetch_all(hospital.db.pool())
        .await
        .expect("the check can be run")
}

#[tokio::test]
async fn checks_pass_on_a_working_hospital() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let admin = hospital.admin();
    let body = json!({ "weekdays": ["MON"], "startTime": "08:00", "endTime": "16:00", "kind": "CLINIC", "validFrom": "2025-03-01" });
    let pattern = admin
        .post(&format!("/practitioners/{id}/shift-patterns"), body)
        .await;
    hospital
        .clinic(&id, "2025-03-04T08:00:00Z", "2025-03-04T16:00:00Z")
        .await;
    let leave = hospital
        .leave(&id, "2025-03-10T00:00:00Z", "2025-03-11T00:00:00Z")
        .await;
    admin
        .post(
            &format!("/practitioners/{id}/leaves/{leave}/approve"),
            Value::Null,
        )
        .await;
    admin
        .delete(&format!(
            "/practitioners/{id}/shift-patterns/{}",
            pattern.body["id"].as_str().expect("an id")
        ))
        .await;
    for check in Staff::checks() {
        assert_eq!(
            wrong(&hospital, check.name).await,
            Vec::<String>::new(),
            "{}",
            check.name
        );
    }
}

/// What no command can do is done behind the constraints' back.
#[tokio::test]
async fn checks_find_what_is_wrong() {
    for (check, damage) in [
        (
            "two shifts",
            "alter table shift drop constraint shift_overlap;
             insert into shift (id, practitioner_id, kind, start_at, end_at, planned_at)
             select gen_random_uuid(), practitioner_id, 'SURGERY', start_at, end_at, now() from shift",
        ),
        (
            "two active leaves",
            "alter table leave_request drop constraint leave_overlap;
             insert into leave_request (id, practitioner_id, kind, start_at, end_at, status, requested_by, requested_at)
             select gen_random_uuid(), practitioner_id, 'SICK', start_at, end_at, status, requested_by, now() from leave_request",
        ),
        (
            "has a practitioner",
            "alter table shift drop constraint shift_practitioner_id_fkey;
             update shift set practitioner_id = gen_random_uuid()",
        ),
        (
            "belongs to its practitioner",
            "alter table shift drop constraint shift_of_pattern;
             update shift set pattern_id = gen_random_uuid(), pattern_date = '2025-03-04'",
        ),
        (
            "an ended pattern",
            "insert into shift_pattern (id, practitioner_id, weekdays, start_time, end_time, kind, valid_from, weeks_interval, planned_until, ended_at, created_at)
             select gen_random_uuid(), practitioner_id, '{2}', '08:00', '16:00', 'CLINIC', '2025-01-01', 1, '2025-06-01', '2025-01-02', now() from shift;
             update shift set pattern_id = (select id from shift_pattern), pattern_date = '2025-03-04'",
        ),
        (
            "who decided",
            "alter table leave_request drop constraint leave_decided;
             update leave_request set status = 'APPROVED'",
        ),
    ] {
        let hospital = Hospital::open().await;
        let id = hospital.practitioner("Yılmaz").await;
        hospital.clinic(&id, "2025-03-04T08:00:00Z", "2025-03-04T16:00:00Z").await;
        hospital.leave(&id, "2025-03-10T00:00:00Z", "2025-03-11T00:00:00Z").await;
        assert_eq!(wrong(&hospital, check).await, Vec::<String>::new());
        hospital.db.pool().execute(AssertSqlSafe(damage)).await.expect("the owner may do anything");
        assert_eq!(wrong(&hospital, check).await.len(), 1, "{check}");
    }
}

#[tokio::test]
async fn the_document_is_whole() {
    let hospital = Hospital::open().await;
    let (_, document) = hospital.staff.rest().split_for_parts();
    let document = serde_json::to_value(document).expect("a document is data");
    let mut names = HashSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let name = operation["operationId"]
                .as_str()
                .expect("every operation has a name");
            assert!(names.insert(name), "{name} twice, at {method} {path}");
            assert_eq!(operation["tags"], json!(["staff"]), "{name}");
        }
    }
    assert_eq!(names.len(), 21);

    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
}

fn collect_references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members
                .values()
                .for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn a_wrong_horizon_stops_the_start_with_its_name() {
    let hospital = Hospital::open().await;
    for horizon in ["0", "731", "far", "-1"] {
        let settings = [("staff.horizon_days".to_owned(), horizon.to_owned())].into();
        let platform = galen_service::Platform {
            config: galen_service::Config::from_values(settings),
            ..testing::platform(
                hospital.db.clone(),
                hospital.clock.clone(),
                galen_service::Peers::default(),
            )
        };
        let Err(StartError::Config(error)) = Staff::start(platform).await else {
            panic!("{horizon} was accepted")
        };
        assert!(error.to_string().contains("staff.horizon_days"), "{error}");
    }
}

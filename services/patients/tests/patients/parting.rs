//! Parting merged records: exactly what was before.

use http::StatusCode;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::hospital::{Hospital, column, full_record, id};

/// Everything the API says about a record, without the versions that count changes.
async fn everything(hospital: &Hospital, patient: &str) -> Vec<Value> {
    let mut said = Vec::new();
    for part in [
        "",
        "/coverages",
        "/allergies?history=true",
        "/conditions",
        "/notes?history=true",
        "/vitals",
        "/timeline?limit=200",
    ] {
        let caller = if part.is_empty() || part == "/coverages" {
            hospital.desk()
        } else {
            hospital.nurse()
        };
        let mut body = caller.get(&format!("/patients/{patient}{part}")).await.body;
        forget_versions(&mut body);
        if part.starts_with("/timeline") {
            // That it happened stays told.
            body["items"]
                .as_array_mut()
                .expect("items")
                .retain(|item| item["kind"] != "MERGE" && item["kind"] != "UNMERGE");
        }
        said.push(body);
    }
    said
}

fn forget_versions(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("version");
            members.values_mut().for_each(forget_versions);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_versions),
        _ => {}
    }
}

#[tokio::test]
async fn parting_restores_exactly_what_was() {
    let hospital = Hospital::open().await;
    let (a, b) = (
        full_record(&hospital, "Ana", "1985-03-12").await,
        full_record(&hospital, "Anna", "1985-03-21").await,
    );
    let before = (
        everything(&hospital, &a).await,
        everything(&hospital, &b).await,
    );
    for round in 1..=3 {
        assert_eq!(hospital.merge(&a, &b).await.status, StatusCode::OK);
        let note = column(
            &hospital
                .nurse()
                .get(&format!("/patients/{a}/notes"))
                .await
                .body,
            "id",
        )
        .remove(0);
        if round == 1 {
            // An amendment made under the survivor is the survivor's.
            let amended = hospital
                .nurse()
                .post(
                    &format!("/patients/{b}/notes"),
                    json!({ "text": "x", "amends": note }),
                )
                .await;
            assert_eq!(amended.status, StatusCode::CREATED, "{}", amended.body);
            let standing = column(
                &hospital
                    .nurse()
                    .get(&format!("/patients/{b}/notes"))
                    .await
                    .body,
                "id",
            );
            assert!(!standing.contains(&note));
            let undone = hospital
                .nurse()
                .post(
                    &format!("/patients/{b}/notes/{}/entered-in-error", id(&amended.body)),
                    json!({ "reason": "x" }),
                )
                .await;
            assert_eq!(undone.status, StatusCode::OK);
        }
        assert_eq!(hospital.unmerge(&a).await.status, StatusCode::OK);
        assert_eq!(everything(&hospital, &a).await, before.0);
        if round > 1 {
            continue;
        }
        let mut now = everything(&hospital, &b).await;
        let notes = now[4]["items"].as_array_mut().expect("items");
        notes.retain(|note| note["enteredInError"].is_null());
        assert_eq!(now, before.1);
    }
    assert_eq!(hospital.published("patients-unmerged").await.len(), 3);
    hospital.is_sound().await;
}

#[tokio::test]
async fn an_amendment_under_the_survivor_does_not_hide_the_note_after_parting() {
    let hospital = Hospital::open().await;
    let (a, b) = (
        full_record(&hospital, "Ana", "1985-03-12").await,
        hospital.somebody("Anna", "Schmidt", "1985-03-21").await,
    );
    let note = column(
        &hospital
            .nurse()
            .get(&format!("/patients/{a}/notes"))
            .await
            .body,
        "id",
    )
    .remove(0);
    hospital.merge(&a, &b).await;
    let amendment = json!({ "text": "corrected", "amends": note });
    assert_eq!(
        hospital
            .nurse()
            .post(&format!("/patients/{b}/notes"), amendment)
            .await
            .status,
        StatusCode::CREATED
    );
    hospital.unmerge(&a).await;
    assert_eq!(
        column(
            &hospital
                .nurse()
                .get(&format!("/patients/{a}/notes"))
                .await
                .body,
            "text"
        ),
        ["Ana"]
    );
    assert_eq!(
        column(
            &hospital
                .nurse()
                .get(&format!("/patients/{b}/notes"))
                .await
                .body,
            "text"
        ),
        ["corrected"]
    );
}

#[tokio::test]
async fn chains_lead_to_their_end() {
    let hospital = Hospital::open().await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(full_record(&hospital, &format!("Person{n}"), &format!("19{n}5-03-12")).await);
    }
    let [a, b, c, d] = [&ids[0], &ids[1], &ids[2], &ids[3]];
    let before = everything(&hospital, a).await;
    hospital.merge(a, b).await;
    hospital.merge(b, c).await;
    hospital.merge(c, d).await;
    assert_eq!(hospital.read(a).await["mergedIntoId"], json!(d));
    assert_eq!(
        hospital.read(d).await["retiredMrns"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    let mrn = hospital.read(a).await["mrn"]
        .as_str()
        .expect("a number")
        .to_owned();
    assert_eq!(
        column(
            &hospital
                .desk()
                .get(&format!("/patients?mrn={mrn}"))
                .await
                .body,
            "id"
        ),
        [d.as_str()]
    );
    assert_eq!(
        column(
            &hospital
                .nurse()
                .get(&format!("/patients/{d}/notes"))
                .await
                .body,
            "id"
        )
        .len(),
        4
    );

    hospital.unmerge(b).await;
    assert_eq!(hospital.read(a).await["mergedIntoId"], json!(b));
    assert_eq!(
        column(
            &hospital
                .nurse()
                .get(&format!("/patients/{d}/notes"))
                .await
                .body,
            "id"
        )
        .len(),
        2
    );
    hospital.unmerge(a).await;
    assert_eq!(everything(&hospital, a).await, before);
    hospital.is_sound().await;
}

/// Whatever is merged and parted in whatever order, after parting everything is as it
/// was, and on the way every invariant holds.
#[test]
fn any_order_of_merging_and_parting_is_undone() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (hospital, ids, before) = runtime.block_on(async {
        let hospital = Hospital::open().await;
        let mut ids = Vec::new();
        for n in 0..4 {
            ids.push(full_record(&hospital, &format!("Person{n}"), &format!("19{n}5-03-12")).await);
        }
        let mut before = Vec::new();
        for id in &ids {
            before.push(everything(&hospital, id).await);
        }
        (hospital, ids, before)
    });
    let steps = prop::collection::vec((any::<bool>(), 0_usize..4, 0_usize..4), 1..12);
    let mut runner = TestRunner::new(Config {
        cases: 8,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&steps, |steps| {
            runtime.block_on(async {
                for (merge, a, b) in steps {
                    if merge {
                        hospital.merge(&ids[a], &ids[b]).await;
                    } else {
                        hospital.unmerge(&ids[a]).await;
                    }
                }
                hospital.is_sound().await;
                for id in &ids {
                    hospital.unmerge(id).await;
                }
                for (id, before) in ids.iter().zip(&before) {
                    prop_assert_eq!(&everything(&hospital, id).await, before);
                }
                Ok(())
            })
        })
        .expect("parting restores");
}

//! Merging records and parting them again.

use futures::future::join_all;
use galen_access::Role;
use http::StatusCode;
use serde_json::json;

use crate::hospital::{Hospital, column, full_record, id};

#[tokio::test]
async fn a_merged_record_is_shown_under_the_survivor() {
    let hospital = Hospital::open().await;
    let (a, b) = (
        full_record(&hospital, "Ana", "1985-03-12").await,
        full_record(&hospital, "Anna", "1985-03-21").await,
    );
    let (mrn_a, mrn_b) = (
        hospital.read(&a).await["mrn"].clone(),
        hospital.read(&b).await["mrn"].clone(),
    );
    let reply = hospital.merge(&a, &b).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert_eq!(
        (
            &reply.body["status"],
            &reply.body["mergedIntoId"],
            &reply.body["mrn"]
        ),
        (&json!("MERGED"), &json!(b), &mrn_a)
    );
    assert_eq!(hospital.read(&a).await, reply.body);
    let survivor = hospital.read(&b).await;
    assert_eq!(
        (
            &survivor["status"],
            &survivor["retiredMrns"],
            &survivor["mrn"]
        ),
        (&json!("ACTIVE"), &json!([mrn_a]), &mrn_b)
    );

    for part in ["coverages", "allergies", "conditions", "notes", "vitals"] {
        let caller = if part == "coverages" {
            hospital.desk()
        } else {
            hospital.nurse()
        };
        let both = column(
            &caller.get(&format!("/patients/{b}/{part}")).await.body,
            "patientId",
        );
        assert!(both.contains(&a) && both.contains(&b), "{part}: {both:?}");
        let own = column(
            &caller.get(&format!("/patients/{a}/{part}")).await.body,
            "patientId",
        );
        assert_eq!(own, [a.as_str()], "{part}");
    }
    let kinds = column(
        &hospital
            .nurse()
            .get(&format!("/patients/{b}/timeline"))
            .await
            .body,
        "kind",
    );
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "REGISTRATION").count(),
        2
    );
    assert_eq!(kinds.iter().filter(|kind| *kind == "MERGE").count(), 1);

    let said = hospital.published("patients-merged").await;
    assert_eq!(said.len(), 1);
    assert_eq!(
        (&said[0]["survivorId"], &said[0]["retiredId"]),
        (&json!(b), &json!(a))
    );
    hospital.is_sound().await;
}

#[tokio::test]
async fn a_retired_record_takes_no_changes() {
    let hospital = Hospital::open().await;
    let (a, b) = (
        full_record(&hospital, "Ana", "1985-03-12").await,
        hospital.somebody("Anna", "Schmidt", "1985-03-21").await,
    );
    let coverage = column(
        &hospital
            .desk()
            .get(&format!("/patients/{a}/coverages"))
            .await
            .body,
        "id",
    )
    .remove(0);
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
    let refused = [
        hospital.desk().patch(&format!("/patients/{a}"), json!({ "language": "de" })).await,
        hospital.desk().post(&format!("/patients/{a}/deactivate"), json!({ "reason": "x" })).await,
        hospital.desk().post(&format!("/patients/{a}/coverages"), json!({ "planId": "x", "policyNumber": "1", "validFrom": "2030-01-01", "priority": 7 })).await,
        hospital.desk().patch(&format!("/patients/{a}/coverages/{coverage}"), json!({ "validTo": "2027-01-01" })).await,
        hospital.nurse().post(&format!("/patients/{a}/notes"), json!({ "text": "x" })).await,
        hospital.nurse().post(&format!("/patients/{a}/notes/{note}/entered-in-error"), json!({ "reason": "x" })).await,
    ];
    for reply in refused {
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::CONFLICT, Some("PATIENT_MERGED")),
            "{}",
            reply.body
        );
        assert_eq!(reply.body["mergedIntoId"], json!(b));
    }
    // Through the survivor what belongs to the retired record can still be put right.
    let ended = hospital
        .desk()
        .patch(
            &format!("/patients/{b}/coverages/{coverage}"),
            json!({ "validTo": "2027-01-01" }),
        )
        .await;
    assert_eq!(
        (ended.status, &ended.body["patientId"]),
        (StatusCode::OK, &json!(a))
    );
    let marked = hospital
        .nurse()
        .post(
            &format!("/patients/{b}/notes/{note}/entered-in-error"),
            json!({ "reason": "x" }),
        )
        .await;
    assert_eq!(marked.status, StatusCode::OK);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let hospital = Hospital::open().await;
    let [a, b, c] = [
        ("Ana", "1985-03-12"),
        ("Anna", "1986-03-12"),
        ("Hanna", "1987-03-12"),
    ];
    let a = hospital.somebody(a.0, "Schmidt", a.1).await;
    let b = hospital.somebody(b.0, "Schmidt", b.1).await;
    let c = hospital.somebody(c.0, "Schmidt", c.1).await;
    let code = async |retired: &str, into: &str| {
        let reply = hospital.merge(retired, into).await;
        assert_eq!(reply.status, StatusCode::CONFLICT);
        reply.code().expect("a code").to_owned()
    };
    assert_eq!(code(&a, &a).await, "MERGE_CYCLE");
    assert_eq!(hospital.unmerge(&a).await.code(), Some("NOT_MERGED"));
    hospital.merge(&a, &b).await;
    assert_eq!(code(&a, &b).await, "ALREADY_MERGED");
    assert_eq!(code(&a, &c).await, "ALREADY_MERGED");
    assert_eq!(code(&b, &a).await, "MERGE_CYCLE");
    assert_eq!(code(&c, &a).await, "MERGE_TARGET_MERGED");
    hospital
        .desk()
        .post(
            &format!("/patients/{c}/deactivate"),
            json!({ "reason": "moved" }),
        )
        .await;
    assert_eq!(code(&b, &c).await, "MERGE_TARGET_INACTIVE");
    assert_eq!(code(&c, &b).await, "PATIENT_INACTIVE");
    let nobody = hospital.clock.uuid().to_string();
    assert_eq!(
        hospital.merge(&b, &nobody).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        hospital.merge(&nobody, &b).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        hospital.unmerge(&nobody).await.status,
        StatusCode::NOT_FOUND
    );
    let desk = hospital.desk();
    for wrong in [
        json!({ "intoId": b }),
        json!({ "intoId": "x", "reason": "x" }),
        json!({ "intoId": b, "reason": " " }),
    ] {
        assert_eq!(
            desk.post(&format!("/patients/{a}/merge"), wrong)
                .await
                .status,
            StatusCode::BAD_REQUEST
        );
    }
    let stale = desk
        .if_match(1)
        .post(&format!("/patients/{a}/unmerge"), json!({ "reason": "x" }))
        .await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let reply = hospital
        .api
        .as_role(Role::Doctor)
        .post(
            &format!("/patients/{b}/merge"),
            json!({ "intoId": c, "reason": "x" }),
        )
        .await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
}

/// A hundred times, two clerks merge the same record at once: into each other's
/// survivor, into the same one, or crosswise. One of them does.
#[tokio::test]
async fn of_two_merges_at_once_one_wins() {
    let hospital = Hospital::open().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(
            hospital
                .somebody("Anna", &format!("Schmidt{n}"), &format!("19{n}5-03-12"))
                .await,
        );
    }
    let [a, b, c] = [&ids[0], &ids[1], &ids[2]];
    for round in 0..100 {
        let (first, second) = match round % 3 {
            0 => ((a, b), (a, b)),
            1 => ((a, b), (a, c)),
            _ => ((a, b), (b, a)),
        };
        let replies = join_all([
            hospital.merge(first.0, first.1),
            hospital.merge(second.0, second.1),
        ])
        .await;
        let won: Vec<_> = replies
            .iter()
            .filter(|reply| reply.status == StatusCode::OK)
            .collect();
        assert_eq!(won.len(), 1, "round {round}");
        let lost = replies
            .iter()
            .find(|reply| reply.status != StatusCode::OK)
            .and_then(|reply| reply.code());
        assert!(
            matches!(lost, Some("ALREADY_MERGED" | "MERGE_CYCLE")),
            "{lost:?}"
        );
        let undone = join_all([
            hospital.unmerge(&id(&won[0].body)),
            hospital.unmerge(&id(&won[0].body)),
        ])
        .await;
        assert_eq!(
            undone
                .iter()
                .filter(|reply| reply.status == StatusCode::OK)
                .count(),
            1,
            "round {round}"
        );
    }
    assert_eq!(hospital.published("patients-merged").await.len(), 100);
    hospital.is_sound().await;
}

/// Merges that would close a circle of three, all at once, leave a record standing.
#[tokio::test]
async fn merges_at_once_never_make_a_circle() {
    let hospital = Hospital::open().await;
    for round in 0..10 {
        let mut ids = Vec::new();
        for n in 0..3 {
            ids.push(
                hospital
                    .somebody(
                        "Anna",
                        &format!("Circle{n}"),
                        &format!("19{round}{n}-03-12"),
                    )
                    .await,
            );
        }
        join_all([
            hospital.merge(&ids[0], &ids[1]),
            hospital.merge(&ids[1], &ids[2]),
            hospital.merge(&ids[2], &ids[0]),
        ])
        .await;
        hospital.is_sound().await;
        assert!(hospital.wrong("exactly one").await.is_empty());
    }
}

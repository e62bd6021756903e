//! A message that always fails parks its key only.

use galen_contracts::Event as _;
use galen_contracts::patients::v1::PatientDeactivated;
use prost::Message as _;
use serde_json::{Value, json};

use crate::hospital::Hospital;
use crate::world::{booking, doctor, eventually, expect_status, patient, text, tomorrow};

/// Damages one event of a patient in the log: later events of that patient wait in
/// every group that cannot read it, other patients' flow; after the repair, redrive
/// delivers what waited in its order.
pub(crate) async fn a_poisoned_key_waits_and_others_flow(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let practitioner = doctor(&admin, 3).await;
    let (sick, well) = (patient(&admin).await, patient(&admin).await);
    let booked = |patient: String, at: i64| {
        let (admin, body) = (
            admin.clone(),
            booking(&patient, &practitioner, tomorrow(at), 10),
        );
        async move {
            eventually("the booking is possible", || async {
                let reply = admin
                    .post("/api/v1/appointments", &body)
                    .await
                    .map_err(|e| e.to_string())?;
                if reply.status.as_u16() == 201 {
                    reply.json().map_err(|e| e.to_string())
                } else {
                    Err(reply.code())
                }
            })
            .await
        }
    };
    let (sick_booking, well_booking) = (
        text(&booked(sick.clone(), 900).await, "id"),
        text(&booked(well.clone(), 910).await, "id"),
    );

    // What a bug in the publisher would do: bytes that are not the message they claim to be.
    let pool = hospital.superuser().await;
    let poison = publish_as_patients(&pool, &sick, b"\xff\xff\xff").await;
    let deactivation = json!({ "reason": "moved away" });
    for id in [&sick, &well] {
        let reply = admin
            .post(&format!("/api/v1/patients/{id}/deactivate"), &deactivation)
            .await
            .expect("an answer");
        assert!(
            reply.status.is_success(),
            "{}",
            String::from_utf8_lossy(&reply.body)
        );
    }

    status_becomes(&admin, &well_booking, "CANCELLED").await;
    let letters = eventually("the dead letter is visible", || async {
        let page: Value = admin
            .get("/api/v1/ops/dead-letters")
            .await
            .map_err(|e| e.to_string())?
            .json()
            .map_err(|e| e.to_string())?;
        let of_key: Vec<Value> = page["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|l| l["key"] == sick.as_str())
            .cloned()
            .collect();
        let parked = of_key.iter().any(|l| {
            l["group"] == "scheduling.patients" && l["state"] == "dead" && l["blockedBehind"] == 1
        });
        if parked {
            Ok(of_key.into())
        } else {
            Err(page.to_string())
        }
    })
    .await;
    let reply = admin
        .get(&format!("/api/v1/appointments/{sick_booking}"))
        .await
        .expect("an answer");
    assert_eq!(
        text(&expect_status(&reply, 200), "status"),
        "BOOKED",
        "order is kept: the deactivation waits"
    );

    // Repaired: the event now says what it should have said.
    let repaired = PatientDeactivated {
        patient_id: sick.clone(),
        reason_code: "REPAIRED".to_owned(),
    };
    sqlx::query("update events.event set data = $2 where id = $1")
        .bind(poison)
        .bind(repaired.encode_to_vec())
        .execute(&pool)
        .await
        .expect("writable");
    for letter in letters
        .as_array()
        .into_iter()
        .flatten()
        .filter(|l| l["state"] == "dead")
    {
        let path = format!("/api/v1/ops/dead-letters/{}/redrive", letter["id"]);
        let reply = admin.post(&path, &json!({})).await.expect("an answer");
        assert!(
            reply.status.is_success(),
            "{}",
            String::from_utf8_lossy(&reply.body)
        );
    }
    status_becomes(&admin, &sick_booking, "CANCELLED").await;
    eventually("nothing waits any more", || async {
        let page: Value = admin
            .get("/api/v1/ops/dead-letters")
            .await
            .map_err(|e| e.to_string())?
            .json()
            .map_err(|e| e.to_string())?;
        let left = page["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|l| l["key"] == sick.as_str())
            .count();
        if left == 0 {
            Ok(Value::Null)
        } else {
            Err(page.to_string())
        }
    })
    .await;
}

async fn status_becomes(admin: &galen_client::Client, appointment: &str, status: &str) {
    eventually(status, || async {
        let view: Value = admin
            .get(&format!("/api/v1/appointments/{appointment}"))
            .await
            .map_err(|e| e.to_string())?
            .json()
            .map_err(|e| e.to_string())?;
        if view["status"] == status {
            Ok(view)
        } else {
            Err(view.to_string())
        }
    })
    .await;
}

pub(crate) async fn publish_as_patients(pool: &sqlx::PgPool, key: &str, data: &[u8]) -> uuid::Uuid {
    let id = uuid::Uuid::now_v7();
    let mut tx = pool.begin().await.expect("a transaction");
    sqlx::query("set local session authorization galen_patients")
        .execute(&mut *tx)
        .await
        .expect("the superuser may");
    sqlx::query("select events.publish($1, $2, $3, $4, $5, $6)")
        .bind(vec![id])
        .bind(vec![PatientDeactivated::TYPE.topic])
        .bind(vec![key])
        .bind(vec![PatientDeactivated::TYPE.name])
        .bind(vec![json!({})])
        .bind(vec![data])
        .execute(&mut *tx)
        .await
        .expect("published");
    tx.commit().await.expect("committed");
    id
}

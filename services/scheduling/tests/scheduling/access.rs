//! Who may do what.

use galen_access::Role;
use serde_json::{Value, json};

use crate::hospital::{Hospital, at, order};

#[tokio::test]
async fn nobody_does_anything_without_a_token() {
    let hospital = Hospital::open().await;
    for path in [
        "/appointments",
        "/appointments/doctor-options",
        "/slots",
        "/waitlist",
    ] {
        assert_eq!(
            hospital.api.anonymous().get(path).await.status,
            401,
            "{path}"
        );
    }
    assert_eq!(
        hospital
            .api
            .anonymous()
            .post("/appointments", json!({}))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn roles_do_what_is_theirs() {
    let hospital = Hospital::open().await;
    let (patient, practitioner) = (hospital.patient(), hospital.practitioner().await);
    let id = hospital.booked(patient, practitioner, at(2, 9, 0)).await;
    let wish = order(hospital.patient(), practitioner, at(2, 10, 0), 30);
    for role in [
        Role::Nurse,
        Role::Billing,
        Role::Auditor,
        Role::LabTechnician,
        Role::Operator,
    ] {
        assert_eq!(
            hospital
                .api
                .as_role(role)
                .post("/appointments", wish.clone())
                .await
                .status,
            403,
            "{role}"
        );
    }
    assert_eq!(
        hospital
            .api
            .as_role(Role::Pharmacist)
            .get("/appointments")
            .await
            .status,
        403
    );
    assert_eq!(
        hospital
            .api
            .as_role(Role::Billing)
            .get(&format!("/appointments/{id}"))
            .await
            .status,
        200
    );
    assert_eq!(
        hospital
            .desk()
            .post(&format!("/appointments/{id}/start"), Value::Null)
            .await
            .status,
        403
    );
    assert_eq!(
        hospital
            .api
            .as_patient(patient)
            .post(&format!("/appointments/{id}/check-in"), Value::Null)
            .await
            .status,
        403
    );
    assert_eq!(
        hospital
            .api
            .as_role(Role::Nurse)
            .post(&format!("/appointments/{id}/check-in"), Value::Null)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn patients_book_and_see_their_own_and_know_of_nothing_else() {
    let hospital = Hospital::open().await;
    let (ann, bob) = (hospital.patient(), hospital.patient());
    let practitioner = hospital.practitioner().await;
    let theirs = hospital.booked(bob, practitioner, at(2, 9, 0)).await;
    let caller = hospital.api.as_patient(ann);
    assert_eq!(
        caller
            .post("/appointments", order(bob, practitioner, at(2, 10, 0), 30))
            .await
            .status,
        404
    );
    let mine = caller
        .post("/appointments", order(ann, practitioner, at(2, 10, 0), 30))
        .await;
    assert_eq!(mine.status, 201, "{}", mine.body);
    assert_eq!(
        caller.get(&format!("/appointments/{theirs}")).await.status,
        404
    );
    assert_eq!(
        caller
            .get(&format!("/appointments?patientId={bob}"))
            .await
            .status,
        404
    );
    for verb in ["confirm", "cancel", "reschedule"] {
        let body = match verb {
            "confirm" => Value::Null,
            "cancel" => json!({}),
            _ => json!({ "start": at(2, 12, 0), "end": at(2, 12, 30) }),
        };
        assert_eq!(
            caller
                .post(&format!("/appointments/{theirs}/{verb}"), body)
                .await
                .status,
            404,
            "{verb}"
        );
    }
    let listed = caller.get("/appointments").await.body;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["id"], mine.body["id"]);
    let nobody = hospital.api.as_role(Role::Patient);
    assert_eq!(nobody.get("/appointments").await.body["items"], json!([]));
    for path in [
        "/appointments/not-an-id",
        "/waitlist/1",
        "/appointment-series/x",
    ] {
        assert_eq!(caller.get(path).await.status, 404, "{path}");
    }
}

//! Patients who use their own account, and what other services ask.

use futures::future::join_all;
use galen_contracts::identity::v1::UserProvisioned;
use galen_contracts::patients::v1::patient_directory_client::PatientDirectoryClient;
use galen_contracts::patients::v1::{GetContactRequest, GetPatientRequest, PatientStatus};
use galen_service::{Peers, Service as _};
use http::StatusCode;
use serde_json::json;
use tonic::Code;
use tonic::transport::Channel;

use crate::hospital::{Hospital, column, id, person, with};

#[tokio::test]
async fn somebody_registers_themself_once() {
    let hospital = Hospital::open().await;
    let anna = hospital.newcomer();
    assert_eq!(anna.get("/patients/me").await.status, StatusCode::NOT_FOUND);
    let reply = anna
        .post(
            "/patients",
            with(
                person("Anna", "Schmidt", "1985-03-12"),
                json!({ "email": "a@b.de" }),
            ),
        )
        .await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    let user = anna.principal().user_id;
    assert_eq!(reply.body["userId"], json!(user));
    let said = hospital.published("patient-registered").await;
    assert_eq!(said[0]["userId"], json!(user));

    // The token does not know of the record yet.
    assert_eq!(anna.get("/patients/me").await.body, reply.body);
    assert_eq!(
        anna.get(&format!("/patients/{}", id(&reply.body)))
            .await
            .status,
        StatusCode::OK
    );
    let knowing = hospital.knowing(&anna, &id(&reply.body));
    for caller in [&anna, &knowing] {
        let again = caller
            .post(
                "/patients?acknowledgeDuplicates=true",
                person("Someone", "Else", "1999-01-01"),
            )
            .await;
        assert_eq!(
            (again.status, again.code()),
            (StatusCode::CONFLICT, Some("ALREADY_REGISTERED"))
        );
    }
}

#[tokio::test]
async fn an_account_that_registers_many_times_at_once_has_one_record() {
    let hospital = Hospital::open().await;
    for round in 0..10 {
        let newcomer = hospital.newcomer();
        let replies = join_all((0..4).map(|n| {
            newcomer.post(
                "/patients?acknowledgeDuplicates=true",
                person("A", "B", &format!("19{round}{n}-01-01")),
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
                .filter(|reply| reply.code() == Some("ALREADY_REGISTERED"))
                .count(),
            3
        );
    }
}

#[tokio::test]
async fn patients_are_told_nothing_of_others() {
    let hospital = Hospital::open().await;
    let other = hospital
        .register(with(
            person("Anna", "Schmidt", "1985-03-12"),
            json!({ "nationalId": "A-1" }),
        ))
        .await;
    let newcomer = hospital.newcomer();
    for (body, code) in [
        (person("Anna", "Schmidt", "1985-03-12"), "LIKELY_DUPLICATE"),
        (
            with(
                person("Karl", "Kowalski", "1970-01-01"),
                json!({ "nationalId": "A1" }),
            ),
            "IDENTIFIER_EXISTS",
        ),
    ] {
        let reply = newcomer.post("/patients", body).await;
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::CONFLICT, Some(code))
        );
        assert!(reply.body.get("candidates").is_none());
        assert!(!String::from_utf8_lossy(&reply.bytes).contains(&id(&other)));
    }
    let own = id(&newcomer
        .post("/patients", person("Karl", "Kowalski", "1970-01-01"))
        .await
        .body);
    let other = id(&other);
    for path in ["", "/coverages", "/allergies", "/timeline"] {
        assert_eq!(
            newcomer
                .get(&format!("/patients/{other}{path}"))
                .await
                .status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
        assert_eq!(
            newcomer.get(&format!("/patients/{own}{path}")).await.status,
            StatusCode::OK,
            "{path}"
        );
    }
    for query in ["", "?query=schmidt", "?status=ACTIVE"] {
        let found = column(&newcomer.get(&format!("/patients{query}")).await.body, "id");
        assert!(!found.contains(&other), "{query}");
    }
    assert_eq!(
        column(&newcomer.get("/patients").await.body, "id"),
        [own.as_str()]
    );
    assert_eq!(
        newcomer
            .patch(&format!("/patients/{other}"), json!({ "email": "x@y.z" }))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        newcomer
            .post(
                &format!("/patients/{other}/deactivate"),
                json!({ "reason": "x" })
            )
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        newcomer.get("/patients/duplicates").await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        newcomer
            .post(&format!("/patients/{own}/notes"), json!({ "text": "x" }))
            .await
            .status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn patients_keep_their_contact_up_to_date_and_nothing_else() {
    let hospital = Hospital::open().await;
    let anna = hospital.newcomer();
    let refused = anna
        .post(
            "/patients",
            with(
                person("Anna", "Schmidt", "1985-03-12"),
                json!({ "identifiers": [{ "system": "s", "value": "1" }] }),
            ),
        )
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let own = id(&anna
        .post("/patients", person("Anna", "Schmidt", "1985-03-12"))
        .await
        .body);
    let path = format!("/patients/{own}");
    let reply = anna
        .patch(
            &path,
            json!({ "email": "anna@b.de", "phone": "030 123456", "language": "de" }),
        )
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    for change in [
        json!({ "familyName": "Huber" }),
        json!({ "birthDate": "1985-03-13" }),
        json!({ "nationalId": null }),
        json!({ "deceasedAt": null }),
    ] {
        assert_eq!(
            anna.patch(&path, change.clone()).await.status,
            StatusCode::FORBIDDEN,
            "{change}"
        );
    }
    assert_eq!(
        anna.post(&format!("{path}/deactivate"), json!({ "reason": "x" }))
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    let coverage =
        json!({ "planId": "x", "policyNumber": "1", "validFrom": "2026-01-01", "priority": 1 });
    assert_eq!(
        anna.post(&format!("{path}/coverages"), coverage)
            .await
            .status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn a_merge_takes_the_account_along_and_parting_gives_it_back() {
    let hospital = Hospital::open().await;
    let anna = hospital.newcomer();
    let own = id(&anna
        .post("/patients", person("Anna", "Schmidt", "1985-03-12"))
        .await
        .body);
    let old = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    assert_eq!(
        anna.get(&format!("/patients/{old}")).await.status,
        StatusCode::NOT_FOUND
    );
    hospital.merge(&own, &old).await;
    assert_eq!(id(&anna.get("/patients/me").await.body), old);
    assert_eq!(
        anna.get(&format!("/patients/{old}/notes")).await.status,
        StatusCode::OK
    );
    assert_eq!(
        anna.get(&format!("/patients/{own}")).await.body["status"],
        "MERGED"
    );
    assert_eq!(
        column(&anna.get("/patients").await.body, "id"),
        [old.as_str()]
    );
    hospital.unmerge(&own).await;
    assert_eq!(id(&anna.get("/patients/me").await.body), own);
    assert_eq!(
        anna.get(&format!("/patients/{old}")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn accounts_are_tied_to_the_records_they_were_made_for() {
    let hospital = Hospital::open().await;
    let anna = hospital.newcomer();
    let record = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let provisioned = UserProvisioned {
        user_id: anna.principal().user_id.to_string(),
        patient_id: record.clone(),
    };
    hospital.identity_says(&provisioned).await;
    hospital.identity_says(&provisioned).await;
    hospital
        .identity_says(&UserProvisioned {
            user_id: hospital.clock.uuid().to_string(),
            patient_id: String::new(),
        })
        .await;
    hospital.hear().await;
    assert_eq!(
        anna.get("/patients/me").await.body["userId"],
        json!(anna.principal().user_id)
    );
    let version = hospital.read(&record).await["version"].clone();
    assert_eq!(version, 2, "once");

    let other = UserProvisioned {
        user_id: hospital.clock.uuid().to_string(),
        patient_id: record.clone(),
    };
    hospital.identity_says(&other).await;
    hospital.hear().await;
    assert_eq!(
        hospital.read(&record).await["userId"],
        json!(anna.principal().user_id),
        "it keeps the first"
    );
}

fn directory(hospital: &Hospital) -> PatientDirectoryClient<Channel> {
    let routes = hospital.patients.rpc().expect("patients answers questions");
    PatientDirectoryClient::new(Peers::in_memory([("patients", routes)]).channel("patients"))
}

#[tokio::test]
async fn other_services_learn_the_status_and_the_contact() {
    let hospital = Hospital::open().await;
    let reach = json!({ "email": "a@b.de", "phone": "+49 30 123456", "language": "de" });
    let survivor = id(&hospital
        .register(with(person("Anna", "Schmidt", "1985-03-12"), reach))
        .await);
    let retired = hospital.somebody("Ana", "Schmidt", "1985-03-12").await;
    hospital.merge(&retired, &survivor).await;
    let mut directory = directory(&hospital);
    let patient = directory
        .get_patient(GetPatientRequest {
            patient_id: retired.clone(),
        })
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(
        (
            patient.status(),
            &patient.merged_into_id,
            &patient.patient_id
        ),
        (PatientStatus::Merged, &survivor, &retired)
    );
    let patient = directory
        .get_patient(GetPatientRequest {
            patient_id: survivor.clone(),
        })
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(
        (
            patient.status(),
            patient.merged_into_id.as_str(),
            patient.mrn.as_str()
        ),
        (PatientStatus::Active, "", "G-0000001-36")
    );
    let contact = directory
        .get_contact(GetContactRequest {
            patient_id: retired,
        })
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(
        (
            contact.patient_id,
            contact.email,
            contact.phone,
            contact.language
        ),
        (survivor, "a@b.de".into(), "+4930123456".into(), "de".into())
    );

    for nobody in [
        hospital.clock.uuid().to_string(),
        String::new(),
        "x".to_owned(),
    ] {
        let patient = directory
            .get_patient(GetPatientRequest {
                patient_id: nobody.clone(),
            })
            .await;
        assert_eq!(patient.expect_err("nobody").code(), Code::NotFound);
        let contact = directory
            .get_contact(GetContactRequest { patient_id: nobody })
            .await;
        assert_eq!(contact.expect_err("nobody").code(), Code::NotFound);
    }
}

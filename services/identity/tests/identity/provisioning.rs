//! Accounts of patients.

use galen_contracts::identity::v1::{CredentialLinkRequested, UserChanged, UserProvisioned};
use galen_contracts::patients::v1::{
    PatientDeactivated, PatientErased, PatientRegistered, PatientsMerged, PatientsUnmerged,
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::hospital::{Hospital, PASSWORD, new_id, tokens};

fn registered(patient: &str, mrn: &str, has_email: bool, user: &str) -> PatientRegistered {
    PatientRegistered {
        patient_id: patient.to_owned(),
        mrn: mrn.to_owned(),
        has_email,
        user_id: user.to_owned(),
    }
}

/// The account whose name begins like this.
async fn account_named(hospital: &Hospital, name: &str) -> Value {
    let page = hospital
        .admin()
        .await
        .get(&format!("/users?username={name}"))
        .await
        .body;
    page["items"][0].clone()
}

/// A patient with an account, a password and a session.
async fn patient_with_password(hospital: &Hospital, mrn: &str) -> (String, String) {
    let patient = new_id(hospital);
    hospital
        .patients_say(&registered(&patient, mrn, true, ""))
        .await;
    let asked = hospital.published_of::<CredentialLinkRequested>().await;
    let link = asked.last().expect("a link")["linkId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let secret = hospital.minted_secret(&link).await;
    assert_eq!(
        hospital
            .redeem("/auth/password/set", &secret, PASSWORD)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    let refresh = hospital.log_in(mrn, PASSWORD).await.refresh;
    (patient, refresh)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_patient_takes_up_an_account_by_mail() {
    let hospital = Hospital::open().await;
    let patient = new_id(&hospital);
    hospital
        .patients_say(&registered(&patient, "MRN-0042", true, ""))
        .await;

    let account = account_named(&hospital, "mrn-0042").await;
    assert_eq!(account["patientId"], json!(patient));
    assert_eq!(account["roles"], json!(["PATIENT"]));
    assert_eq!(account["hasPassword"], json!(false));
    let provisioned = hospital.published_of::<UserProvisioned>().await;
    assert_eq!(
        provisioned,
        [json!({ "userId": account["id"], "patientId": patient })]
    );
    let asked = hospital.published_of::<CredentialLinkRequested>().await;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["patientId"], json!(patient));
    assert_eq!(asked[0]["purpose"], "CREDENTIAL_LINK_PURPOSE_SET_PASSWORD");

    let minted = hospital
        .mint(asked[0]["linkId"].as_str().expect("an id"))
        .await
        .expect("an open link");
    assert_eq!(
        (minted.email.as_str(), minted.username.as_str()),
        ("", "mrn-0042")
    );
    let secret = minted.url.split_once("#token=").expect("a fragment").1;
    hospital
        .redeem("/auth/password/set", secret, PASSWORD)
        .await;
    let me = hospital
        .me(&hospital.log_in("MRN-0042", PASSWORD).await)
        .await;
    assert_eq!(me["patientId"], json!(patient));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_without_an_address_has_an_account_and_no_mail() {
    let hospital = Hospital::open().await;
    hospital
        .patients_say(&registered(&new_id(&hospital), "mrn-1", false, ""))
        .await;
    assert_eq!(hospital.published_of::<UserProvisioned>().await.len(), 1);
    assert_eq!(
        hospital
            .published_of::<CredentialLinkRequested>()
            .await
            .len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_is_provisioned_once_however_often_it_is_said() {
    let hospital = Hospital::open().await;
    let event = registered(&new_id(&hospital), "mrn-1", true, "");
    for _ in 0..3 {
        hospital.patients_say(&event).await;
    }
    assert_eq!(hospital.published_of::<UserProvisioned>().await.len(), 1);
    assert_eq!(
        hospital
            .published_of::<CredentialLinkRequested>()
            .await
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_squatter_on_a_record_number_keeps_nobody_out() {
    let hospital = Hospital::open().await;
    let squatter = hospital.register("mrn-0042").await;
    let patient = new_id(&hospital);
    hospital
        .patients_say(&registered(&patient, "MRN-0042", true, ""))
        .await;
    let account = account_named(&hospital, "mrn-0042-").await;
    assert_eq!(account["patientId"], json!(patient));
    assert_eq!(hospital.me(&squatter).await["patientId"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registered_themself_keeps_their_account() {
    let hospital = Hospital::open().await;
    let session = hospital.register("nadia").await;
    let user = hospital.me(&session).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let patient = new_id(&hospital);
    hospital
        .patients_say(&registered(&patient, "mrn-1", true, &user))
        .await;

    let renewed = tokens(&hospital.refresh(&session.refresh).await, StatusCode::OK);
    let principal = hospital
        .platform
        .keys
        .verify(&renewed.access, hospital.clock.now())
        .expect("a valid token");
    assert_eq!(
        principal.patient_id.map(|id| id.to_string()),
        Some(patient.clone())
    );
    assert_eq!(
        hospital.published_of::<UserProvisioned>().await,
        [json!({ "userId": user, "patientId": patient })]
    );
    assert_eq!(
        hospital
            .published_of::<CredentialLinkRequested>()
            .await
            .len(),
        0
    );

    // A second record, a child's for example, is not theirs.
    hospital
        .patients_say(&registered(&new_id(&hospital), "mrn-2", false, &user))
        .await;
    assert_eq!(hospital.me(&renewed).await["patientId"], json!(patient));
    assert_eq!(hospital.published_of::<UserProvisioned>().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_of_a_merged_record_goes_to_the_survivor_and_back() {
    let hospital = Hospital::open().await;
    let (retired, _) = patient_with_password(&hospital, "mrn-1").await;
    let (survivor, merge) = (new_id(&hospital), new_id(&hospital));
    hospital
        .patients_say(&PatientsMerged {
            survivor_id: survivor.clone(),
            retired_id: retired.clone(),
            merge_id: merge.clone(),
        })
        .await;
    let me = hospital.me(&hospital.log_in("mrn-1", PASSWORD).await).await;
    assert_eq!(me["patientId"], json!(survivor));

    // A late word of the survivor's registration makes no second account.
    hospital
        .patients_say(&registered(&survivor, "mrn-2", true, ""))
        .await;
    assert_eq!(hospital.published_of::<UserProvisioned>().await.len(), 1);

    hospital
        .patients_say(&PatientsUnmerged {
            survivor_id: survivor,
            restored_id: retired.clone(),
            merge_id: merge,
        })
        .await;
    let me = hospital.me(&hospital.log_in("mrn-1", PASSWORD).await).await;
    assert_eq!(me["patientId"], json!(retired));
    assert_eq!(hospital.published_of::<UserChanged>().await.len(), 2);
    assert_eq!(hospital.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_both_records_have_an_account_the_retired_one_is_locked_until_they_part() {
    let hospital = Hospital::open().await;
    let (retired, session) = patient_with_password(&hospital, "mrn-1").await;
    let (survivor, _) = patient_with_password(&hospital, "mrn-2").await;
    let merge = new_id(&hospital);
    let merged = PatientsMerged {
        survivor_id: survivor.clone(),
        retired_id: retired.clone(),
        merge_id: merge.clone(),
    };
    hospital.patients_say(&merged).await;
    assert_eq!(
        hospital.refresh(&session).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        hospital.try_log_in("mrn-1", PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    hospital.log_in("mrn-2", PASSWORD).await;
    assert_eq!(hospital.complaints().await, Vec::<String>::new());

    hospital
        .patients_say(&PatientsUnmerged {
            survivor_id: survivor,
            restored_id: retired.clone(),
            merge_id: merge,
        })
        .await;
    let me = hospital.me(&hospital.log_in("mrn-1", PASSWORD).await).await;
    assert_eq!(me["patientId"], json!(retired));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_is_not_locked_out_because_their_record_was_merged() {
    let hospital = Hospital::open().await;
    let (retired, _) = patient_with_password(&hospital, "mrn-1").await;
    let (survivor, _) = patient_with_password(&hospital, "mrn-2").await;
    let account = account_named(&hospital, "mrn-1").await;
    let path = format!("/users/{}", account["id"].as_str().expect("an id"));
    let admin = hospital.admin().await;
    admin
        .patch(&path, json!({ "roles": ["NURSE", "PATIENT"] }))
        .await;

    let merge = new_id(&hospital);
    let merged = PatientsMerged {
        survivor_id: survivor.clone(),
        retired_id: retired.clone(),
        merge_id: merge.clone(),
    };
    hospital.patients_say(&merged).await;
    let me = hospital.me(&hospital.log_in("mrn-1", PASSWORD).await).await;
    assert_eq!(me["patientId"], json!(null));
    let parted = PatientsUnmerged {
        survivor_id: survivor,
        restored_id: retired.clone(),
        merge_id: merge,
    };
    hospital.patients_say(&parted).await;
    let me = hospital.me(&hospital.log_in("mrn-1", PASSWORD).await).await;
    assert_eq!(me["patientId"], json!(retired));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_record_leaves_its_account() {
    let hospital = Hospital::open().await;
    let (patient, session) = patient_with_password(&hospital, "mrn-1").await;
    hospital
        .patients_say(&PatientDeactivated {
            patient_id: patient,
            reason_code: "MOVED".to_owned(),
        })
        .await;
    tokens(&hospital.refresh(&session).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_erased_logs_in_no_more_and_has_no_name() {
    let hospital = Hospital::open().await;
    let (patient, refresh) = patient_with_password(&hospital, "MRN-0077").await;
    let (_, other) = patient_with_password(&hospital, "MRN-0078").await;
    for _ in 0..2 {
        hospital
            .patients_say(&PatientErased {
                patient_id: patient.clone(),
            })
            .await;
    }
    let gone = hospital.refresh(&refresh).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    assert_eq!(hospital.refresh(&other).await.status, StatusCode::OK);
    assert_eq!(account_named(&hospital, "mrn-0077").await, Value::Null);
    let account = account_named(&hospital, "erased-").await;
    assert_eq!(account["locked"], json!(true), "{account}");
    assert_eq!(account["email"], json!(null));
}

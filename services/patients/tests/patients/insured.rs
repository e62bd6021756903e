//! What billing hears about who is insured.

use std::sync::Arc;

use galen_contracts::patients::v1::patient_directory_server::PatientDirectory as _;
use galen_contracts::patients::v1::{ListCoveragesRequest, ListCoveragesResponse};
use galen_patients::rpc::Directory;
use serde_json::json;
use tonic::{Code, Request};

use crate::hospital::Hospital;

async fn insured(
    hospital: &Hospital,
    patient: &str,
    on: &str,
) -> Result<ListCoveragesResponse, Code> {
    Directory(Arc::clone(&hospital.patients))
        .list_coverages(Request::new(ListCoveragesRequest {
            patient_id: patient.to_owned(),
            on: on.to_owned(),
        }))
        .await
        .map(tonic::Response::into_inner)
        .map_err(|status| status.code())
}

async fn cover(hospital: &Hospital, patient: &str, plan: &str, number: &str, priority: i32) {
    let body = json!({ "planId": plan, "policyNumber": number, "validFrom": "2026-01-01", "validTo": "2027-01-01", "priority": priority });
    let path = format!("/patients/{patient}/coverages");
    let reply = hospital.desk().post(&path, body).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
}

#[tokio::test]
async fn coverages_are_told_in_the_order_of_paying_with_their_contract() {
    let hospital = Hospital::open().await;
    let anna = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let child = hospital.somebody("Ben", "Schmidt", "2015-03-12").await;
    cover(&hospital, &anna, "second", "X 1", 2).await;
    cover(&hospital, &anna, "basic", "AB-12 3", 1).await;
    cover(&hospital, &child, "basic", "ab123", 1).await;

    let told = insured(&hospital, &anna, "2026-06-01")
        .await
        .expect("an answer");
    assert_eq!(
        (told.patient_id.as_str(), told.birth_date.as_str()),
        (anna.as_str(), "1985-03-12")
    );
    assert_eq!(told.record_ids, std::slice::from_ref(&anna));
    let plans: Vec<&str> = told.coverages.iter().map(|c| c.plan_id.as_str()).collect();
    assert_eq!(plans, ["basic", "second"]);
    let basic = &told.coverages[0];
    assert_eq!(
        (
            basic.valid_from.as_str(),
            basic.valid_to.as_str(),
            basic.policy_number.as_str()
        ),
        ("2026-01-01", "2027-01-01", "AB-12 3")
    );
    let family = insured(&hospital, &child, "").await.expect("an answer");
    assert_eq!(family.coverages[0].contract, basic.contract, "one family");
    assert_ne!(told.coverages[1].contract, basic.contract, "another number");
    assert_eq!(basic.contract.len(), 32);
    assert!(!basic.contract.contains("123"), "{}", basic.contract);

    let after = insured(&hospital, &anna, "2027-01-01")
        .await
        .expect("an answer");
    assert_eq!(after.coverages.len(), 0, "the end is not covered");
    assert_eq!(
        insured(&hospital, &anna, "soon").await,
        Err(Code::InvalidArgument)
    );
    let nobody = hospital.clock.uuid().to_string();
    assert_eq!(insured(&hospital, &nobody, "").await, Err(Code::NotFound));
}

#[tokio::test]
async fn a_merged_record_answers_with_what_insures_the_person() {
    let hospital = Hospital::open().await;
    let survivor = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let retired = hospital.somebody("Anna", "Schmitt", "1985-03-12").await;
    cover(&hospital, &survivor, "basic", "1", 1).await;
    cover(&hospital, &retired, "extra", "2", 2).await;
    hospital.merge(&retired, &survivor).await;

    let told = insured(&hospital, &retired, "").await.expect("an answer");
    assert_eq!(told.patient_id, survivor);
    let plans: Vec<&str> = told.coverages.iter().map(|c| c.plan_id.as_str()).collect();
    assert_eq!(plans, ["basic", "extra"]);
    assert!(told.record_ids.contains(&retired) && told.record_ids.contains(&survivor));
}

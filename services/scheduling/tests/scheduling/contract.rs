//! What the API document says of scheduling.

use std::collections::BTreeSet;

use galen_scheduling::Scheduling;
use galen_service::Service as _;
use serde_json::{Value, json};

use crate::hospital::Hospital;

#[tokio::test]
async fn every_operation_of_the_contract_is_served_and_documented() {
    let hospital = Hospital::open().await;
    let (_, document) = hospital.service.rest().split_for_parts();
    let document = serde_json::to_value(&document).expect("a document");
    let wanted: BTreeSet<(&str, &str)> = [
        ("get", "/appointments/doctor-options"),
        ("get", "/slots"),
        ("post", "/slots/hold"),
        ("delete", "/slots/hold/{id}"),
        ("post", "/appointments"),
        ("get", "/appointments"),
        ("get", "/appointments/{id}"),
        ("post", "/appointments/{id}/confirm"),
        ("post", "/appointments/{id}/check-in"),
        ("post", "/appointments/{id}/start"),
        ("post", "/appointments/{id}/complete"),
        ("post", "/appointments/{id}/cancel"),
        ("post", "/appointments/{id}/no-show"),
        ("post", "/appointments/{id}/revert-no-show"),
        ("post", "/appointments/{id}/reschedule"),
        ("post", "/appointment-series"),
        ("get", "/appointment-series/{id}"),
        ("post", "/appointment-series/{id}/cancel"),
        ("post", "/waitlist"),
        ("get", "/waitlist"),
        ("get", "/waitlist/{id}"),
        ("delete", "/waitlist/{id}"),
        ("post", "/waitlist/{id}/accept"),
        ("post", "/waitlist/{id}/decline"),
    ]
    .into();
    let served: BTreeSet<(&str, &str)> = document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, verbs)| {
            let verbs = verbs.as_object().expect("verbs");
            verbs.keys().map(move |verb| (verb.as_str(), path.as_str()))
        })
        .collect();
    assert_eq!(served, wanted);
    for (verb, path) in served {
        let operation = &document["paths"][path][verb];
        assert_eq!(operation["tags"], json!(["scheduling"]), "{verb} {path}");
        assert!(
            operation["summary"].is_string() || operation["description"].is_string(),
            "{verb} {path}"
        );
        assert!(operation["operationId"].is_string(), "{verb} {path}");
    }
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["BookAppointment"]["additionalProperties"], false);
    let required: BTreeSet<&str> = schemas["Appointment"]["required"]
        .as_array()
        .expect("required")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for field in [
        "id",
        "status",
        "version",
        "needsReschedule",
        "priceStatus",
        "price",
        "estimate",
    ] {
        assert!(required.contains(field), "{field}");
    }
}

#[test]
fn every_code_has_one_page_and_every_setting_a_name_of_its_own() {
    let pages: Vec<&str> = Scheduling::problems()
        .iter()
        .map(|page| page.code)
        .collect();
    let unique: BTreeSet<&str> = pages.iter().copied().collect();
    assert_eq!(unique.len(), pages.len());
    for code in [
        "SLOT_TAKEN",
        "PRACTITIONER_UNAVAILABLE",
        "PATIENT_BUSY",
        "HOLD_EXPIRED",
        "TOO_LATE",
        "INVALID_TRANSITION",
    ] {
        assert!(unique.contains(code), "{code}");
    }
    assert!(
        Scheduling::settings()
            .iter()
            .all(|setting| setting.key.starts_with("scheduling.") && !setting.secret)
    );
}

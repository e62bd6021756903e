//! FHIR bundles: what is read has what registration asks for.
#![no_main]

use galen_fuzz_bundle as bundle;
use libfuzzer_sys::fuzz_target;

/// The binary's own reader, which knows nothing but JSON.
#[path = "../../galen/src/import/bundle.rs"]
mod galen_fuzz_bundle;

fuzz_target!(|data: &[u8]| {
    let Ok(contents) = bundle::read(data) else {
        return;
    };
    for registration in contents
        .organizations
        .iter()
        .chain(&contents.practitioners)
        .chain(&contents.patients)
    {
        let members = registration.body.as_object().expect("a body is an object");
        assert!(!members.values().any(serde_json::Value::is_null));
        assert!(
            !registration.system.is_empty() || !registration.value.is_empty() || members.len() > 1
        );
    }
    for patient in &contents.patients {
        let priorities: Vec<_> = patient.body["coverages"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|coverage| coverage["priority"].as_u64())
            .collect();
        assert!(
            priorities
                .iter()
                .all(|p| p.is_some_and(|p| (1..=255).contains(&p)))
        );
    }
});

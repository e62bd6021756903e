//! JSON bodies. What is taken is what any JSON parser reads, without what no column
//! can hold; what is refused is refused as a 400.
#![no_main]

use axum::extract::{FromRequest as _, Request};
use axum::response::IntoResponse as _;
use galen_fuzz::run;
use galen_patients::patient::register::RegisterPatient;
use galen_patients::record::vital::record::RecordVital;
use galen_service::Body;
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let ours = read::<Value>(data);
    let any = serde_json::from_slice::<Value>(data);
    if let Some(value) = &ours {
        assert_eq!(any.ok().as_ref(), Some(value), "read as something else");
        assert!(is_storable(value), "NUL passed");
    }
    let _ = read::<RegisterPatient>(data);
    let _ = read::<RecordVital>(data);
});

fn read<T: DeserializeOwned>(data: &[u8]) -> Option<T> {
    let request = Request::builder()
        .header("content-type", "application/json")
        .body(data.to_vec().into())
        .expect("a valid request");
    match run(Body::<T>::from_request(request, &())) {
        Ok(Body(value)) => Some(value),
        Err(halt) => {
            assert_eq!(halt.into_response().status(), 400);
            None
        }
    }
}

fn is_storable(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => items.iter().all(is_storable),
        Value::Object(members) => members
            .iter()
            .all(|(name, value)| !name.contains('\0') && is_storable(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

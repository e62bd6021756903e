//! Query strings and cursors. What is refused is refused as a 400, and a cursor that
//! is taken is one that we could have written.
#![no_main]

use axum::extract::FromRequestParts as _;
use axum::response::IntoResponse as _;
use galen_fuzz::run;
use galen_kernel::Cursor;
use galen_patients::patient::search::FindPatients;
use galen_service::Params;
use http::Request;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;

/// Parameters of every kind that the API has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kinds {
    #[serde(rename = "s")]
    text: Option<String>,
    #[serde(rename = "n")]
    _number: Option<u16>,
    #[serde(rename = "i")]
    _signed: Option<i64>,
    #[serde(rename = "f")]
    float: Option<f64>,
    #[serde(rename = "b")]
    _truth: Option<bool>,
    #[serde(rename = "l", default)]
    list: Vec<String>,
}

fuzz_target!(|query: &str| {
    if let Ok((key, id)) = Cursor::decode::<(String, u64)>(query) {
        let again = Cursor::decode::<(String, u64)>(&Cursor::encode(&(&key, id)));
        assert_eq!(again.ok(), Some((key, id)));
    }
    let Ok(request) = Request::builder()
        .uri(format!("/patients?{query}"))
        .body(())
    else {
        return;
    };
    let mut parts = request.into_parts().0;
    match run(Params::<Kinds>::from_request_parts(&mut parts, &())) {
        Ok(Params(kinds)) => {
            assert!(
                kinds.text.is_none_or(|text| !text.contains('\0')),
                "NUL passed"
            );
            assert!(
                kinds.list.iter().all(|text| !text.contains('\0')),
                "NUL passed"
            );
            assert!(kinds.float.is_none_or(f64::is_finite));
        }
        Err(halt) => assert_eq!(halt.into_response().status(), 400),
    }
    if let Err(halt) = run(Params::<FindPatients>::from_request_parts(&mut parts, &())) {
        assert_eq!(halt.into_response().status(), 400);
    }
});

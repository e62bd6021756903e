//! Bad input gets a precise 4xx, and nothing is written.

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::hospital::Hospital;
use crate::world::{booking, doctor, expect_status, patient, tomorrow};

fn person() -> Value {
    json!({ "givenName": "Ada", "familyName": "Lovelace", "birthDate": "1815-12-10", "sex": "FEMALE" })
}

/// Typos, wrong types, impossible values: 400 with a pointer to the field.
pub(crate) async fn a_wrong_field_is_pointed_at(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let cases: &[(&str, Value, &str)] = &[
        ("familyname", json!("x"), "/familyname"),
        ("birthDate", json!("1980-02-30"), "/birthDate"),
        ("birthDate", json!("2980-01-01"), "/birthDate"),
        ("birthDate", json!(19800101), "/birthDate"),
        ("sex", json!("female"), "/sex"),
        ("givenName", json!(""), "/givenName"),
        ("givenName", json!("nul\u{0}"), "/givenName"),
        ("givenName", json!("x".repeat(10_000)), "/givenName"),
        ("givenName", json!(null), "/givenName"),
        ("email", json!("not an address"), "/email"),
        (
            "address",
            json!({ "line": "1", "city": "x", "planet": "Mars" }),
            "/address/planet",
        ),
    ];
    for (field, value, pointer) in cases {
        let mut body = person();
        body[*field] = value.clone();
        let reply = admin
            .post("/api/v1/patients?acknowledgeDuplicates=true", &body)
            .await
            .expect("an answer");
        let problem = expect_status(&reply, 400);
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        let pointers: Vec<&str> = problem["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|e| e["pointer"].as_str())
            .collect();
        assert!(pointers.contains(pointer), "{field}: {problem}");
    }
    let found = expect_status(
        &admin
            .get("/api/v1/patients?query=lovelace")
            .await
            .expect("an answer"),
        200,
    );
    assert_eq!(
        found["items"].as_array().map(Vec::len),
        Some(0),
        "something was written"
    );
}

/// Bodies that are no JSON, no UTF-8, of another type, or huge.
pub(crate) async fn a_body_that_is_none_is_refused(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let token = admin.token().await.expect("logged in");
    let http = reqwest::Client::new();
    let url = format!("{}/api/v1/patients", hospital.base());
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("application/json", b"{".to_vec(), &[400]),
        ("application/json", b"".to_vec(), &[400]),
        ("application/json", b"[]".to_vec(), &[400]),
        (
            "application/json",
            b"{\"givenName\":\"\xff\"}".to_vec(),
            &[400],
        ),
        ("application/json", b"[".repeat(100_000), &[400]),
        ("application/json", vec![b' '; 3 << 20], &[413]),
        ("text/plain", person().to_string().into_bytes(), &[415]),
        (
            "application/x-www-form-urlencoded",
            b"givenName=Ada".to_vec(),
            &[415],
        ),
    ];
    for (kind, body, wanted) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let response = http
            .post(&url)
            .bearer_auth(&token)
            .header("content-type", kind)
            .body(body)
            .send()
            .await
            .expect("an answer");
        let status = response.status().as_u16();
        let content_type = response.headers().get("content-type").cloned();
        assert!(wanted.contains(&status), "{kind} {shown}: {status}");
        assert_eq!(
            content_type.as_ref().map(|v| v.as_bytes()),
            Some(b"application/problem+json".as_slice()),
            "{kind} {shown}"
        );
    }
}

/// Ids of nothing, ids of other things, ids that are none.
pub(crate) async fn foreign_ids_name_nothing(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let practitioner = doctor(&admin, 3).await;
    let patient = patient(&admin).await;
    for id in [
        practitioner.as_str(),
        "01890000-0000-7000-8000-000000000000",
        "1",
        "%00",
        "..%2fusers",
        "'; drop table patient; --",
    ] {
        let path = format!("/api/v1/patients/{}", id.replace(' ', "%20"));
        let reply = admin.get(&path).await.expect("an answer");
        assert_eq!(reply.status.as_u16(), 404, "{id}");
    }
    for (body, status) in [
        (booking(&practitioner, &practitioner, tomorrow(60), 20), 400),
        (booking(&patient, &patient, tomorrow(60), 20), 409),
        (
            booking(&patient, &practitioner, tomorrow(-100_000), 20),
            400,
        ),
        (booking(&patient, &practitioner, tomorrow(60), 0), 400),
        (booking(&patient, &practitioner, tomorrow(60), -20), 400),
        (booking(&patient, &practitioner, tomorrow(60), 100_000), 400),
    ] {
        let reply = admin
            .post("/api/v1/appointments", &body)
            .await
            .expect("an answer");
        assert_eq!(
            reply.status.as_u16(),
            status,
            "{body} {}",
            String::from_utf8_lossy(&reply.body)
        );
    }
    let found = admin
        .get(&format!("/api/v1/appointments?patientId={patient}"))
        .await
        .expect("an answer");
    assert_eq!(
        expect_status(&found, 200)["items"].as_array().map(Vec::len),
        Some(0)
    );
}

/// Query parameters are as strict as bodies; unknown paths and methods are problems.
pub(crate) async fn queries_paths_and_methods_are_checked(hospital: &Hospital) {
    let admin = hospital.admin().await;
    for (path, pointer) in [
        ("/api/v1/patients?limit=0", "?limit"),
        ("/api/v1/patients?limit=9999", "?limit"),
        ("/api/v1/patients?limt=5", "?limt"),
        ("/api/v1/patients?cursor=nonsense", "?cursor"),
        ("/api/v1/patients?birthDate=yesterday", "?birthDate"),
    ] {
        let problem = expect_status(&admin.get(path).await.expect("an answer"), 400);
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{path}: {problem}"
        );
    }
    let reply = admin.get("/api/v1/nothing").await.expect("an answer");
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-type")),
        (404, Some("application/problem+json"))
    );
    let reply = admin
        .request(
            Method::DELETE,
            "/api/v1/patients",
            None::<&()>,
            HeaderMap::new(),
        )
        .await
        .expect("an answer");
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-type")),
        (405, Some("application/problem+json"))
    );
}

/// Every problem links to a page that a person can read.
pub(crate) async fn problems_have_pages(hospital: &Hospital) {
    let anonymous = hospital.anonymous();
    let problem = expect_status(
        &anonymous.get("/api/v1/patients").await.expect("an answer"),
        401,
    );
    assert_eq!(problem["code"], "UNAUTHENTICATED");
    assert!(
        problem["traceId"].as_str().is_some_and(|id| id.len() == 32),
        "{problem}"
    );
    let page = anonymous
        .get(problem["type"].as_str().expect("a type"))
        .await
        .expect("an answer");
    assert_eq!(page.status.as_u16(), 200);
    assert!(
        page.header("content-type")
            .is_some_and(|kind| kind.starts_with("text/html"))
    );
}

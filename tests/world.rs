//! People, doctors and time to test with.

use galen_client::{Client, Reply};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// Fails a test with the whole answer when it is not the wanted one.
#[track_caller]
pub(crate) fn expect_status(reply: &Reply, status: u16) -> Value {
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status.as_u16(), status, "{text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// A field of an answer as text.
#[track_caller]
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {value}"))
        .to_owned()
}

/// Registers a patient with a name of their own and an e-mail address.
pub(crate) async fn patient(clerk: &Client) -> String {
    let unique = Uuid::new_v4().simple().to_string();
    let body = json!({
        "givenName": format!("Given{}", letters(&unique[..12])),
        "familyName": format!("Family{}", letters(&unique[12..])),
        "birthDate": "1980-02-29",
        "sex": "FEMALE",
        "email": format!("{unique}@example.com"),
    });
    let reply = clerk
        .post("/api/v1/patients?acknowledgeDuplicates=true", &body)
        .await
        .expect("an answer");
    text(&expect_status(&reply, 201), "id")
}

/// Digits as letters: names hold none.
fn letters(hex: &str) -> String {
    hex.chars()
        .map(|c| char::from(b'a' + c.to_digit(16).map_or(0, |d| d as u8)))
        .collect()
}

/// Registers a doctor who works round the clock for the next days.
pub(crate) async fn doctor(admin: &Client, days: i64) -> String {
    let unique = Uuid::new_v4().simple().to_string();
    let body = json!({
        "givenName": "Test",
        "familyName": format!("Doctor{}", letters(&unique[..8])),
        "specialty": "General Practice",
        "licenseNumber": unique,
        "department": "Testing",
    });
    let reply = admin
        .post("/api/v1/practitioners", &body)
        .await
        .expect("an answer");
    let id = text(&expect_status(&reply, 201), "id");
    let start = midnight();
    for day in 0..days {
        let from = start + SignedDuration::from_hours(24 * day);
        let shift = json!({ "start": from, "end": from + SignedDuration::from_hours(24), "kind": "CLINIC" });
        let reply = admin
            .post(&format!("/api/v1/practitioners/{id}/shifts"), &shift)
            .await
            .expect("an answer");
        expect_status(&reply, 201);
    }
    id
}

/// Today's midnight, UTC.
pub(crate) fn midnight() -> Timestamp {
    let now = Timestamp::now().as_second();
    Timestamp::from_second(now - now.rem_euclid(86_400)).expect("a valid instant")
}

/// An instant some minutes after tomorrow's midnight: in the future, inside the shifts.
pub(crate) fn tomorrow(minutes: i64) -> Timestamp {
    midnight() + SignedDuration::from_hours(24) + SignedDuration::from_mins(minutes)
}

/// The body of a booking.
pub(crate) fn booking(patient: &str, practitioner: &str, start: Timestamp, minutes: i64) -> Value {
    json!({
        "patientId": patient,
        "practitionerId": practitioner,
        "start": start,
        "end": start + SignedDuration::from_mins(minutes),
        "serviceType": "CONSULTATION",
        "paymentMode": "SELF_PAY",
    })
}

/// Creates a user with roles and logs in.
pub(crate) async fn user(admin: &Client, roles: &[&str], practitioner: Option<&str>) -> Client {
    let username = format!("user-{}", Uuid::new_v4().simple());
    let password = "a long enough password";
    let mut body = json!({ "username": username, "password": password, "roles": roles });
    if let Some(practitioner) = practitioner {
        body["practitionerId"] = practitioner.into();
    }
    let reply = admin.post("/api/v1/users", &body).await.expect("an answer");
    expect_status(&reply, 201);
    let client = admin.anonymous();
    client
        .login(&username, password)
        .await
        .expect("a new user can log in");
    client
}

/// Waits until a question has the wished answer; panics with the last one after 30 s.
pub(crate) async fn eventually<F, W>(what: &str, mut ask: F) -> Value
where
    F: FnMut() -> W,
    W: Future<Output = Result<Value, String>>,
{
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        match ask().await {
            Ok(value) => return value,
            Err(last) => assert!(std::time::Instant::now() < deadline, "{what}: still {last}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

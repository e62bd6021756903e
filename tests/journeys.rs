//! Whole journeys through the public API, as each person would make them.

use std::path::Path;

use galen_client::Client;
use http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::hospital::Hospital;
use crate::world::{booking, doctor, eventually, expect_status, patient, text, tomorrow, user};

/// Registered by the front desk, told how to log in, books for themself, is told so,
/// checks in, is seen.
pub(crate) async fn a_patient_is_registered_books_and_is_seen(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let reception = user(&admin, &["RECEPTIONIST"], None).await;
    let practitioner = doctor(&admin, 3).await;
    let physician = user(&admin, &["DOCTOR"], Some(&practitioner)).await;

    let id = patient(&reception).await;
    let token = credential_token(hospital.dir(), &reception, &id).await;
    let anonymous = hospital.anonymous();
    let password = "mein sicheres Passwort";
    let set = json!({ "token": token, "newPassword": password });
    let reply = anonymous
        .send(
            Method::POST,
            "/api/v1/auth/password/set",
            Some(&set),
            HeaderMap::new(),
        )
        .await
        .expect("an answer");
    assert!(
        reply.status.is_success(),
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let reply = anonymous
        .send(
            Method::POST,
            "/api/v1/auth/password/set",
            Some(&set),
            HeaderMap::new(),
        )
        .await
        .expect("an answer");
    assert!(reply.status.is_client_error(), "a link works once");

    let mrn = text(
        &expect_status(
            &reception
                .get(&format!("/api/v1/patients/{id}"))
                .await
                .expect("an answer"),
            200,
        ),
        "mrn",
    );
    let me = hospital.anonymous();
    me.login(&mrn, password)
        .await
        .expect("the patient can log in");
    assert_eq!(
        text(
            &expect_status(
                &me.get("/api/v1/patients/me").await.expect("an answer"),
                200
            ),
            "id"
        ),
        id
    );

    // About to start, so that the patient may check in.
    let start = Timestamp::from_second(Timestamp::now().as_second() / 300 * 300 + 1200)
        .expect("a valid instant");
    let option = free_doctor(&me, &practitioner, start).await;
    assert_eq!(text(&option, "practitionerId"), practitioner);
    let hold = json!({ "practitionerId": practitioner, "start": start, "end": start + SignedDuration::from_mins(20), "serviceType": "CONSULTATION", "patientId": id });
    let held = expect_status(
        &me.post("/api/v1/slots/hold", &hold)
            .await
            .expect("an answer"),
        201,
    );
    let mut body = booking(&id, &practitioner, start, 20);
    body["holdId"] = held["holdId"].clone();
    let reply = me
        .post("/api/v1/appointments", &body)
        .await
        .expect("an answer");
    let appointment = text(&expect_status(&reply, 201), "id");
    told(&me, &id, &appointment, "APPOINTMENT_CONFIRMATION").await;

    let at = format!("/api/v1/appointments/{appointment}");
    for (who, step, status) in [
        (&reception, "confirm", "CONFIRMED"),
        (&reception, "check-in", "CHECKED_IN"),
        (&physician, "start", "IN_CONSULTATION"),
        (&physician, "complete", "FULFILLED"),
    ] {
        let reply = who
            .post(&format!("{at}/{step}"), &json!({}))
            .await
            .expect("an answer");
        assert_eq!(text(&expect_status(&reply, 200), "status"), status);
    }
    let reply = me
        .post(&format!("{at}/cancel"), &json!({}))
        .await
        .expect("an answer");
    assert_eq!(
        (reply.status.as_u16(), reply.code().as_str()),
        (409, "INVALID_TRANSITION")
    );
}

/// Somebody has no password at hand, asks for a link, and is logged in by it, once.
pub(crate) async fn a_mailed_link_logs_in_once(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let id = patient(&admin).await;
    let record = admin
        .get(&format!("/api/v1/patients/{id}"))
        .await
        .expect("an answer");
    let record = expect_status(&record, 200);
    // The welcome mail says that the account is there.
    credential_token(hospital.dir(), &admin, &id).await;

    let anonymous = hospital.anonymous();
    let ask = json!({ "username": text(&record, "mrn") });
    let path = "/api/v1/auth/magic-link";
    let asked = anonymous
        .send(Method::POST, path, Some(&ask), HeaderMap::new())
        .await
        .expect("an answer");
    expect_status(&asked, 204);
    let email = text(&record, "email");
    let secret = mailed_token(hospital.dir(), &email, "/magic-link#token=").await;

    let path = "/api/v1/auth/magic-link/consume";
    let consume = json!({ "secret": secret });
    let tokens = anonymous
        .send(Method::POST, path, Some(&consume), HeaderMap::new())
        .await
        .expect("an answer");
    expect_status(&tokens, 200);
    let me = hospital.anonymous();
    me.keep(&tokens).await.expect("tokens");
    let own = me.get("/api/v1/patients/me").await.expect("an answer");
    assert_eq!(text(&expect_status(&own, 200), "id"), id);

    let again = anonymous
        .send(Method::POST, path, Some(&consume), HeaderMap::new())
        .await
        .expect("an answer");
    expect_status(&again, 400);
}

/// A booking is moved, then cancelled; the patient is told, and the time is free again.
pub(crate) async fn a_booking_is_moved_and_cancelled(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let practitioner = doctor(&admin, 3).await;
    let (first, second) = (patient(&admin).await, patient(&admin).await);
    free_doctor(&admin, &practitioner, tomorrow(600)).await;
    let book = |patient: String, at: i64| {
        let (admin, body) = (
            admin.clone(),
            booking(&patient, &practitioner, tomorrow(at), 30),
        );
        async move {
            admin
                .post("/api/v1/appointments", &body)
                .await
                .expect("an answer")
        }
    };
    let original = text(&expect_status(&book(first.clone(), 600).await, 201), "id");
    assert_eq!(book(second.clone(), 615).await.code(), "SLOT_TAKEN");
    assert_eq!(
        book(second.clone(), 630).await.status.as_u16(),
        201,
        "adjacent slots do not conflict"
    );

    let moved = json!({ "start": tomorrow(700), "end": tomorrow(730) });
    let reply = admin
        .post(
            &format!("/api/v1/appointments/{original}/reschedule"),
            &moved,
        )
        .await
        .expect("an answer");
    assert!(
        reply.status.is_success(),
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let old = expect_status(
        &admin
            .get(&format!("/api/v1/appointments/{original}"))
            .await
            .expect("an answer"),
        200,
    );
    assert_eq!(text(&old, "status"), "RESCHEDULED");
    let replacement = text(&old, "replacedById");
    assert_eq!(
        book(second, 600).await.status.as_u16(),
        201,
        "the old time is free"
    );

    let reply = admin
        .post(
            &format!("/api/v1/appointments/{replacement}/cancel"),
            &json!({}),
        )
        .await
        .expect("an answer");
    assert_eq!(text(&expect_status(&reply, 200), "status"), "CANCELLED");
    told(
        &admin,
        &first,
        &replacement,
        "APPOINTMENT_CANCELLED_BY_HOSPITAL",
    )
    .await;
    assert_eq!(
        book(first, 700).await.status.as_u16(),
        201,
        "the cancelled time is free"
    );
}

/// A stale version is refused, and the current one is accepted.
pub(crate) async fn a_stale_version_is_refused(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let id = patient(&admin).await;
    let path = format!("/api/v1/patients/{id}");
    // Registering makes an account, and linking it is a change of the patient too.
    eventually("the account is linked", async || {
        let reply = admin.get(&path).await.map_err(|e| e.to_string())?;
        let seen = expect_status(&reply, 200);
        if seen["userId"].is_string() {
            Ok(seen)
        } else {
            Err(seen.to_string())
        }
    })
    .await;
    let version = admin
        .get(&path)
        .await
        .expect("an answer")
        .version()
        .expect("an ETag");
    let change = json!({ "phone": "+49 30 1234567" });
    let with = |version: i64| {
        let mut headers = HeaderMap::new();
        headers.insert(
            "if-match",
            format!("\"{version}\"").parse().expect("visible ASCII"),
        );
        headers
    };
    let reply = admin
        .request(Method::PATCH, &path, Some(&change), with(version + 7))
        .await
        .expect("an answer");
    assert_eq!(reply.status.as_u16(), 412);
    let reply = admin
        .request(Method::PATCH, &path, Some(&change), with(version))
        .await
        .expect("an answer");
    assert_eq!(
        reply.status.as_u16(),
        200,
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let reply = admin
        .request(Method::PATCH, &path, Some(&change), with(version))
        .await
        .expect("an answer");
    assert_eq!(reply.status.as_u16(), 412, "the version has moved");
}

/// What belongs to others does not exist for a patient.
pub(crate) async fn patients_see_only_their_own(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let stranger = patient(&admin).await;
    let username = format!("self-{}", uuid::Uuid::new_v4().simple());
    let body = json!({ "username": username, "password": "a long enough password" });
    let me = hospital.anonymous();
    let reply = me
        .post("/api/v1/auth/register", &body)
        .await
        .expect("an answer");
    expect_status(&reply, 201);
    me.login(&username, "a long enough password")
        .await
        .expect("a registered user can log in");
    for path in [
        format!("/api/v1/patients/{stranger}"),
        format!("/api/v1/patients/{stranger}/notes"),
        format!("/api/v1/notification-preferences/{stranger}"),
    ] {
        let reply = me.get(&path).await.expect("an answer");
        assert_eq!(reply.status.as_u16(), 404, "{path}");
    }
    for path in [
        "/api/v1/users",
        "/api/v1/ops/overview",
        "/api/v1/practitioners",
        "/api/v1/patients/duplicates",
    ] {
        let reply = me.get(path).await.expect("an answer");
        assert_eq!(reply.status.as_u16(), 403, "{path}");
    }
    let reply = hospital
        .anonymous()
        .get("/api/v1/patients/me")
        .await
        .expect("an answer");
    assert_eq!(reply.status.as_u16(), 401);
}

/// The token of the link in the welcome mail, as the patient would find it.
pub(crate) async fn credential_token(dir: &Path, reception: &Client, patient: &str) -> String {
    let email = text(
        &expect_status(
            &reception
                .get(&format!("/api/v1/patients/{patient}"))
                .await
                .expect("an answer"),
            200,
        ),
        "email",
    );
    mailed_token(dir, &email, "/set-password#token=").await
}

/// The secret of a link in a mail to an address, by the page that the link leads to.
async fn mailed_token(dir: &Path, email: &str, page: &str) -> String {
    let spool = dir.join("notifications/mail");
    let found = eventually("the mail arrives", || async {
        let mails = std::fs::read_dir(&spool).map_err(|e| e.to_string())?;
        mails
            .flatten()
            .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
            .filter(|mail| mail.contains(email))
            // Quoted-printable breaks long lines with "=\r\n" and writes "=" as "=3D".
            .map(|mail| mail.replace("=\r\n", "").replace("=3D", "="))
            .find_map(|mail| {
                mail.split_once(page).map(|(_, rest)| {
                    rest.split_whitespace()
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                })
            })
            .map(Value::String)
            .ok_or_else(|| format!("no mail to {email} with a link"))
    })
    .await;
    found.as_str().expect("a token").to_owned()
}

async fn free_doctor(client: &Client, practitioner: &str, start: Timestamp) -> Value {
    let end = start + SignedDuration::from_mins(20);
    eventually("the doctor is an option", || async {
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/appointments/doctor-options?start={start}&end={end}&serviceType=CONSULTATION&limit=200{cursor}");
            let page: Value = client.get(&path).await.map_err(|e| e.to_string())?.json().map_err(|e| e.to_string())?;
            let items = page["items"].as_array().ok_or_else(|| page.to_string())?;
            if let Some(option) = items.iter().find(|option| option["practitionerId"] == practitioner) {
                return if option["available"] == true { Ok(option.clone()) } else { Err(option.to_string()) };
            }
            let next = page["nextCursor"].as_str().ok_or("not listed")?;
            cursor = format!("&cursor={next}");
        }
    })
    .await
}

/// Waits until a message of a template about an appointment was sent.
async fn told(client: &Client, patient: &str, appointment: &str, template: &str) {
    eventually(template, || async {
        let path = format!("/api/v1/notifications?recipientId={patient}&limit=200");
        let page: Value = client
            .get(&path)
            .await
            .map_err(|e| e.to_string())?
            .json()
            .map_err(|e| e.to_string())?;
        let sent = page["items"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|message| {
                message["template"] == template
                    && message["status"] == "SENT"
                    && message["aboutId"] == appointment
            });
        sent.cloned().ok_or_else(|| page.to_string())
    })
    .await;
}

//! Other people's ids reach nothing, wherever they are put.

use galen_client::Client;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::hospital::Hospital;
use crate::journeys::credential_token;
use crate::requests::post;
use crate::world::{booking, doctor, eventually, expect_status, patient, text, tomorrow};

/// A patient tries everything with another patient's ids, in path, query and body.
/// Nothing exists for them, and nothing happens to the other.
pub(crate) async fn ids_of_others_reach_nothing(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let practitioner = doctor(&admin, 3).await;
    let stranger = patient(&admin).await;
    let appointment = eventually("a booking for the other", || async {
        let body = booking(&stranger, &practitioner, tomorrow(300), 20);
        let reply = admin
            .post("/api/v1/appointments", &body)
            .await
            .map_err(|e| e.to_string())?;
        if reply.status.as_u16() == 201 {
            reply.json().map_err(|e| e.to_string())
        } else {
            Err(reply.code())
        }
    })
    .await;
    let appointment = text(&appointment, "id");
    let me = patient_with_password(hospital, &admin).await;
    let pool = hospital.superuser().await;
    let told = async || -> i64 {
        sqlx::query_scalar("select count(*) from events.event where key in ($1, $2)")
            .bind(&stranger)
            .bind(&appointment)
            .fetch_one(&pool)
            .await
            .expect("readable")
    };
    settled(&admin, &stranger, &appointment).await;
    let before = (told().await, seen(&admin, &stranger, &appointment).await);

    let start = tomorrow(330);
    let (s, a) = (&stranger, &appointment);
    let reads = [
        format!("/patients/{s}"),
        format!("/patients/{s}/allergies"),
        format!("/patients/{s}/conditions"),
        format!("/patients/{s}/notes"),
        format!("/patients/{s}/vitals"),
        format!("/patients/{s}/coverages"),
        format!("/patients/{s}/timeline"),
        format!("/notification-preferences/{s}"),
        format!("/notifications?recipientId={s}"),
        format!("/appointments?patientId={s}"),
        format!("/appointments/{a}"),
        format!("/waitlist?patientId={s}"),
    ];
    for path in &reads {
        let reply = me.get(&format!("/api/v1{path}")).await.expect("an answer");
        assert_eq!(
            reply.status.as_u16(),
            404,
            "{path}: {}",
            String::from_utf8_lossy(&reply.body)
        );
    }
    let coverage =
        json!({ "planId": "p", "policyNumber": "1", "validFrom": "2026-01-01", "priority": 1 });
    let writes = [
        (
            Method::PATCH,
            format!("/patients/{s}"),
            json!({ "phone": "+49 30 7654321" }),
        ),
        (Method::POST, format!("/patients/{s}/coverages"), coverage),
        (
            Method::POST,
            format!("/patients/{s}/deactivate"),
            json!({ "reason": "mine" }),
        ),
        (
            Method::PUT,
            format!("/notification-preferences/{s}"),
            json!({ "language": "tr" }),
        ),
        (
            Method::POST,
            "/appointments".to_owned(),
            booking(s, &practitioner, start, 20),
        ),
        (
            Method::POST,
            "/slots/hold".to_owned(),
            json!({ "practitionerId": practitioner, "start": start, "end": tomorrow(350), "serviceType": "CONSULTATION", "patientId": s }),
        ),
        (
            Method::POST,
            "/waitlist".to_owned(),
            json!({ "patientId": s, "practitionerId": practitioner, "serviceType": "CONSULTATION", "paymentMode": "SELF_PAY", "earliest": start, "latest": tomorrow(900) }),
        ),
        (Method::POST, format!("/appointments/{a}/cancel"), json!({})),
        (
            Method::POST,
            format!("/appointments/{a}/confirm"),
            json!({}),
        ),
        (
            Method::POST,
            format!("/appointments/{a}/reschedule"),
            json!({ "start": start, "end": tomorrow(350) }),
        ),
    ];
    for (method, path, body) in writes {
        let reply = me
            .request(
                method.clone(),
                &format!("/api/v1{path}"),
                Some(&body),
                HeaderMap::new(),
            )
            .await
            .expect("an answer");
        assert_eq!(
            reply.status.as_u16(),
            404,
            "{method} {path}: {}",
            String::from_utf8_lossy(&reply.body)
        );
    }
    // What patients may not do at all is refused before anybody looks whose it is.
    for (path, body) in [
        (format!("/patients/{s}/notes"), json!({ "text": "mine" })),
        (
            format!("/patients/{s}/merge"),
            json!({ "intoId": practitioner, "reason": "mine" }),
        ),
        (format!("/appointments/{a}/check-in"), json!({})),
        (
            "/users".to_owned(),
            json!({ "username": "mine", "password": "a long enough password", "roles": ["ADMIN"] }),
        ),
    ] {
        let reply = me
            .post(&format!("/api/v1{path}"), &body)
            .await
            .expect("an answer");
        assert_eq!(
            reply.status.as_u16(),
            403,
            "{path}: {}",
            String::from_utf8_lossy(&reply.body)
        );
    }
    let after = (told().await, seen(&admin, &stranger, &appointment).await);
    assert_eq!(after, before, "something happened to the other");
}

/// Waits until what a booking causes has happened.
async fn settled(admin: &Client, stranger: &str, appointment: &str) {
    eventually("the confirmation is sent", || async {
        let path = format!("/api/v1/notifications?recipientId={stranger}&limit=200");
        let page: Value = admin
            .get(&path)
            .await
            .map_err(|e| e.to_string())?
            .json()
            .map_err(|e| e.to_string())?;
        let sent = |template: &str, about: Option<&str>| {
            page["items"].as_array().into_iter().flatten().any(|m| {
                m["template"] == template
                    && m["status"] == "SENT"
                    && about.is_none_or(|id| m["aboutId"] == id)
            })
        };
        if sent("APPOINTMENT_CONFIRMATION", Some(appointment)) && sent("ACCOUNT_WELCOME", None) {
            Ok(Value::Null)
        } else {
            Err(page.to_string())
        }
    })
    .await;
}

/// Everything about the other that the front desk can see.
async fn seen(admin: &Client, stranger: &str, appointment: &str) -> Vec<String> {
    let mut all = Vec::new();
    for path in [
        format!("/patients/{stranger}"),
        format!("/patients/{stranger}/coverages"),
        format!("/notification-preferences/{stranger}"),
        format!("/appointments?patientId={stranger}"),
        format!("/appointments/{appointment}"),
        format!("/waitlist?patientId={stranger}"),
        format!("/notifications?recipientId={stranger}"),
    ] {
        let reply = admin
            .get(&format!("/api/v1{path}"))
            .await
            .expect("an answer");
        all.push(expect_status(&reply, 200).to_string());
    }
    all
}

/// A patient with a record and a password of their own, chosen by the link in the mail.
async fn patient_with_password(hospital: &Hospital, clerk: &Client) -> Client {
    let own = patient(clerk).await;
    let token = credential_token(hospital.dir(), clerk, &own).await;
    let password = "a long enough password";
    let set = json!({ "token": token, "newPassword": password });
    let reply = post(&hospital.anonymous(), "/api/v1/auth/password/set", &set).await;
    assert!(
        reply.status.is_success(),
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let path = format!("/api/v1/patients/{own}");
    let mrn = text(
        &expect_status(&clerk.get(&path).await.expect("an answer"), 200),
        "mrn",
    );
    let me = hospital.anonymous();
    me.login(&mrn, password)
        .await
        .expect("the patient can log in");
    let mine = me.get(&path).await.expect("an answer");
    assert_eq!(
        mine.status.as_u16(),
        200,
        "the control: one's own record is there"
    );
    me
}

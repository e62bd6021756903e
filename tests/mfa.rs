//! A second factor, and what needs a recent login: by somebody with a phone.

use futures::future::join_all;
use galen_client::{Client, Reply};
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};
use uuid::Uuid;

use crate::hospital::Hospital;
use crate::world::{expect_status, text};

const PASSWORD: &str = "a long enough password";

/// Somebody without a session, who knows a name and a password.
struct Person {
    client: Client,
    username: String,
}

impl Person {
    async fn with_roles(hospital: &Hospital, roles: &[&str]) -> Self {
        let username = format!("mfa-{}", Uuid::new_v4().simple());
        let body = json!({ "username": username, "password": PASSWORD, "roles": roles });
        let admin = hospital.admin().await;
        let made = admin.post("/api/v1/users", &body).await;
        expect_status(&made.expect("an answer"), 201);
        Self {
            client: hospital.anonymous(),
            username,
        }
    }

    async fn log_in(&self, code: Option<&str>) -> Reply {
        let mut body = json!({ "username": self.username, "password": PASSWORD });
        if let Some(code) = code {
            body["mfaCode"] = code.into();
        }
        self.send(None, Method::POST, "/auth/login", Some(body))
            .await
    }

    async fn send(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Reply {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header");
            headers.insert(header::AUTHORIZATION, value);
        }
        let path = format!("/api/v1{path}");
        let reply = self
            .client
            .send(method, &path, body.as_ref(), headers)
            .await;
        reply.expect("an answer")
    }

    /// Enrols a phone; says what it is and which backup codes there are.
    async fn enrol(&self, token: &str) -> (Totp, Vec<String>) {
        let path = "/auth/mfa/totp";
        let enrolled = self.send(Some(token), Method::POST, path, None).await;
        let secret = text(&expect_status(&enrolled, 201), "secret");
        let phone = Builder::new()
            .with_secret(Secret::try_from_base32(&secret).expect("base32"))
            .build()
            .expect("an authenticator of default settings");
        let first = json!({ "code": code(&phone, 0) });
        let path = "/auth/mfa/totp/verify";
        let verified = self
            .send(Some(token), Method::POST, path, Some(first))
            .await;
        let codes = expect_status(&verified, 200)["backupCodes"].take();
        (phone, serde_json::from_value(codes).expect("ten codes"))
    }
}

/// What a phone shows so many steps from now. One step ahead is accepted, so that no
/// test has to wait for the next code.
fn code(phone: &Totp, steps: u64) -> String {
    let now = Timestamp::now().as_second().cast_unsigned();
    phone.generate(now + 30 * steps).to_string()
}

#[track_caller]
fn expect_refusal(reply: &Reply, status: u16, code: &str) {
    expect_status(reply, status);
    assert_eq!(reply.code(), code);
}

pub(crate) async fn a_stolen_password_opens_nothing_without_the_phone(hospital: &Hospital) {
    let person = Person::with_roles(hospital, &["NURSE"]).await;
    let held = expect_status(&person.log_in(None).await, 200);
    let (phone, backup_codes) = person.enrol(&text(&held, "accessToken")).await;

    expect_refusal(&person.log_in(None).await, 401, "MFA_REQUIRED");
    let shown = code(&phone, 1);
    expect_status(&person.log_in(Some(&shown)).await, 200);
    let overheard = person.log_in(Some(&shown)).await;
    expect_refusal(&overheard, 401, "INVALID_MFA_CODE");

    let backup = &backup_codes[0];
    let side_by_side = join_all((0..20).map(|_| person.log_in(Some(backup)))).await;
    let entered = side_by_side
        .iter()
        .filter(|reply| reply.status.is_success());
    assert_eq!(entered.count(), 1, "a backup code works once");
    for refused in side_by_side
        .iter()
        .filter(|reply| !reply.status.is_success())
    {
        let code = refused.code();
        assert!(
            ["INVALID_MFA_CODE", "TOO_MANY_ATTEMPTS"].contains(&code.as_str()),
            "{code}"
        );
    }
}

pub(crate) async fn what_is_dangerous_needs_a_recent_login(hospital: &Hospital) {
    let person = Person::with_roles(hospital, &["ADMIN"]).await;
    let held = expect_status(&person.log_in(None).await, 200);
    let (phone, _) = person.enrol(&text(&held, "accessToken")).await;
    // A browser left alone: the login was a quarter of an hour ago and more.
    sqlx::query(
        "update identity.session s set authenticated_at = s.authenticated_at - interval '16 minutes'
         from identity.account a where a.id = s.account_id and a.username = $1",
    )
    .bind(&person.username)
    .execute(&hospital.superuser().await)
    .await
    .expect("time passes");
    let renewal = json!({ "refreshToken": text(&held, "refreshToken") });
    let renewed = person
        .send(None, Method::POST, "/auth/refresh", Some(renewal))
        .await;
    let stale = text(&expect_status(&renewed, 200), "accessToken");

    let hire = || {
        let username = format!("hired-{}", Uuid::new_v4().simple());
        Some(json!({ "username": username, "roles": ["ADMIN"] }))
    };
    let refused = person
        .send(Some(&stale), Method::POST, "/users", hire())
        .await;
    expect_refusal(&refused, 403, "STEP_UP_REQUIRED");
    let seen = person
        .send(Some(&stale), Method::GET, "/users?limit=1", None)
        .await;
    expect_status(&seen, 200);

    let step_up = async |body| {
        person
            .send(Some(&stale), Method::POST, "/auth/step-up", Some(body))
            .await
    };
    let half = step_up(json!({ "password": PASSWORD })).await;
    expect_refusal(&half, 401, "MFA_REQUIRED");
    let whole = step_up(json!({ "password": PASSWORD, "mfaCode": code(&phone, 1) })).await;
    let fresh = text(&expect_status(&whole, 200), "accessToken");
    let hired = person
        .send(Some(&fresh), Method::POST, "/users", hire())
        .await;
    expect_status(&hired, 201);
}

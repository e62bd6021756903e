//! The second factor: enrolling, logging in with it, losing it; and showing again who
//! one is.

use std::collections::BTreeSet;

use futures::future::join_all;
use galen_contracts::identity::v1::SessionsEnded;
use galen_kernel::Clock;
use galen_service::testing::{Reply, TestCaller};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};

use crate::hospital::{ADMIN_PASSWORD, Hospital, PASSWORD, Tokens, tokens};
use crate::portal::{Portal, claims, parameter};

/// The telephone that shows the codes of one account.
pub(crate) struct Phone {
    totp: Totp,
    secret: String,
    clock: Clock,
}

impl Phone {
    /// Enrols one; it has yet to be confirmed.
    pub(crate) async fn enrolled(hospital: &Hospital, caller: &TestCaller) -> Self {
        let reply = caller.post("/auth/mfa/totp", Value::Null).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{:?}", reply.body);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let secret = reply.body["secret"].as_str().expect("a secret").to_owned();
        let uri = reply.body["otpauthUri"].as_str().expect("an address");
        assert!(uri.starts_with("otpauth://totp/Galen:") && uri.contains(&secret));
        Self {
            totp: Builder::new()
                .with_secret(Secret::try_from_base32(&secret).expect("base32"))
                .build()
                .expect("an authenticator of default settings"),
            secret,
            clock: hospital.clock.clone(),
        }
    }

    /// What it shows now.
    pub(crate) fn code(&self) -> String {
        let now = self.clock.now().as_second();
        self.totp.generate(now.cast_unsigned()).to_string()
    }

    /// Waits for the next code.
    pub(crate) fn next_code(&self) -> String {
        self.clock.advance(SignedDuration::from_secs(30));
        self.code()
    }

    /// Six digits that it does not show, nor before nor after.
    pub(crate) fn wrong_code(&self) -> String {
        let now = self.clock.now().as_second().cast_unsigned();
        let near: Vec<String> = [now - 30, now, now + 30]
            .map(|then| self.totp.generate(then).to_string())
            .to_vec();
        (0..10)
            .map(|n| format!("{n:06}"))
            .find(|code| !near.contains(code))
            .expect("three of ten are near")
    }
}

pub(crate) async fn confirm(caller: &TestCaller, code: &str) -> Reply {
    caller
        .post("/auth/mfa/totp/verify", json!({ "code": code }))
        .await
}

fn backup_codes(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let codes: Vec<String> =
        serde_json::from_value(reply.body["backupCodes"].clone()).expect("codes");
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 10);
    codes
}

/// Somebody with a second factor in use: whose it is, their phone, their backup codes.
async fn protected(hospital: &Hospital, username: &str) -> (Tokens, Phone, Vec<String>) {
    let held = hospital.register(username).await;
    let caller = hospital.holder_of(&held);
    let phone = Phone::enrolled(hospital, &caller).await;
    let codes = backup_codes(&confirm(&caller, &phone.code()).await);
    (held, phone, codes)
}

async fn log_in(hospital: &Hospital, username: &str, code: &str) -> Reply {
    let body = json!({ "username": username, "password": PASSWORD, "mfaCode": code });
    hospital.api.anonymous().post("/auth/login", body).await
}

fn refusal(reply: &Reply) -> (u16, Option<&str>) {
    (reply.status.as_u16(), reply.code())
}

async fn sessions(hospital: &Hospital, held: &Tokens) -> Value {
    let reply = hospital.holder_of(held).get("/auth/sessions").await;
    assert_eq!(reply.status, StatusCode::OK);
    reply.body["items"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_asks_for_a_code_once_one_was_verified() {
    let hospital = Hospital::open().await;
    let held = hospital.register("nadia").await;
    let caller = hospital.holder_of(&held);
    assert_eq!(caller.get("/auth/mfa").await.body["totp"], "NONE");
    let code = json!({ "code": "123456" });
    let early = caller.post("/auth/mfa/totp/verify", code).await;
    assert_eq!(refusal(&early), (409, Some("NO_SECOND_FACTOR")));

    let lost = Phone::enrolled(&hospital, &caller).await;
    let phone = Phone::enrolled(&hospital, &caller).await;
    assert_ne!(lost.secret, phone.secret, "the first one is replaced");
    assert_eq!(caller.get("/auth/mfa").await.body["totp"], "PENDING");
    hospital.log_in("nadia", PASSWORD).await;
    let wrong = confirm(&caller, &phone.wrong_code()).await;
    assert_eq!(refusal(&wrong), (400, Some("VALIDATION_FAILED")));
    assert_eq!(wrong.body["errors"][0]["pointer"], "/code");
    backup_codes(&confirm(&caller, &phone.code()).await);

    let shown = caller.get("/auth/mfa").await.body;
    assert_eq!(shown["totp"], "ACTIVE");
    assert_eq!(shown["backupCodesLeft"], 10);
    let again = caller.post("/auth/mfa/totp", Value::Null).await;
    assert_eq!(refusal(&again), (409, Some("SECOND_FACTOR_ENROLLED")));

    let half = hospital.try_log_in("nadia", PASSWORD).await;
    assert_eq!(refusal(&half), (401, Some("MFA_REQUIRED")));
    // Whoever does not know the password learns nothing of the code.
    let stranger = hospital.try_log_in("nadia", "not the password").await;
    assert_eq!(refusal(&stranger), (401, Some("INVALID_CREDENTIALS")));
    let whole = tokens(
        &log_in(&hospital, "nadia", &phone.next_code()).await,
        StatusCode::OK,
    );
    let listed = sessions(&hospital, &whole).await;
    let current = listed
        .as_array()
        .expect("sessions")
        .iter()
        .find(|s| s["current"] == true);
    assert_eq!(current.expect("this one")["methods"], json!(["pwd", "otp"]));
    assert_eq!(hospital.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_accepted_once_and_none_before_it_again() {
    let hospital = Hospital::open().await;
    let (_, phone, _) = protected(&hospital, "nadia").await;
    // The code that was verified is used up as well.
    let replayed = log_in(&hospital, "nadia", &phone.code()).await;
    assert_eq!(refusal(&replayed), (401, Some("INVALID_MFA_CODE")));

    let early = phone.next_code();
    let late = phone.next_code();
    assert_eq!(
        log_in(&hospital, "nadia", &late).await.status,
        StatusCode::OK
    );
    for old in [&late, &early] {
        let replayed = log_in(&hospital, "nadia", old).await;
        assert_eq!(refusal(&replayed), (401, Some("INVALID_MFA_CODE")));
    }

    let code = phone.next_code();
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let side_by_side = join_all((0..4).map(|_| log_in(&hospital, "nadia", &spaced))).await;
    let entered = side_by_side
        .iter()
        .filter(|reply| reply.status == StatusCode::OK);
    assert_eq!(entered.count(), 1, "{side_by_side:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_password_cannot_guess_at_codes() {
    let hospital = Hospital::open().await;
    let (_, phone, _) = protected(&hospital, "nadia").await;
    let guess = phone.wrong_code();
    let guesses = join_all((0..30).map(|_| log_in(&hospital, "nadia", &guess))).await;
    let looked_at = guesses
        .iter()
        .filter(|reply| reply.code() == Some("INVALID_MFA_CODE"));
    assert_eq!(
        looked_at.count(),
        5,
        "four are free, the fifth brings the pause"
    );
    let paused = log_in(&hospital, "nadia", &phone.next_code()).await;
    assert_eq!(paused.status, StatusCode::OK, "after the pause");

    // The password alone does not make the failures forgotten.
    for _ in 0..4 {
        let wrong = log_in(&hospital, "nadia", &phone.wrong_code()).await;
        assert_eq!(refusal(&wrong), (401, Some("INVALID_MFA_CODE")));
    }
    let half = hospital.try_log_in("nadia", PASSWORD).await;
    assert_eq!(refusal(&half), (401, Some("MFA_REQUIRED")));
    let wrong = log_in(&hospital, "nadia", &phone.wrong_code()).await;
    assert_eq!(refusal(&wrong), (401, Some("INVALID_MFA_CODE")));
    let paused = log_in(&hospital, "nadia", &phone.code()).await;
    assert_eq!(refusal(&paused), (429, Some("TOO_MANY_ATTEMPTS")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_code_works_once() {
    let hospital = Hospital::open().await;
    let (held, phone, codes) = protected(&hospital, "nadia").await;
    let side_by_side = join_all((0..20).map(|_| log_in(&hospital, "nadia", &codes[0]))).await;
    let entered = side_by_side
        .iter()
        .filter(|reply| reply.status == StatusCode::OK);
    assert_eq!(entered.count(), 1, "{side_by_side:?}");
    hospital.clock.advance(SignedDuration::from_mins(15));

    let typed = codes[1].to_lowercase().replace('-', " ");
    let entered = log_in(&hospital, "nadia", &typed).await;
    let caller = hospital.holder_of(&tokens(&entered, StatusCode::OK));
    assert_eq!(caller.get("/auth/mfa").await.body["backupCodesLeft"], 8);

    let renewed = caller.post("/auth/mfa/backup-codes", Value::Null).await;
    let renewed = backup_codes(&renewed);
    assert_eq!(
        log_in(&hospital, "nadia", &renewed[9]).await.status,
        StatusCode::OK
    );
    for dead in [&codes[0], &codes[2]] {
        let reply = log_in(&hospital, "nadia", dead).await;
        assert_eq!(refusal(&reply), (401, Some("INVALID_MFA_CODE")));
    }

    // A code of somebody else is none.
    let (_, _, others) = protected(&hospital, "omar").await;
    let reply = log_in(&hospital, "nadia", &others[0]).await;
    assert_eq!(refusal(&reply), (401, Some("INVALID_MFA_CODE")));
    drop((held, phone));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_second_factor_there_is_nothing_to_renew_or_remove() {
    let hospital = Hospital::open().await;
    let held = hospital.register("nadia").await;
    let caller = hospital.holder_of(&held);
    let renewed = caller.post("/auth/mfa/backup-codes", Value::Null).await;
    assert_eq!(refusal(&renewed), (409, Some("NO_SECOND_FACTOR")));
    let removed = caller.delete("/auth/mfa/totp").await;
    assert_eq!(removed.status, StatusCode::NOT_FOUND);
    // An account that asks for no code takes one that is not asked for.
    assert_eq!(
        log_in(&hospital, "nadia", "123456").await.status,
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_second_factor_is_not_asked_for() {
    let hospital = Hospital::open().await;
    let (held, phone, codes) = protected(&hospital, "nadia").await;
    let caller = hospital.holder_of(&held);
    assert_eq!(
        caller.delete("/auth/mfa/totp").await.status,
        StatusCode::NO_CONTENT
    );
    hospital.log_in("nadia", PASSWORD).await;
    let other = Phone::enrolled(&hospital, &caller).await;
    backup_codes(&confirm(&caller, &other.code()).await);
    for dead in [phone.next_code(), codes[0].clone()] {
        let reply = log_in(&hospital, "nadia", &dead).await;
        assert_eq!(refusal(&reply), (401, Some("INVALID_MFA_CODE")));
    }
    assert_eq!(
        log_in(&hospital, "nadia", &other.code()).await.status,
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_removes_the_second_factor_of_a_lost_telephone() {
    let hospital = Hospital::open().await;
    let (held, _, _) = protected(&hospital, "nadia").await;
    let id = hospital.me(&held).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/users/{id}/mfa");
    let own = hospital.holder_of(&held).delete(&path).await;
    assert_eq!(own.status, StatusCode::FORBIDDEN);

    let admin = hospital.admin().await;
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NOT_FOUND);
    let old = hospital.holder_of(&held).get("/auth/me").await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    assert_eq!(hospital.published_of::<SessionsEnded>().await.len(), 1);
    hospital.log_in("nadia", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_of_a_second_factor_opens_no_login() {
    let hospital = Hospital::open().await;
    let (_, phone, codes) = protected(&hospital, "nadia").await;
    let stored: Vec<String> = sqlx::query_scalar(
        "select encode(secret, 'escape') || encode(secret, 'base64') || encode(secret, 'hex') from identity.totp
         union all select encode(hash, 'escape') || encode(hash, 'hex') from identity.backup_code",
    )
    .fetch_all(hospital.behind_the_curtain())
    .await
    .expect("what is stored");
    assert_eq!(stored.len(), 11);
    let raw = Secret::try_from_base32(&phone.secret).expect("base32");
    for column in &stored {
        assert!(!column.contains(&phone.secret));
        assert!(!column.contains(&hex::encode(&phone.secret)));
        assert!(!column.contains(&hex::encode(raw.as_bytes())));
        for code in &codes {
            assert!(!column.contains(code) && !column.contains(&code.replace('-', "")));
        }
    }
    // Somebody else's sealed secret in one's own row opens nothing.
    let (_, other, _) = protected(&hospital, "omar").await;
    sqlx::query(
        "update identity.totp set secret = (select secret from identity.totp t join identity.account a on a.id = t.account_id
                                            where a.username = 'omar')",
    )
    .execute(hospital.behind_the_curtain())
    .await
    .expect("moved");
    let moved = log_in(&hospital, "nadia", &other.next_code()).await;
    assert_eq!(moved.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_that_is_never_confirmed_is_forgotten() {
    let hospital = Hospital::open().await;
    let held = hospital.register("nadia").await;
    let caller = hospital.holder_of(&held);
    Phone::enrolled(&hospital, &caller).await;
    protected(&hospital, "omar").await;
    hospital.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(hospital.run_job("identity.forget").await, 1);
    let half = hospital.try_log_in("omar", PASSWORD).await;
    assert_eq!(half.code(), Some("MFA_REQUIRED"));
}

async fn step_up(caller: &TestCaller, body: Value) -> Reply {
    caller.post("/auth/step-up", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dangerous_needs_the_password_again_after_a_quarter_of_an_hour() {
    let hospital = Hospital::open().await;
    let held = hospital.log_in("admin", ADMIN_PASSWORD).await;
    let somebody = hospital
        .hire(&hospital.holder_of(&held), "nadia", &["NURSE"])
        .await;
    hospital.clock.advance(SignedDuration::from_mins(16));
    // Renewed tokens are of the same login.
    let held = tokens(&hospital.refresh(&held.refresh).await, StatusCode::OK);
    let admin = hospital.holder_of(&held);
    let user = format!("/users/{}", somebody["id"].as_str().expect("an id"));
    let role = json!({ "name": "WARD_CLERK", "description": "x", "permissions": [{ "permission": "PATIENT_READ", "reach": "ANY" }] });
    let dangerous = [
        admin
            .post("/users", json!({ "username": "omar", "roles": ["ADMIN"] }))
            .await,
        admin.patch(&user, json!({ "roles": ["ADMIN"] })).await,
        admin.patch(&user, json!({ "locked": true })).await,
        admin.post("/roles", role).await,
        admin
            .put(
                "/roles/WARD_CLERK",
                json!({ "description": "x", "permissions": [] }),
            )
            .await,
        admin.post("/auth/mfa/totp", Value::Null).await,
        admin
            .post("/auth/mfa/totp/verify", json!({ "code": "123456" }))
            .await,
        admin.post("/auth/mfa/backup-codes", Value::Null).await,
        admin.delete("/auth/mfa/totp").await,
        admin.delete(&format!("{user}/mfa")).await,
    ];
    for reply in &dangerous {
        assert_eq!(refusal(reply), (403, Some("STEP_UP_REQUIRED")));
    }
    assert_eq!(
        admin.get("/users").await.status,
        StatusCode::OK,
        "what is harmless"
    );

    for (body, expected) in [
        (json!({}), (400, Some("VALIDATION_FAILED"))),
        (
            json!({ "mfaCode": "123456" }),
            (400, Some("VALIDATION_FAILED")),
        ),
        (
            json!({ "password": null }),
            (400, Some("VALIDATION_FAILED")),
        ),
        (
            json!({ "password": "x".repeat(129) }),
            (400, Some("VALIDATION_FAILED")),
        ),
        (
            json!({ "password": "not the password" }),
            (401, Some("INVALID_CREDENTIALS")),
        ),
    ] {
        assert_eq!(refusal(&step_up(&admin, body).await), expected);
    }
    let shown = step_up(&admin, json!({ "password": ADMIN_PASSWORD })).await;
    assert_eq!(shown.status, StatusCode::OK, "{:?}", shown.body);
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    assert_eq!(shown.body["refreshToken"], Value::Null);
    let stepped = hospital
        .api
        .with_token(shown.body["accessToken"].as_str().expect("a token"));
    let locked = stepped.patch(&user, json!({ "locked": true })).await;
    assert_eq!(locked.status, StatusCode::OK);
    // The session remembers: so do tokens renewed from now on, for as long.
    let held = tokens(&hospital.refresh(&held.refresh).await, StatusCode::OK);
    let locked = hospital
        .holder_of(&held)
        .patch(&user, json!({ "locked": false }))
        .await;
    assert_eq!(locked.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_second_factor_shows_it_again() {
    let hospital = Hospital::open().await;
    let (held, phone, codes) = protected(&hospital, "nadia").await;
    hospital.clock.advance(SignedDuration::from_mins(14));
    let caller = hospital.holder_of(&held);
    let half = step_up(&caller, json!({ "password": PASSWORD })).await;
    assert_eq!(refusal(&half), (401, Some("MFA_REQUIRED")));
    let whole = step_up(&caller, json!({ "mfaCode": phone.next_code() })).await;
    assert_eq!(whole.status, StatusCode::OK, "{:?}", whole.body);
    assert_eq!(
        sessions(&hospital, &held).await[0]["methods"],
        json!(["pwd", "otp"])
    );
    let both = json!({ "password": PASSWORD, "mfaCode": codes[0] });
    assert_eq!(step_up(&caller, both).await.status, StatusCode::OK);
    let wrong = json!({ "password": "not the password", "mfaCode": phone.next_code() });
    assert_eq!(
        refusal(&step_up(&caller, wrong).await),
        (401, Some("INVALID_CREDENTIALS"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_browser_does_not_let_anybody_guess() {
    let hospital = Hospital::open().await;
    let held = hospital.register("nadia").await;
    let caller = hospital.holder_of(&held);
    let guesses =
        join_all((0..12).map(|_| step_up(&caller, json!({ "password": "not the password" }))))
            .await;
    assert!(
        guesses
            .iter()
            .any(|reply| reply.code() == Some("TOO_MANY_ATTEMPTS"))
    );
    let paused = step_up(&caller, json!({ "password": PASSWORD })).await;
    assert_eq!(refusal(&paused), (429, Some("TOO_MANY_ATTEMPTS")));
    // Guesses here and at the login are the same guesses.
    let login = hospital.try_log_in("nadia", PASSWORD).await;
    assert_eq!(refusal(&login), (429, Some("TOO_MANY_ATTEMPTS")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_is_not_stepped_up() {
    let hospital = Hospital::open().await;
    let held = hospital.register("nadia").await;
    let caller = hospital.holder_of(&held);
    sqlx::query("update identity.session set revoked_at = created_at")
        .execute(hospital.behind_the_curtain())
        .await
        .expect("ended elsewhere, and not heard of here");
    let reply = step_up(&caller, json!({ "password": PASSWORD })).await;
    assert_eq!(refusal(&reply), (401, Some("UNAUTHENTICATED")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_for_an_application_asks_for_the_code_too() {
    let hospital = Hospital::open().await;
    let (_, phone, _) = protected(&hospital, "nadia").await;
    let portal = Portal::register(&hospital, &hospital.admin().await).await;
    let page = portal.page(&[]).await;
    let code = phone.next_code();
    for wrong in ["", &phone.wrong_code()] {
        let refused = portal
            .submit_with_code(&page, "nadia", PASSWORD, wrong)
            .await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    let sent = portal
        .submit_with_code(&page, "nadia", PASSWORD, &code)
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let code = parameter(&sent, "code").expect("a code");
    let given = portal.exchange(&code, &[]).await.body;
    assert_eq!(claims(&given["id_token"])["amr"], json!(["pwd", "otp"]));
}

//! Registering passkeys, and logging in with them.

use galen_access::Method;
use galen_service::testing::{Reply, TestCaller};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::hospital::{Hospital, PASSWORD, Tokens, nowhere, tokens};

const REGISTRATION: &str = "/auth/passkeys/registration";
const AUTHENTICATION: &str = "/auth/passkeys/authentication";

/// Begins a registration.
async fn invited(caller: &TestCaller) -> Value {
    let reply = caller
        .post(&format!("{REGISTRATION}/options"), Value::Null)
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply.body
}

async fn complete(caller: &TestCaller, options: &Value, credential: &Value) -> Reply {
    let body = json!({ "ceremonyId": options["ceremonyId"], "name": "Security key", "credential": credential });
    caller.post(&format!("{REGISTRATION}/verify"), body).await
}

/// Registers a passkey; returns it as it is shown.
async fn register(caller: &TestCaller, authenticator: &mut Authenticator) -> Value {
    let options = invited(caller).await;
    let credential = authenticator.create(&options["publicKey"]);
    let reply = complete(caller, &options, &credential).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    reply.body
}

/// Begins a login.
async fn challenged(hospital: &Hospital, body: Value) -> Value {
    let reply = hospital
        .api
        .anonymous()
        .post(&format!("{AUTHENTICATION}/options"), body)
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply.body
}

async fn answer(hospital: &Hospital, options: &Value, credential: &Value) -> Reply {
    let body = json!({ "ceremonyId": options["ceremonyId"], "credential": credential });
    hospital
        .api
        .anonymous()
        .post(&format!("{AUTHENTICATION}/verify"), body)
        .await
}

async fn try_log_in(hospital: &Hospital, authenticator: &mut Authenticator) -> Reply {
    let options = challenged(hospital, json!({})).await;
    let credential = authenticator.get(&options["publicKey"]);
    answer(hospital, &options, &credential).await
}

async fn log_in(hospital: &Hospital, authenticator: &mut Authenticator) -> Tokens {
    tokens(&try_log_in(hospital, authenticator).await, StatusCode::OK)
}

async fn ceremonies(hospital: &Hospital) -> i64 {
    sqlx::query_scalar("select count(*) from identity.passkey_ceremony")
        .fetch_one(hospital.behind_the_curtain())
        .await
        .expect("a count")
}

/// Somebody with a passkey.
async fn nadia(hospital: &Hospital) -> (TestCaller, Authenticator, Value) {
    let caller = hospital.holder_of(&hospital.register("nadia").await);
    let mut authenticator = Authenticator::new();
    let passkey = register(&caller, &mut authenticator).await;
    (caller, authenticator, passkey)
}

#[track_caller]
fn refused(reply: &Reply) {
    assert_eq!(
        (reply.status, reply.code()),
        (StatusCode::UNAUTHORIZED, Some("PASSKEY_NOT_ACCEPTED")),
        "{reply:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_logs_its_owner_in() {
    let hospital = Hospital::open().await;
    let (caller, mut authenticator, passkey) = nadia(&hospital).await;
    assert_eq!(passkey["name"], "Security key");
    assert_eq!(passkey["backedUp"], false);
    assert_eq!(passkey["lastUsedAt"], Value::Null);

    hospital.clock.advance(SignedDuration::from_mins(1));
    let tokens = log_in(&hospital, &mut authenticator).await;
    let me = hospital.me(&tokens).await;
    assert_eq!(me["username"], "nadia");
    let verified = hospital
        .platform
        .keys
        .verify_whole(&tokens.access, hospital.clock.now())
        .expect("a token of this hospital");
    assert_eq!(verified.authentication.methods, [Method::Passkey]);
    assert_eq!(
        hospital.refresh(&tokens.refresh).await.status,
        StatusCode::OK
    );

    let listed = caller.get("/auth/passkeys").await;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed.body["items"][0]["id"], passkey["id"]);
    assert_eq!(
        listed.body["items"][0]["lastUsedAt"],
        json!(hospital.clock.now())
    );
    assert_eq!(ceremonies(&hospital).await, 0, "used ceremonies are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronised_passkey_needs_no_counter() {
    let hospital = Hospital::open().await;
    let caller = hospital.holder_of(&hospital.register("nadia").await);
    let mut authenticator = Authenticator {
        synchronised: true,
        ..Authenticator::new()
    };
    let passkey = register(&caller, &mut authenticator).await;
    assert_eq!(passkey["backedUp"], true);
    for _ in 0..2 {
        log_in(&hospital, &mut authenticator).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_accepted_once() {
    let hospital = Hospital::open().await;
    let (caller, mut authenticator, _) = nadia(&hospital).await;

    let options = challenged(&hospital, json!({})).await;
    let credential = authenticator.get(&options["publicKey"]);
    tokens(
        &answer(&hospital, &options, &credential).await,
        StatusCode::OK,
    );
    refused(&answer(&hospital, &options, &credential).await);

    let options = invited(&caller).await;
    let credential = Authenticator::new().create(&options["publicKey"]);
    let reply = complete(&caller, &options, &credential).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    let replayed = complete(&caller, &options, &credential).await;
    assert_eq!(replayed.code(), Some("CEREMONY_OVER"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_answers_side_by_side_one_is_accepted() {
    let hospital = Hospital::open().await;
    let (caller, mut authenticator, _) = nadia(&hospital).await;

    let options = challenged(&hospital, json!({})).await;
    let credential = authenticator.get(&options["publicKey"]);
    let tries = (0..8).map(|_| answer(&hospital, &options, &credential));
    let replies = futures::future::join_all(tries).await;
    let is_ok = |reply: &&Reply| reply.status == StatusCode::OK;
    assert_eq!(replies.iter().filter(is_ok).count(), 1);
    replies
        .iter()
        .filter(|reply| !is_ok(reply))
        .for_each(refused);

    let options = invited(&caller).await;
    let credential = Authenticator::new().create(&options["publicKey"]);
    let tries = (0..8).map(|_| complete(&caller, &options, &credential));
    let replies = futures::future::join_all(tries).await;
    let made = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::CREATED);
    assert_eq!(made.count(), 1);
    assert_eq!(
        caller.get("/auth/passkeys").await.body["items"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_for_another_page_or_challenge_is_refused() {
    let hospital = Hospital::open().await;
    let (caller, mut authenticator, _) = nadia(&hospital).await;

    // Another site, another port, without TLS where there should be.
    for origin in [
        "https://localhost.example.org",
        "http://localhost:8081",
        "https://localhost:8080",
    ] {
        let mut phished = Authenticator {
            origin: origin.to_owned(),
            ..Authenticator::new()
        };
        let options = invited(&caller).await;
        let credential = phished.create(&options["publicKey"]);
        let reply = complete(&caller, &options, &credential).await;
        assert_eq!(reply.code(), Some("VALIDATION_FAILED"), "{reply:?}");
        assert_eq!(reply.pointers(), ["/credential"]);
        assert_eq!(reply.body["errors"][0]["code"], "INVALID_CREDENTIAL");

        let right = std::mem::replace(&mut authenticator.origin, origin.to_owned());
        refused(&try_log_in(&hospital, &mut authenticator).await);
        authenticator.origin = right;
    }

    // The challenge of one ceremony in the answer to another, which is over with it.
    let (one, other) = (
        challenged(&hospital, json!({})).await,
        challenged(&hospital, json!({})).await,
    );
    let credential = authenticator.get(&one["publicKey"]);
    refused(&answer(&hospital, &other, &credential).await);
    let credential = authenticator.get(&other["publicKey"]);
    refused(&answer(&hospital, &other, &credential).await);

    let mut options = invited(&caller).await;
    let right = options["publicKey"]["challenge"].take();
    options["publicKey"]["challenge"] = one["publicKey"]["challenge"].clone();
    let credential = Authenticator::new().create(&options["publicKey"]);
    assert_eq!(
        complete(&caller, &options, &credential).await.status,
        StatusCode::BAD_REQUEST
    );
    options["publicKey"]["challenge"] = right;
    let credential = Authenticator::new().create(&options["publicKey"]);
    assert_eq!(
        complete(&caller, &options, &credential).await.code(),
        Some("CEREMONY_OVER")
    );

    // The right one still works.
    log_in(&hospital, &mut authenticator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_was_not_verified_is_refused() {
    let hospital = Hospital::open().await;
    let (caller, mut authenticator, _) = nadia(&hospital).await;
    authenticator.verifies = false;
    refused(&try_log_in(&hospital, &mut authenticator).await);

    let options = invited(&caller).await;
    let credential = authenticator.create(&options["publicKey"]);
    assert_eq!(
        complete(&caller, &options, &credential).await.pointers(),
        ["/credential"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceremony_is_of_one_session_and_one_purpose() {
    let hospital = Hospital::open().await;
    let (caller, mut authenticator, _) = nadia(&hospital).await;
    let omar = hospital.holder_of(&hospital.register("omar").await);
    let elsewhere = hospital.holder_of(&hospital.log_in("nadia", PASSWORD).await);

    let options = invited(&caller).await;
    let credential = Authenticator::new().create(&options["publicKey"]);
    for foreign in [&omar, &elsewhere] {
        let reply = complete(foreign, &options, &credential).await;
        assert_eq!(reply.code(), Some("CEREMONY_OVER"), "{reply:?}");
    }
    refused(
        &answer(
            &hospital,
            &options,
            &authenticator.get(&challenged(&hospital, json!({})).await["publicKey"]),
        )
        .await,
    );
    // Nobody else has used it up.
    assert_eq!(
        complete(&caller, &options, &credential).await.status,
        StatusCode::CREATED
    );

    // Newer options replace older ones.
    let older = invited(&caller).await;
    let newer = invited(&caller).await;
    let credential = Authenticator::new().create(&older["publicKey"]);
    assert_eq!(
        complete(&caller, &older, &credential).await.code(),
        Some("CEREMONY_OVER")
    );
    let credential = Authenticator::new().create(&newer["publicKey"]);
    assert_eq!(
        complete(&caller, &newer, &credential).await.status,
        StatusCode::CREATED
    );

    let unknown = json!({ "ceremonyId": nowhere() });
    refused(&answer(&hospital, &unknown, &credential_like(&mut authenticator)).await);
}

fn credential_like(authenticator: &mut Authenticator) -> Value {
    let options = json!({
        "rpId": "localhost", "challenge": "AAAA", "userVerification": "required", "allowCredentials": [],
    });
    authenticator.get(&options)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceremony_ends_after_five_minutes_and_is_forgotten() {
    let hospital = Hospital::open().await;
    let (caller, mut authenticator, _) = nadia(&hospital).await;
    let options = challenged(&hospital, json!({})).await;
    let registration = invited(&caller).await;
    let credential = authenticator.get(&options["publicKey"]);
    assert_eq!(ceremonies(&hospital).await, 2);
    assert_eq!(hospital.run_job("identity.forget").await, 0);

    hospital.clock.advance(SignedDuration::from_mins(5));
    refused(&answer(&hospital, &options, &credential).await);
    let credential = Authenticator::new().create(&registration["publicKey"]);
    assert_eq!(
        complete(&caller, &registration, &credential).await.code(),
        Some("CEREMONY_OVER")
    );

    hospital.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(hospital.run_job("identity.forget").await, 2);
    assert_eq!(ceremonies(&hospital).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_key_is_recognised_by_its_counter() {
    let hospital = Hospital::open().await;
    let (_, mut authenticator, _) = nadia(&hospital).await;
    let before = authenticator.counter;
    log_in(&hospital, &mut authenticator).await;
    log_in(&hospital, &mut authenticator).await;

    // The copy was made when fewer signatures had been.
    let latest = std::mem::replace(&mut authenticator.counter, before);
    let reply = try_log_in(&hospital, &mut authenticator).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(reply.code(), Some("PASSKEY_POSSIBLY_COPIED"));
    let entry = hospital.api.audited().pop().expect("an entry");
    assert_eq!(entry.reason.as_deref(), Some("PASSKEY_POSSIBLY_COPIED"));
    assert_eq!(entry.subject_kind.as_deref(), Some("users"));

    authenticator.counter = latest;
    log_in(&hospital, &mut authenticator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_and_an_unknown_key_answer_the_same() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let (caller, mut authenticator, passkey) = nadia(&hospital).await;
    let id = hospital.me(&hospital.log_in("nadia", PASSWORD).await).await["id"].clone();
    let path = format!("/users/{}", id.as_str().expect("an id"));

    let locked = admin.patch(&path, json!({ "locked": true })).await;
    assert_eq!(locked.status, StatusCode::OK, "{locked:?}");
    let of_locked = try_log_in(&hospital, &mut authenticator).await;
    refused(&of_locked);
    assert_eq!(
        caller.get("/auth/passkeys").await.status,
        StatusCode::UNAUTHORIZED
    );

    let unlocked = admin.patch(&path, json!({ "locked": false })).await;
    assert_eq!(unlocked.status, StatusCode::OK, "{unlocked:?}");
    let tokens = log_in(&hospital, &mut authenticator).await;
    let path = format!("/auth/passkeys/{}", passkey["id"].as_str().expect("an id"));
    assert_eq!(
        hospital.holder_of(&tokens).delete(&path).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        hospital.holder_of(&tokens).delete(&path).await.status,
        StatusCode::NOT_FOUND
    );
    let of_nobody = try_log_in(&hospital, &mut authenticator).await;
    refused(&of_nobody);
    assert_eq!(of_locked.body["title"], of_nobody.body["title"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn passkeys_of_others_are_neither_seen_nor_removed() {
    let hospital = Hospital::open().await;
    let (_, mut authenticator, passkey) = nadia(&hospital).await;
    let omar = hospital.holder_of(&hospital.register("omar").await);
    assert_eq!(omar.get("/auth/passkeys").await.body["items"], json!([]));
    let path = format!("/auth/passkeys/{}", passkey["id"].as_str().expect("an id"));
    assert_eq!(omar.delete(&path).await.status, StatusCode::NOT_FOUND);

    // One key is not two people's.
    let options = invited(&omar).await;
    let credential = authenticator.create_again(&options["publicKey"]);
    assert_eq!(
        complete(&omar, &options, &credential).await.code(),
        Some("PASSKEY_REGISTERED")
    );

    // Nor can somebody answer with one's own key as somebody else.
    let mut own = Authenticator::new();
    register(&omar, &mut own).await;
    let other = authenticator.key.as_ref().map(|key| key.user.clone());
    own.key.as_mut().expect("a key").user = other.expect("a user");
    refused(&try_log_in(&hospital, &mut own).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_and_removing_a_passkey_needs_a_recent_login() {
    let hospital = Hospital::open().await;
    let registered = hospital.register("nadia").await;
    let mut authenticator = Authenticator::new();
    let passkey = register(&hospital.holder_of(&registered), &mut authenticator).await;

    hospital.clock.advance(SignedDuration::from_mins(16));
    let renewed = tokens(&hospital.refresh(&registered.refresh).await, StatusCode::OK);
    let caller = hospital.holder_of(&renewed);
    let path = format!("/auth/passkeys/{}", passkey["id"].as_str().expect("an id"));
    for reply in [
        caller
            .post(&format!("{REGISTRATION}/options"), Value::Null)
            .await,
        caller.delete(&path).await,
    ] {
        assert_eq!(reply.code(), Some("STEP_UP_REQUIRED"), "{reply:?}");
    }

    let recent = log_in(&hospital, &mut authenticator).await;
    let reply = hospital.holder_of(&recent).delete(&path).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_say_nothing_about_a_name() {
    let hospital = Hospital::open().await;
    let (_, mut authenticator, _) = nadia(&hospital).await;
    let shape = |mut options: Value| {
        options["ceremonyId"].take();
        options["publicKey"]["challenge"].take();
        options
    };
    let of_nobody = shape(challenged(&hospital, json!({})).await);
    for name in ["nadia", "nobody", "", "bell\u{7}name"] {
        let options = challenged(&hospital, json!({ "username": name })).await;
        assert_eq!(shape(options), of_nobody, "{name}");
    }

    let options = challenged(&hospital, json!({ "username": "NADIA" })).await;
    let credential = authenticator.get(&options["publicKey"]);
    tokens(
        &answer(&hospital, &options, &credential).await,
        StatusCode::OK,
    );
    let options = challenged(&hospital, json!({ "username": "omar" })).await;
    let credential = authenticator.get(&options["publicKey"]);
    refused(&answer(&hospital, &options, &credential).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_keeps_nobody_from_their_passkey() {
    let hospital = Hospital::open().await;
    let (_, mut authenticator, _) = nadia(&hospital).await;
    let named = json!({ "username": "nadia" });
    // Nonsense for a passkey is not counted: it would pause the name for nothing.
    for _ in 0..8 {
        let options = challenged(&hospital, named.clone()).await;
        let credential = Authenticator::forged(&options["publicKey"]);
        refused(&answer(&hospital, &options, &credential).await);
    }
    hospital.log_in("nadia", PASSWORD).await;
    // Guessed passwords pause passwords, and a passkey gets in all the same.
    for _ in 0..5 {
        hospital.try_log_in("nadia", "guess").await;
    }
    assert_eq!(
        hospital.try_log_in("nadia", PASSWORD).await.code(),
        Some("TOO_MANY_ATTEMPTS")
    );
    let options = challenged(&hospital, named).await;
    let credential = authenticator.get(&options["publicKey"]);
    tokens(
        &answer(&hospital, &options, &credential).await,
        StatusCode::OK,
    );
    log_in(&hospital, &mut authenticator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_twenty_passkeys_at_most() {
    let hospital = Hospital::open().await;
    let caller = hospital.holder_of(&hospital.register("nadia").await);
    for _ in 0..19 {
        register(&caller, &mut Authenticator::new()).await;
    }
    // Two sessions, each with its options, for the last place.
    let elsewhere = hospital.holder_of(&hospital.log_in("nadia", PASSWORD).await);
    let (here, there) = (invited(&caller).await, invited(&elsewhere).await);
    assert_eq!(
        here["publicKey"]["excludeCredentials"]
            .as_array()
            .map(Vec::len),
        Some(19)
    );
    let (one, other) = (
        Authenticator::new().create(&here["publicKey"]),
        Authenticator::new().create(&there["publicKey"]),
    );
    let (one, other) = futures::join!(
        complete(&caller, &here, &one),
        complete(&elsewhere, &there, &other)
    );
    let mut statuses = [one.status, other.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::CREATED, StatusCode::CONFLICT]);
    let full = caller
        .post(&format!("{REGISTRATION}/options"), Value::Null)
        .await;
    assert_eq!(full.code(), Some("TOO_MANY_PASSKEYS"));
    assert!(hospital.complaints().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_without_a_domain_says_so() {
    let settings = [
        ("identity.admin_password", crate::hospital::ADMIN_PASSWORD),
        ("identity.public_url", "https://192.0.2.7"),
    ];
    let hospital = Hospital::open_with(&settings).await;
    let caller = hospital.admin().await;
    for path in [REGISTRATION, AUTHENTICATION] {
        let reply = caller.post(&format!("{path}/options"), json!({})).await;
        assert_eq!(reply.code(), Some("PASSKEYS_NEED_A_DOMAIN"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_is_named() {
    let hospital = Hospital::open().await;
    let caller = hospital.holder_of(&hospital.register("nadia").await);
    let body = json!({ "ceremonyId": nowhere(), "name": "", "credential": { "rawId": "=", "response": {} } });
    let reply = caller.post(&format!("{REGISTRATION}/verify"), body).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        reply.pointers(),
        [
            "/name",
            "/credential/rawId",
            "/credential/type",
            "/credential/response/clientDataJSON",
            "/credential/response/attestationObject",
        ]
    );
    // Bytes that are no CBOR and no JSON, in every member.
    for bytes in ["AA", "_____w", "o2NmbXQ", "e30"] {
        let options = invited(&caller).await;
        let credential = json!({
            "rawId": bytes, "type": "public-key",
            "response": { "clientDataJSON": bytes, "attestationObject": bytes },
        });
        let reply = complete(&caller, &options, &credential).await;
        assert_eq!(reply.pointers(), ["/credential"], "{reply:?}");
        let options = challenged(&hospital, json!({})).await;
        let credential = json!({
            "rawId": bytes, "type": "public-key",
            "response": { "clientDataJSON": bytes, "authenticatorData": bytes, "signature": bytes, "userHandle": bytes },
        });
        refused(&answer(&hospital, &options, &credential).await);
    }
    let long = caller
        .post(
            &format!("{AUTHENTICATION}/options"),
            json!({ "username": "n".repeat(65) }),
        )
        .await;
    assert_eq!(long.pointers(), ["/username"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_removes_the_passkeys_of_a_lost_telephone() {
    let hospital = Hospital::open().await;
    let (caller, mut lost, _) = nadia(&hospital).await;
    let me = caller.get("/auth/me").await.body;
    let path = format!("/users/{}/mfa", me["id"].as_str().expect("an id"));
    let admin = hospital.admin().await;
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    refused(&try_log_in(&hospital, &mut lost).await);
    assert_eq!(
        caller.get("/auth/me").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(admin.delete(&path).await.status, StatusCode::NOT_FOUND);
}

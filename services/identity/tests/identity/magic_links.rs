//! Links that log in.

use futures::future::join_all;
use galen_contracts::identity::v1::CredentialLinkRequested;
use galen_contracts::patients::v1::PatientRegistered;
use galen_service::testing::Reply;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::hospital::{Hospital, PASSWORD, Tokens, new_id, tokens};
use crate::mfa::{Phone, confirm};

const INVALID: (u16, &str) = (400, "INVALID_LINK");

async fn ask(hospital: &Hospital, body: Value) {
    let reply = hospital
        .api
        .anonymous()
        .post("/auth/magic-link", body)
        .await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{reply:?}");
}

async fn consume(hospital: &Hospital, secret: &str) -> Reply {
    let anonymous = hospital.api.anonymous();
    anonymous
        .post("/auth/magic-link/consume", json!({ "secret": secret }))
        .await
}

/// Links that log in and were asked for so far.
async fn asked(hospital: &Hospital) -> Vec<String> {
    let all = hospital.published_of::<CredentialLinkRequested>().await;
    all.iter()
        .filter(|event| event["purpose"] == "CREDENTIAL_LINK_PURPOSE_LOG_IN")
        .map(|event| event["linkId"].as_str().expect("an id").to_owned())
        .collect()
}

/// Somebody who is nothing but a patient, with an address.
async fn nadia(hospital: &Hospital) -> Tokens {
    let body = json!({ "username": "nadia", "password": PASSWORD, "email": "nadia@example.org" });
    let reply = hospital.api.anonymous().post("/auth/register", body).await;
    tokens(&reply, StatusCode::CREATED)
}

/// The secret of the link that she asks for now.
async fn secret(hospital: &Hospital) -> String {
    ask(hospital, json!({ "username": "nadia" })).await;
    let links = asked(hospital).await;
    hospital.minted_secret(links.last().expect("a link")).await
}

fn refused(reply: &Reply) -> (u16, &str) {
    let code = reply.body["errors"][0]["code"].as_str();
    (reply.status.as_u16(), code.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_logs_in_once() {
    let hospital = Hospital::open().await;
    let registered = nadia(&hospital).await;
    ask(&hospital, json!({ "email": "NADIA@example.org" })).await;
    let links = asked(&hospital).await;
    let minted = hospital.mint(&links[0]).await.expect("an open link");
    let (page, secret) = minted.url.split_once("#token=").expect("a fragment");
    assert!(page.ends_with("/magic-link"), "{page}");
    let session = tokens(&consume(&hospital, secret).await, StatusCode::OK);
    let id = |me: Value| me["id"].clone();
    assert_eq!(
        id(hospital.me(&session).await),
        id(hospital.me(&registered).await)
    );
    hospital.refresh(&session.refresh).await;
    assert_eq!(refused(&consume(&hospital, secret).await), INVALID);
    assert_eq!(refused(&consume(&hospital, "never was").await), INVALID);
    // The password is as it was.
    hospital.log_in("nadia", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_a_password_logs_in_by_a_link() {
    let hospital = Hospital::open().await;
    let event = PatientRegistered {
        patient_id: new_id(&hospital),
        mrn: "mrn-1".to_owned(),
        has_email: true,
        user_id: String::new(),
    };
    hospital.patients_say(&event).await;
    ask(&hospital, json!({ "username": "MRN-1" })).await;
    let links = asked(&hospital).await;
    let secret = hospital.minted_secret(&links[0]).await;
    let session = tokens(&consume(&hospital, &secret).await, StatusCode::OK);
    assert_eq!(
        hospital.me(&session).await["patientId"],
        event.patient_id.as_str()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_one_session_however_many_try_at_once() {
    let hospital = Hospital::open().await;
    nadia(&hospital).await;
    let secret = secret(&hospital).await;
    let replies = join_all((0..12).map(|_| consume(&hospital, &secret))).await;
    let let_in = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::OK);
    assert_eq!(let_in.count(), 1, "{replies:?}");
    let refusals = replies.iter().filter(|reply| refused(reply) == INVALID);
    assert_eq!(refusals.count(), 11, "{replies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_works_for_a_quarter_of_an_hour() {
    let hospital = Hospital::open().await;
    nadia(&hospital).await;
    let first = secret(&hospital).await;
    hospital.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(refused(&consume(&hospital, &first).await), INVALID);
    hospital.clock.advance(-SignedDuration::from_mins(1));
    tokens(&consume(&hospital, &first).await, StatusCode::OK);

    // A mail that could not be sent for that long is not sent any more.
    hospital.clock.advance(SignedDuration::from_mins(6));
    ask(&hospital, json!({ "username": "nadia" })).await;
    let links = asked(&hospital).await;
    hospital.clock.advance(SignedDuration::from_mins(15));
    let late = hospital.mint(links.last().expect("a link")).await;
    assert_eq!(
        late.map(drop).map_err(|status| status.code()),
        Err(tonic::Code::FailedPrecondition)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_use_of_one_link_closes_the_others_and_a_mailbox_is_not_flooded() {
    let hospital = Hospital::open().await;
    nadia(&hospital).await;
    let first = secret(&hospital).await;
    for _ in 0..20 {
        ask(&hospital, json!({ "username": "nadia" })).await;
    }
    assert_eq!(asked(&hospital).await.len(), 1, "one in five minutes");
    hospital.clock.advance(SignedDuration::from_mins(6));
    let second = secret(&hospital).await;
    assert_ne!(first, second);
    tokens(&consume(&hospital, &second).await, StatusCode::OK);
    assert_eq!(refused(&consume(&hospital, &first).await), INVALID);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_or_a_lock_ends_links_for_good() {
    let hospital = Hospital::open().await;
    let session = nadia(&hospital).await;
    let id = hospital.me(&session).await["id"].clone();
    let mailed = secret(&hospital).await;
    let forgot = json!({ "username": "nadia" });
    let anonymous = hospital.api.anonymous();
    anonymous.post("/auth/password/forgot", forgot).await;
    let all = hospital.published_of::<CredentialLinkRequested>().await;
    let reset = all.last().expect("a link")["linkId"]
        .as_str()
        .expect("an id");
    let reset = hospital.minted_secret(reset).await;
    let chosen = hospital
        .redeem("/auth/password/reset", &reset, "another pass phrase")
        .await;
    assert_eq!(chosen.status, StatusCode::NO_CONTENT);
    assert_eq!(refused(&consume(&hospital, &mailed).await), INVALID);

    hospital.clock.advance(SignedDuration::from_mins(6));
    let mailed = secret(&hospital).await;
    let admin = hospital.admin().await;
    let path = format!("/users/{}", id.as_str().expect("an id"));
    for locked in [true, false] {
        let reply = admin.patch(&path, json!({ "locked": locked })).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        assert_eq!(refused(&consume(&hospital, &mailed).await), INVALID);
    }
    hospital.clock.advance(SignedDuration::from_mins(6));
    let again = secret(&hospital).await;
    tokens(&consume(&hospital, &again).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_good_for_what_it_was_mailed_for_only() {
    let hospital = Hospital::open().await;
    nadia(&hospital).await;
    let mailed = secret(&hospital).await;
    let chosen = hospital
        .redeem("/auth/password/reset", &mailed, "another pass phrase")
        .await;
    assert_eq!(
        (chosen.status, chosen.pointers()),
        (StatusCode::BAD_REQUEST, vec!["/token"])
    );
    let forgot = json!({ "username": "nadia" });
    hospital
        .api
        .anonymous()
        .post("/auth/password/forgot", forgot)
        .await;
    let all = hospital.published_of::<CredentialLinkRequested>().await;
    let reset = all.last().expect("a link")["linkId"]
        .as_str()
        .expect("an id");
    let reset = hospital.minted_secret(reset).await;
    assert_eq!(refused(&consume(&hospital, &reset).await), INVALID);
    tokens(&consume(&hospital, &mailed).await, StatusCode::OK);
}

/// A mailbox opens what is its owner's own. A colleague reaches other people's records.
#[tokio::test(flavor = "multi_thread")]
async fn colleagues_without_an_authenticator_are_mailed_no_link() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    for (name, roles) in [
        ("nurse", &["NURSE"][..]),
        ("both", &["NURSE", "PATIENT"]),
        ("second", &["ADMIN"]),
    ] {
        let body = json!({ "username": name, "password": PASSWORD, "roles": roles, "email": "staff@example.org" });
        assert_eq!(admin.post("/users", body).await.status, StatusCode::CREATED);
        ask(&hospital, json!({ "username": name })).await;
    }
    ask(&hospital, json!({ "email": "staff@example.org" })).await;
    for nobody in ["nobody", "admin", ""] {
        ask(&hospital, json!({ "username": nobody })).await;
    }
    assert_eq!(asked(&hospital).await, Vec::<String>::new());
}

/// With an authenticator the link is one of two things to show, for anybody.
#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_is_asked_for_as_well_and_lets_colleagues_in() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let body = json!({ "username": "nurse", "password": PASSWORD, "roles": ["NURSE"], "email": "nurse@example.org" });
    assert_eq!(admin.post("/users", body).await.status, StatusCode::CREATED);
    for name in ["nadia", "nurse"] {
        let session = match name {
            "nadia" => nadia(&hospital).await,
            nurse => hospital.log_in(nurse, PASSWORD).await,
        };
        let caller = hospital.holder_of(&session);
        let phone = Phone::enrolled(&hospital, &caller).await;
        let confirmed = confirm(&caller, &phone.code()).await;
        assert_eq!(confirmed.status, StatusCode::OK, "{confirmed:?}");

        ask(&hospital, json!({ "username": name })).await;
        let links = asked(&hospital).await;
        let secret = hospital.minted_secret(links.last().expect("a link")).await;
        let with_code = async |code: String| {
            let body = json!({ "secret": secret, "mfaCode": code });
            let anonymous = hospital.api.anonymous();
            anonymous.post("/auth/magic-link/consume", body).await
        };
        let without = consume(&hospital, &secret).await;
        assert_eq!(
            (without.status.as_u16(), without.code()),
            (401, Some("MFA_REQUIRED"))
        );
        let wrong = with_code(phone.wrong_code()).await;
        assert_eq!(
            (wrong.status.as_u16(), wrong.code()),
            (401, Some("INVALID_MFA_CODE"))
        );
        // The code of the confirmation was used; neither mistake used the link up.
        let session = tokens(&with_code(phone.next_code()).await, StatusCode::OK);
        let authentication = hospital.holder_of(&session).get("/auth/me").await;
        assert_eq!(authentication.status, StatusCode::OK);
        let again = with_code(phone.next_code()).await;
        assert_eq!(refused(&again), INVALID);
    }
}

/// Who has the link cannot guess at codes: wrong ones count as at any login.
#[tokio::test(flavor = "multi_thread")]
async fn codes_beside_a_link_are_not_guessed() {
    let hospital = Hospital::open().await;
    let session = nadia(&hospital).await;
    let caller = hospital.holder_of(&session);
    let phone = Phone::enrolled(&hospital, &caller).await;
    confirm(&caller, &phone.code()).await;
    let secret = secret(&hospital).await;
    let guess = json!({ "secret": secret, "mfaCode": phone.wrong_code() });
    let anonymous = hospital.api.anonymous();
    let mut codes = Vec::new();
    for _ in 0..8 {
        let reply = anonymous
            .post("/auth/magic-link/consume", guess.clone())
            .await;
        codes.push(reply.code().unwrap_or_default().to_owned());
    }
    assert_eq!(codes[0], "INVALID_MFA_CODE");
    assert_eq!(codes[7], "TOO_MANY_ATTEMPTS", "{codes:?}");
}

/// Who becomes a colleague between asking and using is not let in by the link.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_does_not_outlive_the_roles_that_it_was_mailed_to() {
    let hospital = Hospital::open().await;
    let session = nadia(&hospital).await;
    let mailed = secret(&hospital).await;
    let id = hospital.me(&session).await["id"].clone();
    let path = format!("/users/{}", id.as_str().expect("an id"));
    let admin = hospital.admin().await;
    let reply = admin
        .patch(&path, json!({ "roles": ["PATIENT", "NURSE"] }))
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(refused(&consume(&hospital, &mailed).await), INVALID);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_link_is_in_the_audit_log_without_its_secret() {
    let hospital = Hospital::open().await;
    let session = nadia(&hospital).await;
    let mailed = secret(&hospital).await;
    tokens(&consume(&hospital, &mailed).await, StatusCode::OK);
    let id = hospital.me(&session).await["id"].clone();
    let audited = format!("{:?}", hospital.api.audited());
    assert!(audited.contains("magic-link/consume"), "{audited}");
    assert!(audited.contains(id.as_str().expect("an id")), "{audited}");
    assert!(!audited.contains(&mailed));
}

//! Guessing from somewhere: what is counted for whom, and who is not kept waiting.

use galen_service::testing::Reply;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use crate::hospital::{Hospital, PASSWORD};

const OFFICE: &str = "198.51.100.7";
const ATTACKER: &str = "203.0.113.66";

fn wait(reply: &Reply) -> i64 {
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS, "{reply:?}");
    assert_eq!(reply.code(), Some("TOO_MANY_ATTEMPTS"));
    let text = reply.header("retry-after").expect("a time to come back");
    text.parse().expect("seconds")
}

/// Guesses until there is a pause; returns how many guesses were looked at.
async fn guess_until_paused(
    hospital: &Hospital,
    from: &str,
    names: impl Iterator<Item = String>,
) -> usize {
    let mut tried = 0;
    for name in names {
        let reply = hospital.try_from(from, &name, "not the password").await;
        match reply.status {
            StatusCode::UNAUTHORIZED => tried += 1,
            _ => {
                wait(&reply);
                return tried;
            }
        }
    }
    panic!("{tried} guesses, and no pause");
}

fn always(name: &str) -> impl Iterator<Item = String> + use<> {
    std::iter::repeat(name.to_owned())
}

fn strangers() -> impl Iterator<Item = String> {
    (0..1000).map(|n| format!("stranger-{n}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_guess_do_not_lock_the_owner_out() {
    let hospital = Hospital::open().await;
    hospital.register("nadia").await;
    assert_eq!(
        hospital.try_from(OFFICE, "nadia", PASSWORD).await.status,
        StatusCode::OK
    );
    // A botnet: no address guesses twice, and all of them together are one stranger.
    let mut tried = 0;
    for n in 0..60 {
        let bot = format!("203.0.113.{n}");
        let reply = hospital.try_from(&bot, "nadia", "not the password").await;
        tried += usize::from(reply.status == StatusCode::UNAUTHORIZED);
    }
    assert_eq!(tried, 5);
    // The right password is not even looked at from elsewhere …
    wait(&hospital.try_from("192.0.2.1", "nadia", PASSWORD).await);
    // … and gets in where it is familiar, which does not let strangers begin anew.
    assert_eq!(
        hospital.try_from(OFFICE, "nadia", PASSWORD).await.status,
        StatusCode::OK
    );
    wait(&hospital.try_from("192.0.2.1", "nadia", PASSWORD).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_familiar_guessing_is_as_slow() {
    let hospital = Hospital::open().await;
    hospital.register("nadia").await;
    hospital.try_from(OFFICE, "nadia", PASSWORD).await;
    assert_eq!(
        guess_until_paused(&hospital, OFFICE, always("nadia")).await,
        5
    );
    for pause in [1, 2, 4, 8] {
        let refused = wait(&hospital.try_from(OFFICE, "nadia", PASSWORD).await);
        assert!((pause..=pause + 1).contains(&refused), "{refused}");
        hospital.clock.advance(SignedDuration::from_secs(pause));
        let tried = hospital.try_from(OFFICE, "nadia", "not the password").await;
        assert_eq!(tried.status, StatusCode::UNAUTHORIZED);
    }
    // Elsewhere nothing was counted.
    assert_eq!(
        hospital
            .try_from("192.0.2.1", "nadia", PASSWORD)
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_is_slow_with_all_names_together() {
    let hospital = Hospital::open().await;
    for name in ["nadia", "omar"] {
        hospital.register(name).await;
    }
    hospital.try_from(ATTACKER, "omar", PASSWORD).await;
    assert_eq!(
        guess_until_paused(&hospital, ATTACKER, strangers()).await,
        21
    );
    // Nobody else's right password gets in from there, and what gets in elsewhere does.
    wait(&hospital.try_from(ATTACKER, "nadia", PASSWORD).await);
    assert_eq!(
        hospital.try_from(OFFICE, "nadia", PASSWORD).await.status,
        StatusCode::OK
    );
    // Whoever is at home at that address is not kept waiting, and opens nothing for others.
    assert_eq!(
        hospital.try_from(ATTACKER, "omar", PASSWORD).await.status,
        StatusCode::OK
    );
    wait(&hospital.try_from(ATTACKER, "nadia", PASSWORD).await);
    // A count that leaks: a minute later one guess weighs less, and so on.
    hospital.clock.advance(SignedDuration::from_mins(30));
    assert_eq!(
        guess_until_paused(&hospital, ATTACKER, strangers()).await,
        21
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_one_client_is_one_address() {
    let hospital = Hospital::open().await;
    let mut tried = 0;
    for n in 0..60 {
        let reply = hospital
            .try_from(
                &format!("2001:db8:1:2::{n:x}"),
                &format!("stranger-{n}"),
                "guess",
            )
            .await;
        tried += usize::from(reply.status == StatusCode::UNAUTHORIZED);
    }
    assert_eq!(tried, 21);
    let elsewhere = hospital
        .try_from("2001:db8:1:3::1", "stranger-0", "guess")
        .await;
    assert_eq!(elsewhere.status, StatusCode::UNAUTHORIZED);
    // The same network, written as IPv4 inside IPv6, is another client.
    hospital
        .try_from("::ffff:198.51.100.7", "stranger-1", "guess")
        .await;
    hospital.register("nadia").await;
    hospital
        .try_from("::ffff:198.51.100.7", "nadia", PASSWORD)
        .await;
    for _ in 0..20 {
        hospital.try_from("203.0.113.9", "nadia", "guess").await;
    }
    assert_eq!(
        hospital.try_from(OFFICE, "nadia", PASSWORD).await.status,
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_renewed_whatever_is_guessed() {
    let hospital = Hospital::open().await;
    let tokens = hospital.register("nadia").await;
    guess_until_paused(&hospital, ATTACKER, always("nadia")).await;
    guess_until_paused(&hospital, ATTACKER, strangers()).await;
    let body = json!({ "refreshToken": tokens.refresh });
    let from = ATTACKER.parse().expect("an address");
    let renewed = hospital
        .api
        .anonymous()
        .from(from)
        .post("/auth/refresh", body)
        .await;
    assert_eq!(renewed.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_makes_only_the_place_familiar_where_it_was_chosen() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let body = json!({ "username": "nadia", "password": PASSWORD, "roles": ["NURSE"], "email": "nadia@example.com" });
    assert_eq!(admin.post("/users", body).await.status, StatusCode::CREATED);
    // Somebody who knew the old password.
    hospital.try_from(ATTACKER, "nadia", PASSWORD).await;
    let forgot = json!({ "username": "nadia" });
    hospital
        .api
        .anonymous()
        .post("/auth/password/forgot", forgot)
        .await;
    let wanted = hospital
        .published_of::<galen_contracts::identity::v1::CredentialLinkRequested>()
        .await;
    let link = wanted.last().expect("a link was asked for")["linkId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let secret = hospital.minted_secret(&link).await;
    guess_until_paused(&hospital, "192.0.2.1", always("nadia")).await;
    let chosen = json!({ "token": secret, "newPassword": "another battery staple" });
    let office = OFFICE.parse().expect("an address");
    let reply = hospital
        .api
        .anonymous()
        .from(office)
        .post("/auth/password/reset", chosen)
        .await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{reply:?}");
    guess_until_paused(&hospital, ATTACKER, always("nadia")).await;
    wait(
        &hospital
            .try_from(ATTACKER, "nadia", "another battery staple")
            .await,
    );
    let entered = hospital
        .try_from(OFFICE, "nadia", "another battery staple")
        .await;
    assert_eq!(entered.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn places_and_addresses_are_forgotten() {
    let hospital = Hospital::open().await;
    hospital.register("nadia").await;
    hospital.try_from(OFFICE, "nadia", PASSWORD).await;
    hospital.try_from(ATTACKER, "nobody", "guess").await;
    assert_eq!(hospital.run_job("identity.forget").await, 0);
    hospital.clock.advance(SignedDuration::from_mins(2));
    assert_eq!(hospital.run_job("identity.forget").await, 1, "the address");
    hospital.clock.advance(SignedDuration::from_hours(91 * 24));
    // The name that was tried, the place, and the sessions that have ended.
    assert_eq!(hospital.run_job("identity.forget").await, 4);
    for table in ["familiar_place", "address_failure", "login_attempt"] {
        let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "select count(*) from identity.{table}"
        )))
        .fetch_one(hospital.behind_the_curtain())
        .await
        .expect("readable");
        assert_eq!(left, 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_side_by_side_all_weigh_on_the_address() {
    let hospital = Hospital::open().await;
    let guesses = (0..100).map(|n| {
        let name = format!("stranger-{n}");
        let hospital = &hospital;
        async move { hospital.try_from(ATTACKER, &name, "guess").await }
    });
    let replies = futures::future::join_all(guesses).await;
    let tried = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::UNAUTHORIZED)
        .count();
    // The clock stands still: twenty-one guesses, and those that ran beside the last.
    let seats = std::thread::available_parallelism().map_or(1, usize::from);
    assert!((21..21 + seats).contains(&tried), "{tried}");
    for reply in replies
        .iter()
        .filter(|reply| reply.status != StatusCode::UNAUTHORIZED)
    {
        wait(reply);
    }
}

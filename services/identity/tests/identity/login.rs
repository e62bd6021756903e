//! Logging in, and guessing.

use std::time::{Duration, Instant};

use galen_service::testing::Reply;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use crate::hospital::{ADMIN_PASSWORD, Hospital, PASSWORD};

fn refusal(reply: &Reply) -> (StatusCode, Option<&str>, Option<&str>) {
    (reply.status, reply.code(), reply.body["title"].as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_a_principal_with_its_roles() {
    let hospital = Hospital::open().await;
    let tokens = hospital.log_in("admin", ADMIN_PASSWORD).await;
    let principal = hospital
        .platform
        .keys
        .verify(&tokens.access, hospital.clock.now())
        .expect("a valid token");
    assert_eq!(principal.roles, [galen_access::Role::Admin]);
    hospital.clock.advance(SignedDuration::from_mins(16));
    assert!(
        hospital
            .platform
            .keys
            .verify(&tokens.access, hospital.clock.now())
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_reasons_for_a_refusal_look_the_same() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let locked = hospital.hire(&admin, "locked", &["NURSE"]).await;
    admin
        .patch(
            &format!("/users/{}", locked["id"].as_str().expect("an id")),
            json!({ "locked": true }),
        )
        .await;
    admin
        .post(
            "/users",
            json!({ "username": "no-password", "roles": ["NURSE"] }),
        )
        .await;

    let wrong = hospital.try_log_in("admin", "not the password").await;
    assert_eq!(refusal(&wrong).0, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.code(), Some("INVALID_CREDENTIALS"));
    for (username, password) in [
        ("nobody", PASSWORD),
        ("locked", PASSWORD),
        ("locked", "not the password"),
        ("no-password", PASSWORD),
        ("no-password", ""),
        ("", ""),
        ("bell\u{7}name", PASSWORD),
    ] {
        assert_eq!(
            refusal(&hospital.try_log_in(username, password).await),
            refusal(&wrong),
            "{username}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let hospital = Hospital::open().await;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for round in 0..4 {
        // Names differ, so that no pause gets in the way.
        hospital.register(&format!("person-{round}")).await;
        for (name, times) in [
            (format!("person-{round}"), &mut known),
            (format!("nobody-{round}"), &mut unknown),
        ] {
            for _ in 0..3 {
                let start = Instant::now();
                assert_eq!(
                    hospital.try_log_in(&name, "not the password").await.status,
                    StatusCode::UNAUTHORIZED
                );
                times.push(start.elapsed());
            }
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    // Without the dummy hash it is a twentieth; machines under load are uneven.
    assert!(
        median(&mut unknown) > median(&mut known) / 3,
        "{unknown:?} {known:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_gets_slow_whether_or_not_the_name_exists() {
    let hospital = Hospital::open().await;
    hospital.register("nadia").await;
    for name in ["nadia", "nobody"] {
        for _ in 0..5 {
            assert_eq!(
                hospital.try_log_in(name, "not the password").await.code(),
                Some("INVALID_CREDENTIALS")
            );
        }
        for pause in [1, 2, 4, 8] {
            // The right password is not even looked at.
            let refused = hospital.try_log_in(name, PASSWORD).await;
            assert_eq!(refusal(&refused).0, StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(refused.code(), Some("TOO_MANY_ATTEMPTS"));
            let wait: i64 = refused
                .header("retry-after")
                .and_then(|text| text.parse().ok())
                .expect("seconds");
            assert!((pause..=pause + 1).contains(&wait), "{wait}");
            hospital.clock.advance(SignedDuration::from_secs(pause));
            assert_eq!(
                hospital.try_log_in(name, "not the password").await.code(),
                Some("INVALID_CREDENTIALS")
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_forgets_the_failures() {
    let hospital = Hospital::open().await;
    hospital.register("nadia").await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(
                hospital
                    .try_log_in("nadia", "not the password")
                    .await
                    .status,
                StatusCode::UNAUTHORIZED
            );
        }
        hospital.log_in("nadia", PASSWORD).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_forgotten_after_a_day() {
    let hospital = Hospital::open().await;
    for n in 0..3 {
        hospital.try_log_in(&format!("nobody-{n}"), PASSWORD).await;
    }
    assert_eq!(hospital.run_job("identity.forget").await, 0);
    hospital.clock.advance(SignedDuration::from_hours(25));
    hospital.try_log_in("nobody-9", PASSWORD).await;
    assert_eq!(hospital.run_job("identity.forget").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_side_by_side_are_counted() {
    let hospital = Hospital::open().await;
    hospital.register("nadia").await;
    let guesses = (0..60).map(|_| hospital.try_log_in("nadia", "not the password"));
    let replies = futures::future::join_all(guesses).await;
    let tried = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::UNAUTHORIZED)
        .count();
    let refused = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::TOO_MANY_REQUESTS)
        .count();
    // The clock stands still: five free guesses, and those that ran beside the fifth.
    let seats = std::thread::available_parallelism().map_or(1, usize::from);
    assert!((5..5 + seats).contains(&tried), "{tried}");
    assert_eq!(tried + refused, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_logins_than_can_wait_are_turned_away() {
    let hospital = Hospital::open_with(&[("identity.password_queue", "0")]).await;
    let logins = (0..60).map(|n| {
        let caller = hospital.api.anonymous();
        let body = json!({ "username": format!("nobody-{n}"), "password": PASSWORD });
        async move { caller.post("/auth/login", body).await }
    });
    let replies = futures::future::join_all(logins).await;
    let overloaded = replies
        .iter()
        .filter(|reply| reply.code() == Some("OVERLOADED"))
        .count();
    let answered = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::UNAUTHORIZED)
        .count();
    assert!(overloaded > 0 && answered > 0, "{overloaded} {answered}");
    assert_eq!(overloaded + answered, 60);
}

/// Guesses at a paused name cost no hash and take nobody's turn: while hundreds of them
/// are under way, another user logs in, although hardly anybody may wait.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_a_paused_name_keep_nobody_else_out() {
    let hospital = Hospital::open_with(&[("identity.password_queue", "1")]).await;
    hospital.register("nadia").await;
    hospital.register("omar").await;
    for _ in 0..5 {
        hospital.try_log_in("nadia", "not the password").await;
    }
    let guesses = (0..400).map(|_| hospital.try_log_in("nadia", "still not the password"));
    let (guesses, login) = futures::join!(
        futures::future::join_all(guesses),
        hospital.try_log_in("omar", PASSWORD)
    );
    assert_eq!(login.status, StatusCode::OK, "{}", login.body);
    for guess in guesses {
        assert_eq!(guess.code(), Some("TOO_MANY_ATTEMPTS"));
    }
}

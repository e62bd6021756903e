//! Refresh tokens: each works once.

use futures::future::join_all;
use galen_contracts::identity::v1::TokenReuseDetected;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use crate::hospital::{Hospital, PASSWORD, tokens};

#[tokio::test(flavor = "multi_thread")]
async fn a_refreshed_session_goes_on_with_new_tokens() {
    let hospital = Hospital::open().await;
    let first = hospital.register("nadia").await;
    let session = hospital.me(&first).await["sessionId"].clone();
    let second = tokens(&hospital.refresh(&first.refresh).await, StatusCode::OK);
    let third = tokens(&hospital.refresh(&second.refresh).await, StatusCode::OK);
    assert_ne!(second.refresh, third.refresh);
    assert_eq!(hospital.me(&third).await["sessionId"], session);
    assert_eq!(hospital.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_used_twice_ends_its_session_and_no_other() {
    let hospital = Hospital::open().await;
    let other = hospital.register("nadia").await;
    let first = hospital.log_in("nadia", PASSWORD).await;
    let second = tokens(&hospital.refresh(&first.refresh).await, StatusCode::OK);
    let me = hospital.me(&second).await;
    let reused = hospital.refresh(&first.refresh).await;
    assert_eq!(
        (reused.status, reused.code()),
        (StatusCode::UNAUTHORIZED, Some("INVALID_REFRESH_TOKEN"))
    );
    assert_eq!(
        hospital.refresh(&second.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    tokens(&hospital.refresh(&other.refresh).await, StatusCode::OK);

    let said = hospital.published_of::<TokenReuseDetected>().await;
    assert_eq!(
        said,
        [json!({ "userId": me["id"], "sessionId": me["sessionId"] })]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_refreshes_side_by_side_one_wins_and_the_family_ends() {
    let hospital = Hospital::open().await;
    for round in 0..4_usize {
        let family = hospital.register(&format!("person-{round}")).await;
        let replies = join_all((0..100).map(|_| hospital.refresh(&family.refresh))).await;
        let winners: Vec<_> = replies
            .iter()
            .filter(|reply| reply.status == StatusCode::OK)
            .collect();
        let refused = replies
            .iter()
            .filter(|reply| reply.code() == Some("INVALID_REFRESH_TOKEN"))
            .count();
        assert_eq!((winners.len(), refused), (1, 99));
        let won = tokens(winners[0], StatusCode::OK);
        assert_eq!(
            hospital.refresh(&won.refresh).await.status,
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(
            hospital.published_of::<TokenReuseDetected>().await.len(),
            round + 1
        );
    }
    assert_eq!(hospital.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_not_used_and_after_a_month_all_the_same() {
    let hospital = Hospital::open().await;
    let idle = hospital.register("idle").await;
    let mut used = hospital.register("busy").await;
    for _ in 0..4 {
        hospital
            .clock
            .advance(SignedDuration::from_hours(7 * 24 - 1));
        used = tokens(&hospital.refresh(&used.refresh).await, StatusCode::OK);
    }
    assert_eq!(
        hospital.refresh(&idle.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    hospital.clock.advance(SignedDuration::from_hours(3 * 24));
    assert_eq!(
        hospital.refresh(&used.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(hospital.published_of::<TokenReuseDetected>().await.len(), 0);

    hospital.clock.advance(SignedDuration::from_hours(31 * 24));
    assert_eq!(hospital.run_job("identity.forget").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_changed_end_the_session_and_are_in_the_next() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let tokens_before = hospital.register("nadia").await;
    let id = hospital.me(&tokens_before).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    admin
        .patch(
            &format!("/users/{id}"),
            json!({ "roles": ["RECEPTIONIST", "PATIENT"] }),
        )
        .await;
    assert_eq!(
        hospital.refresh(&tokens_before.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    let after = hospital.log_in("nadia", PASSWORD).await;
    let principal = hospital
        .platform
        .keys
        .verify(&after.access, hospital.clock.now())
        .expect("a valid token");
    assert!(principal.may(galen_access::Permission::PatientWrite));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_of_ours_is_refused() {
    let hospital = Hospital::open().await;
    for token in ["", "x", "bell\u{7}", &"x".repeat(10_000)] {
        assert_eq!(
            hospital.refresh(token).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
}

//! Limits, whose they are, and what happens when there is no room.

use std::time::Duration;

use galen_access::SigningKey;
use galen_kernel::Clock;
use http::{Method, StatusCode};
use jiff::SignedDuration;

use crate::door::Door;

/// Three reads, two changes, one attempt to log in; then one a minute.
const TIGHT: &[(&str, &str)] = &[
    ("gateway.read_per_minute", "1"),
    ("gateway.read_burst", "3"),
    ("gateway.write_per_minute", "1"),
    ("gateway.write_burst", "2"),
    ("gateway.auth_per_minute", "1"),
    ("gateway.auth_burst", "1"),
];
const THINGS: &str = "/api/v1/things";
const HERE: &str = "203.0.113.1";

async fn reads(door: &Door, from: &str, headers: &[(&str, &str)]) -> StatusCode {
    door.knock(from, Method::GET, THINGS, headers).await.status
}

/// How many reads pass, up to ten.
async fn passing(door: &Door, from: &str, headers: &[(&str, &str)]) -> usize {
    for passed in 0..10 {
        if reads(door, from, headers).await != StatusCode::OK {
            return passed;
        }
    }
    10
}

#[tokio::test]
async fn who_asks_too_much_is_told_when_to_come_back() {
    let door = Door::open(TIGHT);
    for left in ["2", "1", "0"] {
        let reply = door.get(THINGS, &[]).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.header("ratelimit-policy"), Some("\"read\";q=3;w=180"));
        let remaining = reply.header("ratelimit").unwrap();
        assert!(
            remaining.starts_with(&format!("\"read\";r={left};t=")),
            "{remaining}"
        );
    }
    let refused = door.get(THINGS, &[]).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.code(), Some("TOO_MANY_REQUESTS"));
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(refused.header("ratelimit"), Some("\"read\";r=0;t=60"));
    assert_eq!(refused.header("retry-after"), Some("60"));
}

#[tokio::test]
async fn classes_of_requests_are_counted_apart() {
    let door = Door::open(TIGHT);
    assert_eq!(passing(&door, HERE, &[]).await, 3);
    for (path, statuses) in [
        (THINGS, [200, 200, 429]),
        ("/api/v1/auth/login", [200, 429, 429]),
    ] {
        for status in statuses {
            assert_eq!(
                door.knock(HERE, Method::POST, path, &[]).await.status,
                status,
                "{path}"
            );
        }
    }
    for _ in 0..20 {
        assert_eq!(door.get("/health/ready", &[]).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn accounts_behind_one_address_are_counted_apart() {
    let door = Door::open(TIGHT);
    for _ in 0..3 {
        let token = format!("Bearer {}", door.token());
        assert_eq!(passing(&door, HERE, &[("authorization", &token)]).await, 3);
    }
    assert_eq!(
        passing(&door, HERE, &[]).await,
        3,
        "the address has a bucket of its own"
    );
}

#[tokio::test]
async fn an_account_has_one_bucket_for_all_its_tokens_and_addresses() {
    let door = Door::open(TIGHT);
    let user = door.clock().id();
    let mut passed = 0;
    for from in ["203.0.113.1", "203.0.113.2", "2001:db8::1"] {
        let token = format!("Bearer {}", door.token_of(user));
        passed += passing(&door, from, &[("authorization", &token)]).await;
    }
    assert_eq!(passed, 3);
}

#[tokio::test]
async fn a_token_that_proves_nothing_counts_for_the_address() {
    let door = Door::open(TIGHT);
    let (foreign, expired) = (SigningKey::generate().unwrap(), door.token());
    door.clock().advance(SignedDuration::from_hours(1));
    let mut passed = 0;
    for _ in 0..3 {
        let forged = format!(
            "Bearer {}",
            door.token_signed_with(&foreign, Clock::system().id())
        );
        passed += passing(&door, HERE, &[("authorization", &forged)]).await;
    }
    passed += passing(
        &door,
        HERE,
        &[("authorization", &format!("Bearer {expired}"))],
    )
    .await;
    passed += passing(&door, HERE, &[("authorization", "Bearer nonsense")]).await;
    assert_eq!(passed, 3);
}

#[tokio::test]
async fn a_spoofed_address_is_ignored() {
    let door = Door::open(TIGHT);
    let mut passed = 0;
    for number in 0..5 {
        let address = format!("198.51.100.{number}");
        let said = [
            ("x-forwarded-for", address.as_str()),
            ("x-real-ip", &address),
            ("forwarded", &address),
        ];
        passed += passing(&door, HERE, &said).await;
    }
    assert_eq!(passed, 3);
    assert_eq!(passing(&door, "203.0.113.2", &[]).await, 3);
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_request_it_is() {
    let door = Door::open(&[TIGHT, &[("gateway.trusted_proxies", "10.0.0.0/8")]].concat());
    for number in 0..3 {
        let chain = format!("198.51.100.7, 203.0.113.{number}, 10.0.0.9");
        assert_eq!(
            passing(&door, "10.0.0.1", &[("x-forwarded-for", &chain)]).await,
            3
        );
    }
    let spoofed = passing(&door, "192.0.2.1", &[("x-forwarded-for", "203.0.113.77")]).await;
    assert_eq!(spoofed, 3);
    assert_eq!(
        passing(&door, "192.0.2.1", &[("x-forwarded-for", "203.0.113.78")]).await,
        0
    );
}

#[tokio::test]
async fn one_ipv6_household_is_one_client() {
    let door = Door::open(TIGHT);
    assert_eq!(passing(&door, "2001:db8:1:2::1", &[]).await, 3);
    assert_eq!(passing(&door, "2001:db8:1:2:ffff::9", &[]).await, 0);
    assert_eq!(passing(&door, "2001:db8:1:3::1", &[]).await, 3);
}

#[tokio::test]
async fn limits_can_be_off() {
    let door = Door::open(&[TIGHT, &[("gateway.limits", "off")]].concat());
    assert_eq!(passing(&door, HERE, &[]).await, 10);
    assert_eq!(door.get(THINGS, &[]).await.header("ratelimit"), None);
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start() {
    let error = Door::try_open(&[("gateway.limits", "sometimes")])
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "gateway.limits: must be on or off");
}

#[tokio::test]
async fn what_there_is_no_room_for_is_shed_but_health_and_logins_are_not() {
    let door = Door::open(&[("gateway.concurrency", "1"), ("gateway.reserved", "1")]);
    let meanwhile = async {
        // The slow request is under way once others are refused.
        while reads(&door, HERE, &[]).await == StatusCode::OK {
            tokio::task::yield_now().await;
        }
        let shed = door.get(THINGS, &[]).await;
        assert_eq!(shed.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(shed.code(), Some("OVERLOADED"));
        assert_eq!(shed.header("retry-after"), Some("1"));
        assert_eq!(door.get("/health/ready", &[]).await.status, StatusCode::OK);
        let login = door
            .knock(HERE, Method::POST, "/api/v1/auth/login", &[])
            .await;
        assert_eq!(login.status, StatusCode::OK);
        door.slow.add_permits(1);
    };
    let both = async { tokio::join!(door.get("/api/v1/slow", &[]), meanwhile) };
    let (slow, ()) = tokio::time::timeout(Duration::from_secs(10), both)
        .await
        .unwrap();
    assert_eq!(slow.status, StatusCode::OK);
    assert_eq!(reads(&door, HERE, &[]).await, StatusCode::OK);
}

//! What the provider sends, and what somebody else sends in its name.

use bytes::Bytes;
use galen_securepay::provider::signature::{ID, SIGNATURE, Secret, TIMESTAMP};
use http::{HeaderMap, Method};
use jiff::SignedDuration;
use uuid::Uuid;

use super::counter::Counter;

async fn send(
    counter: &Counter,
    provider: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> (u16, Option<String>) {
    let mut caller = counter.house.api.anonymous();
    for (name, value) in headers {
        caller = caller.with_header(name.clone(), value.to_str().expect("text"));
    }
    let path = format!("/api/v1/provider-webhooks/{provider}");
    let reply = caller
        .send(Method::POST, &path, Bytes::copy_from_slice(body))
        .await;
    (reply.status.as_u16(), reply.code().map(Into::into))
}

/// When the order is asked about next, in whole seconds from now.
async fn due(counter: &Counter) -> Option<i64> {
    sqlx::query_scalar(
        "select ceil(extract(epoch from due_at - $1::timestamptz))::bigint from provider_order",
    )
    .bind(galen_storage::ts(counter.house.platform.clock.now()))
    .fetch_one(counter.house.db.pool())
    .await
    .expect("the database answers")
}

#[tokio::test]
async fn a_webhook_makes_the_provider_be_asked_now() {
    let counter = Counter::open().await;
    let id = counter.top_up("4040.06").await;
    counter.works().await;
    // Asked often while it is under way, so that the pauses grow.
    let (mut passed, takes) = (0, 600);
    loop {
        let pause = due(&counter).await.expect("it waits");
        if passed + pause > takes {
            break;
        }
        counter.passes(SignedDuration::from_secs(pause));
        counter.works().await;
        passed += pause;
    }
    counter.passes(SignedDuration::from_secs(takes - passed));
    assert_eq!(counter.works().await, 0, "it is not due");
    counter.top_up_is(&id, "PENDING").await;
    let posted = counter.simulator().post(counter.pursuit()).await;
    assert_eq!(posted.expect("the database answers"), 1);
    counter.works().await;
    counter.top_up_is(&id, "CAPTURED").await;
    assert_eq!(counter.totals().await, [404_006, 0, 0]);
    counter.is_sound().await;
}

#[tokio::test]
async fn late_and_doubled_webhooks_do_nothing() {
    let counter = Counter::open().await;
    let id = counter.top_up("4040.08").await;
    counter.works().await;
    counter.top_up_is(&id, "CAPTURED").await;
    let version = "select version from provider_order";
    let before = counter.house.number(version).await;
    let reference: Uuid = id.parse().expect("an id");
    let (headers, body) = counter.simulator().letter(reference);
    for _ in 0..3 {
        assert_eq!(send(&counter, "simulator", &headers, &body).await.0, 204);
    }
    let mut letters = 0;
    for _ in 0..10 {
        counter.passes(SignedDuration::from_mins(3));
        letters += counter
            .simulator()
            .post(counter.pursuit())
            .await
            .expect("the database answers");
    }
    assert_eq!(letters, 3);
    assert_eq!(counter.works().await, 0);
    assert_eq!(counter.house.number(version).await, before);
    assert_eq!(counter.totals().await, [404_008, 0, 0]);
    assert_eq!(counter.told(&id).await.len(), 1);
    counter.is_sound().await;
}

#[tokio::test]
async fn forged_and_stale_webhooks_are_refused_and_leave_nothing() {
    let counter = Counter::open().await;
    let id = counter.top_up("4040.06").await;
    counter.works().await;
    let row = "select version from provider_order";
    let before = counter.house.number(row).await;
    let reference: Uuid = id.parse().expect("an id");
    let (headers, body) = counter.simulator().letter(reference);
    let refused = (400, Some("WEBHOOK_REFUSED".to_owned()));

    let theirs = Secret::generate().sign("m", counter.house.platform.clock.now(), &body);
    let forged: HeaderMap = theirs
        .into_iter()
        .map(|(name, text)| (name, text.parse().expect("a header")))
        .collect();
    assert_eq!(send(&counter, "simulator", &forged, &body).await, refused);
    assert_eq!(send(&counter, "simulator", &headers, b"{}").await, refused);
    for missing in [ID, TIMESTAMP, SIGNATURE] {
        let mut headers = headers.clone();
        headers.remove(missing);
        assert_eq!(send(&counter, "simulator", &headers, &body).await, refused);
    }
    assert_eq!(send(&counter, "other", &headers, &body).await.0, 404);
    let (unknown, about) = counter.simulator().letter(Uuid::now_v7());
    assert_eq!(send(&counter, "simulator", &unknown, &about).await.0, 204);
    counter.passes(SignedDuration::from_secs(301));
    assert_eq!(send(&counter, "simulator", &headers, &body).await, refused);
    assert_eq!(counter.house.number(row).await, before);
    let (headers, body) = counter.simulator().letter(reference);
    assert_eq!(send(&counter, "simulator", &headers, &body).await.0, 204);
    assert_eq!(counter.house.number(row).await, before, "it is due anyway");
}

//! What other systems are told, from the event to their own HTTP server.

use std::sync::Arc;

use galen_access::Role;
use galen_contracts::Event;
use galen_contracts::securepay::v1::{
    Money, PaymentCaptured, PaymentFacts, TopUpSettled, WalletOpened,
};
use galen_eventing::{Backbone, Publish as _, Running};
use galen_kernel::{Clock, Problem};
use galen_service::Service as _;
use galen_service::testing::{Reply as Answered, TestCaller};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::house::House;
use crate::receiver::{Receiver, Reply};

/// As in development: the receiver is on this machine.
const LENIENT: &[(&str, &str)] = &[
    ("webhooks.allow_http", "true"),
    ("webhooks.allow_private_networks", "true"),
];

struct World {
    house: House,
    running: Running,
    receiver: Receiver,
    _stops: DropGuard,
}

impl World {
    async fn open() -> Self {
        Self::with(LENIENT).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        // Verifiers compare with the machine's clock.
        let clock = Clock::manual(Clock::system().now());
        let house = House::with(clock, settings).await;
        let stop = CancellationToken::new();
        let events = house.database.open_events().await;
        let mut backbone = Backbone::new(events, house.database.wake());
        for subscription in house.service.subscriptions() {
            backbone.subscribe(&house.db, subscription);
        }
        Self {
            running: backbone.run(stop.clone()),
            house,
            receiver: Receiver::open().await,
            _stops: stop.drop_guard(),
        }
    }

    fn admin(&self) -> TestCaller {
        self.house.api.as_role(Role::Admin)
    }

    fn advance(&self, by: SignedDuration) {
        self.house.platform.clock.advance(by);
    }

    /// An endpoint at a path of the receiver; gives its id and its secret.
    async fn endpoint(&self, path: &str, events: &[&str]) -> (String, String) {
        let url = self.receiver.url("127.0.0.1", path);
        let body = json!({ "url": url, "events": events });
        let made = self.admin().post("/webhook-endpoints", body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        (text(&made.body["id"]), text(&made.body["secret"]))
    }

    async fn happens<E: Event>(&self, event: &E) {
        let mut tx = self.house.db.begin().await.expect("a transaction");
        tx.publish(event);
        tx.commit().await.expect("a commit");
        self.running.settle().await.expect("everything is heard");
    }

    /// The job of this name, as whoever leads runs it.
    async fn job(&self, name: &str) -> Result<u64, Problem> {
        job(&self.house, name).await
    }

    async fn send(&self) -> u64 {
        self.job("securepay.webhooks.send")
            .await
            .expect("the database answers")
    }

    async fn deliveries(&self, query: &str) -> Vec<Value> {
        let reply = self
            .admin()
            .get(&format!("/webhook-deliveries{query}"))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["items"].as_array().expect("a list").clone()
    }

    /// The only delivery with its attempts.
    async fn history(&self) -> Value {
        let deliveries = self.deliveries("").await;
        assert_eq!(deliveries.len(), 1, "{deliveries:?}");
        let id = text(&deliveries[0]["id"]);
        let reply = self.admin().get(&format!("/webhook-deliveries/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    }

    async fn post(&self, path: &str) -> Answered {
        self.admin().post(path, Value::Null).await
    }
}

async fn job(house: &House, name: &str) -> Result<u64, Problem> {
    let jobs = house.service.jobs();
    let job = jobs.iter().find(|job| job.name() == name);
    job.expect("there is such a job").run_once().await
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn captured() -> PaymentCaptured {
    let euros = |minor| {
        Some(Money {
            minor,
            currency: "EUR".to_owned(),
        })
    };
    PaymentCaptured {
        payment: Some(PaymentFacts {
            payment_id: Uuid::now_v7().to_string(),
            amount: euros(15_000),
            from_wallet_id: Uuid::now_v7().to_string(),
            to_wallet_id: Uuid::now_v7().to_string(),
            ..Default::default()
        }),
        captured: euros(15_000),
    }
}

#[tokio::test]
async fn a_payment_is_told_so_that_anybody_can_verify_it() {
    let world = World::open().await;
    world.receiver.always(Reply::Body(b"thanks\0".to_vec()));
    let (id, secret) = world
        .endpoint("/hooks?from=galen", &["payment.captured"])
        .await;
    let event = captured();
    world.happens(&event).await;
    assert_eq!(world.send().await, 1);

    let told = world.receiver.only();
    assert_eq!(told.path, "/hooks");
    assert_eq!(told.header("content-type"), "application/json");
    assert!(told.is_signed_with(&secret));
    let (_, another) = world.endpoint("/", &["payment.voided"]).await;
    assert!(!told.is_signed_with(&another));
    let mut forged = told.clone();
    forged.body = String::from_utf8(told.body.to_vec())
        .expect("UTF-8")
        .replace("150.00", "950.00")
        .into();
    assert!(!forged.is_signed_with(&secret));

    let body: Value = serde_json::from_slice(&told.body).expect("JSON");
    assert_eq!(body["type"], "payment.captured");
    let payment = event.payment.expect("it is there");
    assert_eq!(body["data"]["paymentId"], payment.payment_id);
    let amount = json!({ "amount": "150.00", "currency": "EUR" });
    assert_eq!(body["data"]["captured"], amount);

    let history = world.history().await;
    assert_eq!(history["status"], "DELIVERED");
    assert_eq!(history["endpointId"], id);
    assert_eq!(history["messageId"], told.header("webhook-id"));
    assert_eq!(
        history["body"].as_str().map(str::as_bytes),
        Some(&*told.body)
    );
    assert_eq!(history["attempts"][0]["number"], 1);
    assert_eq!(history["attempts"][0]["statusCode"], 200);
    assert_eq!(history["attempts"][0]["response"], "thanks ");
    assert_eq!(world.send().await, 0, "it has it");
}

#[tokio::test]
async fn a_secret_is_shown_once_and_stored_sealed() {
    let world = World::open().await;
    let body = json!({
        "url": world.receiver.url("127.0.0.1", "/"),
        "events": ["payment.captured"],
        "description": "Accounting",
    });
    let made = world.admin().post("/webhook-endpoints", body).await;
    assert_eq!(made.header("cache-control"), Some("no-store"));
    assert!(text(&made.body["secret"]).starts_with("whsec_"));
    let path = format!("/webhook-endpoints/{}", text(&made.body["id"]));
    assert_eq!(made.header("location"), Some(&*format!("/api/v1{path}")));
    let shown = world.admin().get(&path).await;
    assert_eq!(shown.body["description"], "Accounting");
    assert_eq!(shown.body.get("secret"), None);
    let listed = world.admin().get("/webhook-endpoints").await;
    assert_eq!(listed.body["items"], json!([shown.body]));
    let readable = world
        .house
        .number(
            "select count(*) from webhook_secret s join webhook_endpoint e on e.id = s.endpoint_id
             where encode(s.secret, 'escape') like '%whsec%' or encode(e.description, 'escape') like '%Accounting%'",
        )
        .await;
    assert_eq!(readable, 0);
}

#[tokio::test]
async fn only_what_is_wanted_and_happened_since_is_told() {
    let world = World::open().await;
    let wallet = || WalletOpened {
        wallet_id: Uuid::now_v7().to_string(),
        owner_id: String::new(),
        currency: "EUR".to_owned(),
    };
    world.happens(&wallet()).await;
    let (wallets, _) = world.endpoint("/wallets", &["wallet.opened"]).await;
    let (_, _) = world
        .endpoint("/payments", &["payment.captured", "top_up.settled"])
        .await;
    world.happens(&captured()).await;
    let lacking = TopUpSettled {
        top_up_id: Uuid::now_v7().to_string(),
        ..Default::default()
    };
    // It cannot be told, and holds up nothing else.
    let mut tx = world.house.db.begin().await.expect("a transaction");
    tx.publish(&lacking);
    tx.publish(&wallet());
    tx.commit().await.expect("a commit");
    world.running.settle().await.expect("everything is heard");
    world.send().await;
    let mut paths: Vec<_> = world
        .receiver
        .arrived()
        .into_iter()
        .map(|a| a.path)
        .collect();
    paths.sort();
    assert_eq!(paths, ["/payments", "/wallets"]);

    let disable = json!({ "enabled": false });
    let path = format!("/webhook-endpoints/{wallets}");
    let disabled = world.admin().patch(&path, disable).await;
    assert_eq!(disabled.body["disabledBecause"], "BY_HAND");
    world.happens(&wallet()).await;
    assert_eq!(world.send().await, 0);
    assert_eq!(world.deliveries("").await.len(), 2);
    let query = format!("?endpointId={wallets}&status=DELIVERED");
    assert_eq!(world.deliveries(&query).await.len(), 1);
}

#[tokio::test]
async fn what_failed_is_sent_again_until_it_arrives() {
    let world = World::open().await;
    let (_, secret) = world.endpoint("/", &["payment.captured"]).await;
    world
        .receiver
        .replies([Reply::Status(500), Reply::Status(404)]);
    world.happens(&captured()).await;
    assert_eq!(world.send().await, 1);
    let history = world.history().await;
    assert_eq!(
        (&history["status"], &history["attemptCount"]),
        (&json!("PENDING"), &json!(1))
    );
    assert_eq!(world.send().await, 0, "not before its time");
    world.advance(SignedDuration::from_secs(6));
    assert_eq!(world.send().await, 1);
    world.advance(SignedDuration::from_secs(36));
    assert_eq!(world.send().await, 1);

    let history = world.history().await;
    assert_eq!(history["status"], "DELIVERED");
    let codes: Vec<_> = history["attempts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|attempt| attempt["statusCode"].clone())
        .collect();
    assert_eq!(codes, [200, 404, 500]);
    let arrived = world.receiver.arrived();
    assert!(
        arrived
            .iter()
            .all(|a| a.header("webhook-id") == arrived[0].header("webhook-id"))
    );
    assert!(arrived.iter().all(|a| a.is_signed_with(&secret)));
    assert_ne!(
        arrived[0].header("webhook-timestamp"),
        arrived[2].header("webhook-timestamp"),
        "each attempt is signed for its own time"
    );
}

#[tokio::test]
async fn what_is_given_up_can_be_asked_for_again() {
    let world = World::open().await;
    world.endpoint("/", &["payment.captured"]).await;
    world.receiver.always(Reply::Status(503));
    world.happens(&captured()).await;
    for attempt in 1..=9 {
        assert_eq!(world.send().await, 1, "attempt {attempt}");
        world.advance(SignedDuration::from_hours(30));
    }
    assert_eq!(world.send().await, 0);
    let history = world.history().await;
    assert_eq!(
        (&history["status"], &history["attemptCount"]),
        (&json!("FAILED"), &json!(9))
    );

    world.receiver.always(Reply::Status(204));
    let path = format!("/webhook-deliveries/{}/retry", text(&history["id"]));
    for asked in 1..=2 {
        let again = world.post(&path).await;
        assert_eq!(
            (again.status.as_u16(), &again.body["status"]),
            (202, &json!("PENDING"))
        );
        assert_eq!(world.send().await, 1, "also when it was delivered: {asked}");
        assert_eq!(world.history().await["status"], "DELIVERED");
    }
    let ids: Vec<_> = world
        .receiver
        .arrived()
        .iter()
        .map(|a| a.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids.len(), 11);
    assert!(ids.iter().all(|id| *id == ids[0]));
    let nothing = format!("/webhook-deliveries/{}/retry", Uuid::now_v7());
    assert_eq!(world.post(&nothing).await.status, 404);
}

#[tokio::test]
async fn while_secrets_change_both_sign() {
    let world = World::open().await;
    let (id, old) = world.endpoint("/", &["webhook.test"]).await;
    let rotated = world
        .post(&format!("/webhook-endpoints/{id}/rotate-secret"))
        .await;
    assert_eq!(
        (rotated.status.as_u16(), rotated.header("cache-control")),
        (200, Some("no-store"))
    );
    let new = text(&rotated.body["secret"]);
    assert_ne!(old, new);
    let try_out = format!("/webhook-endpoints/{id}/test");
    assert_eq!(world.post(&try_out).await.status, 202);
    world.send().await;
    let told = world.receiver.only();
    assert!(told.is_signed_with(&old) && told.is_signed_with(&new));
    assert_eq!(told.header("webhook-signature").split(' ').count(), 2);

    world.advance(SignedDuration::from_hours(25));
    world.post(&try_out).await;
    world.send().await;
    let told = world.receiver.arrived().pop().expect("it arrived");
    let at = told.header("webhook-timestamp").parse().expect("seconds");
    let by = |secret: &str| {
        let signer = standardwebhooks::Webhook::new(secret).expect("a secret");
        signer
            .sign(told.header("webhook-id"), at, &told.body)
            .expect("UTF-8")
    };
    assert_eq!(told.header("webhook-signature"), by(&new));
    assert_ne!(by(&old), by(&new));
}

#[tokio::test]
async fn whoever_says_it_is_gone_is_told_no_more() {
    let world = World::open().await;
    let (id, _) = world.endpoint("/", &["payment.captured"]).await;
    world.receiver.replies([Reply::Status(410)]);
    world.happens(&captured()).await;
    world.send().await;
    let path = format!("/webhook-endpoints/{id}");
    let shown = world.admin().get(&path).await;
    assert_eq!(
        (&shown.body["enabled"], &shown.body["disabledBecause"]),
        (&json!(false), &json!("GONE"))
    );
    let history = world.history().await;
    assert_eq!(history["status"], "FAILED");
    world.happens(&captured()).await;
    assert_eq!(world.deliveries("").await.len(), 1);

    let retry = format!("/webhook-deliveries/{}/retry", text(&history["id"]));
    for path in [&retry, &format!("{path}/test")] {
        let refused = world.post(path).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (409, Some("WEBHOOK_ENDPOINT_DISABLED"))
        );
    }
    let enabled = world.admin().patch(&path, json!({ "enabled": true })).await;
    assert_eq!(
        (enabled.status.as_u16(), &enabled.body["enabled"]),
        (200, &json!(true))
    );
    assert_eq!(world.post(&retry).await.status, 202);
    world.send().await;
    assert_eq!(world.history().await["status"], "DELIVERED");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let world = World::open().await;
    world.endpoint("/hooks", &["payment.captured"]).await;
    let elsewhere = world.receiver.url("127.0.0.1", "/elsewhere");
    world.receiver.replies([Reply::Redirect(elsewhere)]);
    world.happens(&captured()).await;
    assert_eq!(world.send().await, 1);
    assert_eq!(world.receiver.only().path, "/hooks");
    let history = world.history().await;
    assert_eq!(history["status"], "PENDING");
    assert_eq!(history["attempts"][0]["statusCode"], 302);
}

#[tokio::test]
async fn nothing_is_posted_into_a_private_network() {
    let world = World::with(&[("webhooks.allow_http", "true")]).await;
    let admin = world.admin();
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "[::1]",
        "10.0.0.1",
        "169.254.169.254",
    ] {
        let body = json!({ "url": world.receiver.url(host, "/"), "events": ["webhook.test"] });
        let refused = admin.post("/webhook-endpoints", body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.pointers()),
            (400, vec!["/url"]),
            "{host}"
        );
    }
    // A name says where it leads only when it is resolved.
    let body = json!({ "url": world.receiver.url("localhost", "/"), "events": ["webhook.test"] });
    let made = admin.post("/webhook-endpoints", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    // Registered while it was allowed.
    sqlx::query("insert into webhook_endpoint (id, url, events, created_at) values ($1, $2, '{webhook.test}', now())")
        .bind(Uuid::now_v7())
        .bind(world.receiver.url("127.0.0.1", "/"))
        .execute(world.house.db.pool())
        .await
        .expect("the database answers");
    sqlx::query(
        "insert into webhook_secret (id, endpoint_id, secret, created_at)
         select gen_random_uuid(), e.id, '', now() from webhook_endpoint e
         where not exists (select from webhook_secret s where s.endpoint_id = e.id)",
    )
    .execute(world.house.db.pool())
    .await
    .expect("the database answers");
    let id = text(&made.body["id"]);
    world.post(&format!("/webhook-endpoints/{id}/test")).await;
    world.send().await;
    let history = world.history().await;
    assert_eq!(history["status"], "PENDING");
    assert_eq!(history["attempts"][0]["error"], "ADDRESS_REFUSED");
    assert!(world.receiver.arrived().is_empty());
}

#[tokio::test]
async fn outside_of_development_there_is_tls() {
    let world = World::with(&[]).await;
    let body = json!({ "url": "http://pay.example.org/", "events": ["webhook.test"] });
    let refused = world.admin().post("/webhook-endpoints", body).await;
    assert_eq!(
        (refused.status.as_u16(), refused.pointers()),
        (400, vec!["/url"])
    );
}

#[tokio::test]
async fn a_crash_between_sending_and_writing_it_down_sends_again() {
    let world = World::open().await;
    world.endpoint("/", &["payment.captured"]).await;
    world.receiver.replies([Reply::Nothing]);
    world.happens(&captured()).await;
    tokio::select! {
        done = world.send() => panic!("it is not answered: {done}"),
        () = world.receiver.has(1) => {}
    }
    assert_eq!(
        world.history().await["attemptCount"],
        0,
        "nobody wrote it down"
    );
    assert_eq!(
        world.send().await,
        0,
        "another sender waits until its time is over"
    );
    world.advance(SignedDuration::from_secs(61));
    assert_eq!(world.send().await, 1);
    let arrived = world.receiver.arrived();
    assert_eq!(arrived.len(), 2);
    assert_eq!(
        arrived[0].header("webhook-id"),
        arrived[1].header("webhook-id")
    );
    assert_eq!(world.history().await["status"], "DELIVERED");
}

#[tokio::test]
async fn who_does_not_answer_holds_up_nobody_else() {
    let world = World::open().await;
    let (dead, _) = world.endpoint("/dead", &["payment.captured"]).await;
    for _ in 0..6 {
        world.happens(&captured()).await;
    }
    world.receiver.always(Reply::Nothing);
    let service = Arc::clone(&world.house.service);
    let sending = tokio::spawn(async move {
        let jobs = service.jobs();
        let job = jobs
            .iter()
            .find(|job| job.name() == "securepay.webhooks.send");
        job.expect("there is such a job").run_once().await
    });
    world.receiver.has(4).await;
    let quick = Receiver::open().await;
    let body = json!({ "url": quick.url("127.0.0.1", "/quick"), "events": ["payment.captured"] });
    assert_eq!(
        world.admin().post("/webhook-endpoints", body).await.status,
        201
    );
    for _ in 0..10 {
        world.happens(&captured()).await;
    }
    quick.has(10).await;
    assert_eq!(
        world.receiver.arrived().len(),
        4,
        "no more at a time to the dead one"
    );
    world.receiver.release();
    sending
        .await
        .expect("no panic")
        .expect("the database answers");
    let delivered = world
        .deliveries(&format!("?endpointId={dead}&status=DELIVERED"))
        .await;
    assert_eq!(delivered.len(), 16);
}

#[tokio::test]
async fn with_an_endpoint_its_deliveries_end() {
    let world = World::open().await;
    let (waiting, _) = world.endpoint("/waiting", &["payment.captured"]).await;
    world.happens(&captured()).await;
    let deleted = world
        .admin()
        .delete(&format!("/webhook-endpoints/{waiting}"))
        .await;
    assert_eq!(deleted.status, 204);
    assert_eq!(world.send().await, 0);
    assert!(world.deliveries("").await.is_empty());

    // One that is under way arrives, and is written down nowhere.
    let (sent, _) = world.endpoint("/sent", &["payment.captured"]).await;
    world.receiver.replies([Reply::Nothing]);
    world.happens(&captured()).await;
    let sending = async {
        world.send().await;
    };
    let deleting = async {
        world.receiver.has(1).await;
        let deleted = world
            .admin()
            .delete(&format!("/webhook-endpoints/{sent}"))
            .await;
        assert_eq!(deleted.status, 204);
        world.receiver.release();
    };
    tokio::join!(sending, deleting);
    assert_eq!(world.receiver.only().path, "/sent");
    assert_eq!(
        world
            .house
            .number("select count(*) from webhook_attempt")
            .await,
        0
    );
    let gone = world
        .admin()
        .get(&format!("/webhook-endpoints/{sent}"))
        .await;
    assert_eq!(gone.status, 404);
    // What was to be told goes when its time comes.
    world.advance(SignedDuration::from_hours(31 * 24));
    world
        .job("securepay.webhooks.forget")
        .await
        .expect("the database answers");
    assert_eq!(
        world
            .house
            .number("select count(*) from webhook_message")
            .await,
        0
    );
}

#[tokio::test]
async fn what_ended_is_kept_for_a_month() {
    let world = World::open().await;
    world.endpoint("/", &["payment.captured"]).await;
    world.happens(&captured()).await;
    world.send().await;
    world.advance(SignedDuration::from_hours(29 * 24));
    world.happens(&captured()).await;
    let forget = || world.job("securepay.webhooks.forget");
    assert_eq!(forget().await.expect("the database answers"), 0);
    world.advance(SignedDuration::from_hours(25));
    assert_eq!(forget().await.expect("the database answers"), 1);
    assert_eq!(
        world.history().await["status"],
        "PENDING",
        "what waits stays"
    );
    assert_eq!(
        world
            .house
            .number("select count(*) from webhook_message")
            .await,
        1
    );
}

#[tokio::test]
async fn only_administrators_manage_endpoints_and_show_who_they_are_for_a_secret() {
    let world = World::open().await;
    let body = json!({ "url": world.receiver.url("127.0.0.1", "/"), "events": ["webhook.test"] });
    for role in [Role::Billing, Role::Auditor, Role::Operator, Role::Patient] {
        let caller = world.house.api.as_role(role);
        assert_eq!(
            caller.post("/webhook-endpoints", body.clone()).await.status,
            403
        );
        assert_eq!(caller.get("/webhook-deliveries").await.status, 403);
    }
    let (id, _) = world.endpoint("/", &["webhook.test"]).await;
    let admin = world.admin().principal().clone();
    let then = world.house.platform.clock.now() - SignedDuration::from_mins(16);
    let idle = world.house.api.as_principal_since(admin, then);
    let rotate = format!("/webhook-endpoints/{id}/rotate-secret");
    for refused in [
        idle.post("/webhook-endpoints", body).await,
        idle.post(&rotate, Value::Null).await,
    ] {
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (403, Some("STEP_UP_REQUIRED"))
        );
    }
    assert_eq!(idle.get("/webhook-endpoints").await.status, 200);
}

#[tokio::test]
async fn every_wrong_field_is_pointed_at() {
    let world = World::open().await;
    let admin = world.admin();
    let wrong =
        json!({ "url": "ftp://x", "events": ["webhook.test", "webhook.test"], "description": " " });
    let refused = admin.post("/webhook-endpoints", wrong).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.pointers(), ["/url", "/events/1", "/description"]);
    for (body, pointer) in [
        (
            json!({ "url": "https://example.org/", "events": [] }),
            "/events",
        ),
        (
            json!({ "url": "https://example.org/", "events": ["payment.lost"] }),
            "/events/0",
        ),
        (
            json!({ "url": "https://example.org/\u{0}", "events": ["webhook.test"] }),
            "/url",
        ),
    ] {
        let refused = admin.post("/webhook-endpoints", body.clone()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.pointers()),
            (400, vec![pointer]),
            "{body}"
        );
    }
    let (id, _) = world.endpoint("/", &["webhook.test"]).await;
    let path = format!("/webhook-endpoints/{id}");
    for body in [
        json!({ "enabled": null }),
        json!({ "events": [] }),
        json!({ "url": "https://example.org/" }),
    ] {
        assert_eq!(admin.patch(&path, body.clone()).await.status, 400, "{body}");
    }
    let stale = admin
        .if_match(7)
        .patch(&path, json!({ "enabled": false }))
        .await;
    assert_eq!(stale.status, 412);
    let listed = admin.get("/webhook-deliveries?cursor=x").await;
    assert_eq!(
        (listed.status.as_u16(), listed.pointers()),
        (400, vec!["?cursor"])
    );
}

#[tokio::test]
async fn there_is_an_end_of_endpoints() {
    let world = World::open().await;
    for _ in 0..50 {
        world.endpoint("/", &["webhook.test"]).await;
    }
    let body = json!({ "url": world.receiver.url("127.0.0.1", "/"), "events": ["webhook.test"] });
    let refused = world.admin().post("/webhook-endpoints", body).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, Some("TOO_MANY_WEBHOOK_ENDPOINTS"))
    );
    let page = world.admin().get("/webhook-endpoints?limit=30").await;
    assert_eq!(page.body["items"].as_array().map(Vec::len), Some(30));
    let cursor = text(&page.body["nextCursor"]);
    let rest = world
        .admin()
        .get(&format!("/webhook-endpoints?cursor={cursor}"))
        .await;
    assert_eq!(rest.body["items"].as_array().map(Vec::len), Some(20));
}

//! Money from the outside: what is acknowledged stays, whatever is killed, and nothing
//! happens twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use galen_client::Client;
use http::{HeaderMap, HeaderName, Method};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::hospital::{Hospital, galen};
use crate::world::{eventually, expect_status, patient, text};

/// A provider that moves no money, and answers at once.
pub(crate) const SIMULATED: &[(&str, &str)] = &[
    ("GALEN_SECUREPAY_PROVIDER_NAME", "simulator"),
    ("GALEN_SECUREPAY_PROVIDER_LATENCY_MS", "0"),
    ("GALEN_SECUREPAY_PROVIDER_SILENCES", "0"),
];
/// The simulator settles this amount at once, whatever it draws.
const SETTLES: i64 = 404_000;

/// Kills in all; the process, the database, or both.
const KILLS: usize = 9;
/// Clients that pay all the time.
const WORKERS: usize = 6;
/// Steps that are acknowledged between any two kills, at least.
const BETWEEN: u64 = 12;

/// Whatever was acknowledged is there, once; what was not answered is found out by its
/// key; and the books are those of the answers.
pub(crate) async fn kills_lose_no_money_and_make_none() {
    let mut hospital = Hospital::with(SIMULATED);
    let admin = hospital.admin().await;
    let mut wallets = Vec::new();
    for _ in 0..3 {
        let owner = patient(&admin).await;
        wallets.push(wallet(&admin, &owner).await);
    }
    let mut expected = Balances::default();
    for wallet in &wallets {
        top_up(&admin, wallet).await;
        expected.move_(None, Some(wallet), SETTLES);
    }

    let stop = Arc::new(AtomicBool::new(false));
    let steps = Arc::new(AtomicU64::new(0));
    let base = Arc::new(Mutex::new(hospital.base().to_owned()));
    let token = admin.token().await.expect("logged in");
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let worker = Worker {
                number,
                wallets: wallets.clone(),
                caller: Caller {
                    base: Arc::clone(&base),
                    token: token.clone(),
                    http: reqwest::Client::new(),
                },
                stop: Arc::clone(&stop),
                steps: Arc::clone(&steps),
                log: Vec::new(),
            };
            tokio::spawn(worker.run())
        })
        .collect();

    let mut random = StdRng::seed_from_u64(33);
    for kill in 0..KILLS {
        let before = steps.load(Ordering::Relaxed);
        let deadline = Instant::now() + Duration::from_secs(60);
        while steps.load(Ordering::Relaxed) < before + BETWEEN {
            assert!(
                Instant::now() < deadline,
                "nothing is paid after kill {kill}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..80))).await;
        match kill % 3 {
            0 => hospital.kill(),
            1 => hospital.kill_database(),
            _ => {
                hospital.kill_database();
                hospital.kill();
            }
        }
        if kill % 3 != 1 {
            hospital.start();
            *base.lock().await = hospital.base().to_owned();
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut log = Vec::new();
    for worker in workers {
        log.extend(worker.await.expect("a worker ends well"));
    }

    let done: Vec<&Step> = log.iter().filter(|step| step.is_done()).collect();
    assert!(done.len() >= KILLS * 10, "only {} steps", done.len());
    let caller = Caller {
        base,
        token,
        http: reqwest::Client::new(),
    };
    nothing_happens_twice(&caller, &log).await;
    let payments = expected.follow(&done);
    the_books_are_those_of_the_answers(&caller, &wallets, &expected, &payments).await;
    each_payment_is_there_once(&hospital, &payments, wallets.len()).await;
    the_command_line_agrees(&hospital, &expected);
    println!("{} steps acknowledged, {KILLS} kills", done.len());
}

/// From the payment to the other system's own server, whose verifier is not ours.
pub(crate) async fn a_payment_is_told_to_whoever_listens() {
    let lenient = [
        ("GALEN_SECUREPAY_WEBHOOKS_ALLOW_HTTP", "true"),
        ("GALEN_SECUREPAY_WEBHOOKS_ALLOW_PRIVATE_NETWORKS", "true"),
    ];
    let hospital = Hospital::with(&[SIMULATED, &lenient].concat());
    let admin = hospital.admin().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!(
        "http://{}/hooks",
        listener.local_addr().expect("an address")
    );
    let body = json!({ "url": url, "events": ["payment.captured"] });
    let made = admin.post("/api/v1/webhook-endpoints", &body).await;
    let secret = text(&expect_status(&made.expect("an answer"), 201), "secret");
    let (mine, theirs) = (patient(&admin).await, patient(&admin).await);
    let (from, to) = (wallet(&admin, &mine).await, wallet(&admin, &theirs).await);
    top_up(&admin, &from).await;
    let amount = json!({ "amount": "12.30", "currency": "EUR" });
    let payment = json!({ "fromWalletId": from, "toWalletId": to, "amount": amount });
    let headers = keyed(&admin, "pay").await;
    let paid = admin.send(Method::POST, "/api/v1/payments", Some(&payment), headers);
    let paid = expect_status(&paid.await.expect("an answer"), 201);

    let arrives = tokio::time::timeout(Duration::from_secs(30), arrives(&listener));
    let (headers, body) = arrives.await.expect("it arrives");
    let verifier = standardwebhooks::Webhook::new(&secret).expect("a secret");
    verifier.verify(&body, &headers).expect("it is signed");
    let told: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(told["type"], "payment.captured");
    assert_eq!(told["data"]["paymentId"], paid["id"]);
    assert_eq!(told["data"]["captured"], amount);
    eventually("it is written down", || async {
        let path = "/api/v1/webhook-deliveries?status=DELIVERED";
        let reply = admin.get(path).await.map_err(|e| e.to_string())?;
        let page: Value = reply.json().map_err(|e| e.to_string())?;
        match page["items"].as_array().map(Vec::len) {
            Some(1) => Ok(page),
            _ => Err(page.to_string()),
        }
    })
    .await;
}

/// The next request that arrives; it is answered with 204.
async fn arrives(listener: &TcpListener) -> (HeaderMap, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.expect("somebody");
    let mut read = Vec::new();
    loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.expect("readable");
        read.extend_from_slice(&some[..count]);
        assert!(count > 0, "it ends too early");
        let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&read[..end]).expect("text");
        let fields = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        let headers: HeaderMap = fields
            .map(|(name, value)| {
                let name: HeaderName = name.parse().expect("a name");
                (name, value.parse().expect("a value"))
            })
            .collect();
        let length: usize = headers["content-length"]
            .to_str()
            .ok()
            .and_then(|length| length.parse().ok())
            .expect("a length");
        if read.len() == end + 4 + length {
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await.expect("writable");
            return (headers, read.split_off(end + 4));
        }
    }
}

/// A posting that somebody changed behind the ledger's back is named.
pub(crate) async fn a_changed_posting_is_named() {
    let hospital = Hospital::with(SIMULATED);
    let admin = hospital.admin().await;
    let owner = patient(&admin).await;
    let wallet = wallet(&admin, &owner).await;
    top_up(&admin, &wallet).await;
    let (sound, report) = ledger(&hospital, "verify");
    assert!(sound, "{report}");
    let pool = hospital.superuser().await;
    sqlx::raw_sql(
        "set session_replication_role = replica;
         update securepay.posting set reference = gen_random_uuid() where at = (select max(at) from securepay.posting)",
    )
    .execute(&pool)
    .await
    .expect("the superuser can");
    let (sound, report) = ledger(&hospital, "verify");
    assert!(!sound, "{report}");
    let broken: Vec<&Value> = report["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|finding| finding["broken"].as_array().is_some_and(|b| !b.is_empty()))
        .collect();
    assert_eq!(broken.len(), 1, "only the chain shows it: {report}");
    let (balanced, _) = ledger(&hospital, "trial-balance");
    assert!(balanced, "no amount was changed");
}

/// Amounts, wallets and keys that make no sense: a precise answer, and nothing moves.
pub(crate) async fn money_that_is_none_moves_nothing(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let (mine, theirs) = (patient(&admin).await, patient(&admin).await);
    let (from, to) = (wallet(&admin, &mine).await, wallet(&admin, &theirs).await);
    let good = |amount: Value| json!({ "fromWalletId": from, "toWalletId": to, "amount": amount });
    let euros = |amount: &str| json!({ "amount": amount, "currency": "EUR" });
    for amount in [
        euros("1.234"),
        euros("-1.00"),
        euros("0"),
        euros("0.00"),
        euros(""),
        euros("1e3"),
        euros("1,00"),
        euros(" 1.00"),
        euros("NaN"),
        euros("1\u{0}"),
        euros("92233720368547758.08"),
        euros(&"9".repeat(400)),
        json!({ "amount": 1, "currency": "EUR" }),
        json!({ "amount": "1.00" }),
        json!({ "amount": "1.00", "currency": "XXX" }),
        json!({ "amount": "1.5", "currency": "JPY" }),
        json!({ "amount": "1.00", "currency": "EUR", "unit": "cent" }),
        json!("1.00"),
        json!(null),
    ] {
        let problem = refused(&admin, &good(amount.clone()), &[400]).await;
        let pointers = pointers(&problem);
        assert!(
            !pointers.is_empty() && pointers.iter().all(|p| p.starts_with("/amount")),
            "{amount}: {problem}"
        );
    }
    let euro = euros("1.00");
    let dollars = good(json!({ "amount": "1.00", "currency": "USD" }));
    refused(&admin, &dollars, &[400, 409]).await;
    let nowhere = json!({ "fromWalletId": from, "toWalletId": Uuid::now_v7(), "amount": euro });
    refused(&admin, &nowhere, &[404]).await;
    let from_nowhere = json!({ "fromWalletId": Uuid::now_v7(), "toWalletId": to, "amount": euro });
    refused(&admin, &from_nowhere, &[404]).await;
    let to_itself = json!({ "fromWalletId": from, "toWalletId": from, "amount": euro });
    refused(&admin, &to_itself, &[400, 409]).await;
    let too_much = refused(&admin, &good(euros("92233720368547758.07")), &[409]).await;
    assert_eq!(too_much["code"], "INSUFFICIENT_FUNDS");
    let mut headers = keyed(&admin, "none").await;
    headers.remove("idempotency-key");
    let body = good(euro);
    let reply = admin.send(Method::POST, "/api/v1/payments", Some(&body), headers);
    let keyless = expect_status(&reply.await.expect("an answer"), 400);
    assert_eq!(keyless["code"], "IDEMPOTENCY_KEY_REQUIRED");
    for wallet in [&from, &to] {
        let entries = admin
            .get(&format!("/api/v1/wallets/{wallet}/entries"))
            .await;
        let entries = expect_status(&entries.expect("an answer"), 200);
        assert_eq!(entries["items"], json!([]));
    }
}

async fn refused(admin: &Client, body: &Value, statuses: &[u16]) -> Value {
    let key = Uuid::new_v4().to_string();
    let reply = admin.send(
        Method::POST,
        "/api/v1/payments",
        Some(body),
        keyed(admin, &key).await,
    );
    let reply = reply.await.expect("an answer");
    assert!(
        statuses.contains(&reply.status.as_u16()),
        "{body}: {}",
        reply.status
    );
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    reply.json().expect("a problem")
}

fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().into_iter().flatten();
    errors
        .filter_map(|error| error["pointer"].as_str())
        .collect()
}

async fn keyed(client: &Client, key: &str) -> HeaderMap {
    let token = client.token().await.expect("logged in");
    let mut headers = HeaderMap::new();
    headers.insert("idempotency-key", key.parse().expect("visible ASCII"));
    let bearer = format!("Bearer {token}");
    headers.insert("authorization", bearer.parse().expect("visible ASCII"));
    headers
}

/// Opens a patient's wallet.
pub(crate) async fn wallet(admin: &Client, owner: &str) -> String {
    let body = json!({ "ownerId": owner, "currency": "EUR", "kind": "PATIENT" });
    let reply = admin.post("/api/v1/wallets", &body).await;
    text(&expect_status(&reply.expect("an answer"), 201), "id")
}

/// Brings money into a wallet, and waits until it is there.
pub(crate) async fn top_up(admin: &Client, wallet: &str) {
    let body =
        json!({ "walletId": wallet, "amount": { "amount": decimal(SETTLES), "currency": "EUR" } });
    let headers = keyed(admin, &Uuid::new_v4().to_string()).await;
    let reply = admin.send(Method::POST, "/api/v1/top-ups", Some(&body), headers);
    let order = expect_status(&reply.await.expect("an answer"), 201);
    let path = format!("/api/v1/top-ups/{}", text(&order, "id"));
    eventually("the money is in the wallet", || async {
        let reply = admin.get(&path).await.map_err(|e| e.to_string())?;
        let order: Value = reply.json().map_err(|e| e.to_string())?;
        match order["status"].as_str() {
            Some("CAPTURED") => Ok(order),
            _ => Err(order.to_string()),
        }
    })
    .await;
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn minor(money: &Value) -> i64 {
    let amount = money["amount"].as_str().expect("an amount");
    amount.replace('.', "").parse().expect("a decimal")
}

/// Somebody who asks until there is an answer.
#[derive(Clone)]
struct Caller {
    base: Arc<Mutex<String>>,
    token: String,
    http: reqwest::Client,
}

/// What was answered, and whether it had been before.
struct Heard {
    status: u16,
    body: Value,
    replayed: bool,
}

impl Caller {
    /// One request under its key, repeated until it is answered: what an unanswered one
    /// did is found out by its key.
    async fn insist(&self, key: &str, path: &str, body: &Value) -> Heard {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let url = format!("{}/api/v1{path}", self.base.lock().await);
            let request = self
                .http
                .post(url)
                .bearer_auth(&self.token)
                .header("idempotency-key", key)
                .timeout(Duration::from_secs(15))
                .json(body);
            if let Some(heard) = hear(request).await {
                return heard;
            }
            assert!(
                Instant::now() < deadline,
                "{path} under {key} is not answered"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}/api/v1{path}", self.base.lock().await);
        let reply = self.http.get(url).bearer_auth(&self.token).send().await;
        let reply = reply.expect("an answer");
        assert_eq!(reply.status(), 200, "{path}");
        reply.json().await.expect("JSON")
    }
}

/// The answer, unless there is none or it is that there is none yet.
async fn hear(request: reqwest::RequestBuilder) -> Option<Heard> {
    let reply = request.send().await.ok()?;
    let status = reply.status().as_u16();
    let replayed = reply.headers().contains_key("idempotency-replayed");
    let body: Value = reply.json().await.ok()?;
    let comes_later = matches!(status, 429 | 500..=599) || body["code"] == "REQUEST_IN_PROGRESS";
    (!comes_later).then_some(Heard {
        status,
        body,
        replayed,
    })
}

/// What was asked, and what was answered in the end.
struct Step {
    verb: Verb,
    key: String,
    path: String,
    body: Value,
    status: u16,
    answer: Value,
    from: String,
    to: String,
    amount: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Pay,
    Authorize,
    Capture,
    Void,
    Refund,
}

impl Step {
    fn is_done(&self) -> bool {
        matches!(self.status, 200 | 201)
    }
}

/// Pays from one wallet to another, captures, voids and gives back.
struct Worker {
    number: usize,
    wallets: Vec<String>,
    caller: Caller,
    stop: Arc<AtomicBool>,
    steps: Arc<AtomicU64>,
    log: Vec<Step>,
}

impl Worker {
    async fn run(mut self) -> Vec<Step> {
        let mut random = StdRng::seed_from_u64(self.number as u64);
        let mut turn = 0;
        while !self.stop.load(Ordering::Relaxed) {
            turn += 1;
            let from = random.random_range(0..self.wallets.len());
            let to = (from + random.random_range(1..self.wallets.len())) % self.wallets.len();
            // Some are more than there is.
            let amount =
                random.random_range(1..60_000) * if random.random_bool(0.05) { 50 } else { 1 };
            let part = random.random_range(1..=amount);
            let kind = random.random_range(0..5);
            let (from, to) = (self.wallets[from].clone(), self.wallets[to].clone());
            let verb = if kind < 2 { Verb::Pay } else { Verb::Authorize };
            let Some(id) = self.step(verb, turn, None, &from, &to, amount).await else {
                continue;
            };
            match kind {
                0 | 4 => {}
                1 => {
                    self.step(Verb::Refund, turn, Some(&id), &from, &to, part)
                        .await;
                }
                2 => {
                    self.step(Verb::Capture, turn, Some(&id), &from, &to, part)
                        .await;
                }
                _ => {
                    self.step(Verb::Void, turn, Some(&id), &from, &to, amount)
                        .await;
                }
            }
        }
        self.log
    }

    /// Gives the payment's id when it was done.
    async fn step(
        &mut self,
        verb: Verb,
        turn: u32,
        payment: Option<&str>,
        from: &str,
        to: &str,
        amount: i64,
    ) -> Option<String> {
        let money = json!({ "amount": decimal(amount), "currency": "EUR" });
        let capture = if verb == Verb::Pay {
            "AUTOMATIC"
        } else {
            "MANUAL"
        };
        let (path, body) = match (verb, payment) {
            (Verb::Capture, Some(id)) => (
                format!("/payments/{id}/capture"),
                json!({ "amount": money }),
            ),
            (Verb::Refund, Some(id)) => {
                (format!("/payments/{id}/refund"), json!({ "amount": money }))
            }
            (Verb::Void, Some(id)) => (format!("/payments/{id}/void"), json!({})),
            _ => (
                "/payments".to_owned(),
                json!({ "fromWalletId": from, "toWalletId": to, "amount": money, "capture": capture }),
            ),
        };
        let key = format!("{verb:?}-{}-{turn}", self.number);
        let heard = self.caller.insist(&key, &path, &body).await;
        let step = Step {
            verb,
            key,
            path,
            body,
            status: heard.status,
            answer: heard.body,
            from: from.to_owned(),
            to: to.to_owned(),
            amount,
        };
        let short = step.status == 409 && step.answer["code"] == "INSUFFICIENT_FUNDS";
        assert!(
            step.is_done() || (payment.is_none() && short) || (verb == Verb::Refund && short),
            "{} {}: {} {}",
            step.key,
            step.path,
            step.status,
            step.answer
        );
        self.steps.fetch_add(1, Ordering::Relaxed);
        let id = step
            .is_done()
            .then(|| payment.map_or_else(|| text(&step.answer, "id"), str::to_owned));
        self.log.push(step);
        id
    }
}

/// Every acknowledged step, asked for once more: the same answer, from memory.
async fn nothing_happens_twice(caller: &Caller, log: &[Step]) {
    for step in log.iter().filter(|step| step.is_done()) {
        let again = caller.insist(&step.key, &step.path, &step.body).await;
        assert!(again.replayed, "{} happened again", step.key);
        assert_eq!(
            (again.status, &again.body),
            (step.status, &step.answer),
            "{}",
            step.key
        );
    }
}

/// What wallets hold, and what is promised.
#[derive(Default)]
struct Balances {
    posted: BTreeMap<String, i64>,
    promised: BTreeMap<String, i64>,
}

/// What a payment must have come to.
#[derive(Debug)]
struct Outcome {
    status: &'static str,
    captured: i64,
    refunded: i64,
}

impl Balances {
    fn move_(&mut self, from: Option<&str>, to: Option<&String>, amount: i64) {
        if let Some(from) = from {
            *self.posted.entry(from.to_owned()).or_default() -= amount;
        }
        if let Some(to) = to {
            *self.posted.entry(to.clone()).or_default() += amount;
        }
    }

    /// Adds up what was acknowledged; gives what became of each payment.
    fn follow(&mut self, done: &[&Step]) -> BTreeMap<String, Outcome> {
        let mut payments = BTreeMap::new();
        let id_of = |step: &Step| match step.verb {
            Verb::Pay | Verb::Authorize => text(&step.answer, "id"),
            _ => step.path.split('/').nth(2).expect("an id").to_owned(),
        };
        for step in done {
            let (id, amount) = (id_of(step), step.amount);
            let (status, captured, refunded) = match step.verb {
                Verb::Pay => {
                    self.move_(Some(&step.from), Some(&step.to), amount);
                    ("CAPTURED", amount, 0)
                }
                Verb::Authorize => {
                    *self.promised.entry(step.from.clone()).or_default() += amount;
                    ("AUTHORIZED", 0, 0)
                }
                Verb::Capture | Verb::Void => {
                    let held = done
                        .iter()
                        .find(|other| other.verb == Verb::Authorize && id_of(other) == id)
                        .expect("it was authorised");
                    *self.promised.entry(step.from.clone()).or_default() -= held.amount;
                    if step.verb == Verb::Void {
                        ("VOIDED", 0, 0)
                    } else {
                        self.move_(Some(&step.from), Some(&step.to), amount);
                        ("CAPTURED", amount, 0)
                    }
                }
                Verb::Refund => {
                    self.move_(Some(&step.to), Some(&step.from), amount);
                    let paid = done
                        .iter()
                        .find(|other| other.verb == Verb::Pay && id_of(other) == id)
                        .expect("it was paid");
                    let whole = paid.amount == amount;
                    let status = if whole {
                        "REFUNDED"
                    } else {
                        "PARTIALLY_REFUNDED"
                    };
                    (status, paid.amount, amount)
                }
            };
            let outcome = Outcome {
                status,
                captured,
                refunded,
            };
            payments.insert(id, outcome);
        }
        payments
    }
}

async fn the_books_are_those_of_the_answers(
    caller: &Caller,
    wallets: &[String],
    expected: &Balances,
    payments: &BTreeMap<String, Outcome>,
) {
    for wallet in wallets {
        let balance = caller.get(&format!("/wallets/{wallet}/balance")).await;
        let posted = expected.posted[wallet];
        let promised = expected.promised.get(wallet).copied().unwrap_or_default();
        assert_eq!(minor(&balance["posted"]), posted, "{wallet}: {balance}");
        assert_eq!(
            minor(&balance["available"]),
            posted - promised,
            "{wallet}: {balance}"
        );
    }
    for (id, outcome) in payments {
        let payment = caller.get(&format!("/payments/{id}")).await;
        assert_eq!(payment["status"], outcome.status, "{payment}: {outcome:?}");
        assert_eq!(
            minor(&payment["capturedAmount"]),
            outcome.captured,
            "{payment}"
        );
        assert_eq!(
            minor(&payment["refundedAmount"]),
            outcome.refunded,
            "{payment}"
        );
    }
}

/// No payment beyond those that were acknowledged, and no posting beyond theirs.
async fn each_payment_is_there_once(
    hospital: &Hospital,
    payments: &BTreeMap<String, Outcome>,
    top_ups: usize,
) {
    let pool = hospital.superuser().await;
    let count = |sql: &'static str| {
        let pool = pool.clone();
        async move {
            let count: i64 = sqlx::query_scalar(sql)
                .fetch_one(&pool)
                .await
                .expect("readable");
            usize::try_from(count).expect("not negative")
        }
    };
    let stored = count("select count(*) from securepay.payment").await;
    assert_eq!(stored, payments.len(), "payments");
    // What moved at once was never only promised: it is a transfer of a payment.
    let begun = "select count(*) from securepay.posting where kind = 2 or kind = 1 and code = 1";
    assert_eq!(count(begun).await, payments.len() + top_ups, "begun");
    let held = count("select count(*) from securepay.hold").await;
    assert_eq!(held, payments.len() + top_ups, "holds");
    let refunds = payments
        .values()
        .filter(|payment| payment.refunded > 0)
        .count();
    let given_back = count("select count(*) from securepay.posting where kind = 6").await;
    assert_eq!(given_back, refunds, "refunds");
}

/// `galen ledger` and `galen verify` find nothing, and count as much in wallets.
fn the_command_line_agrees(hospital: &Hospital, expected: &Balances) {
    let (sound, report) = ledger(hospital, "verify");
    assert!(sound, "{report}");
    let (sound, books) = ledger(hospital, "trial-balance");
    assert!(sound, "{books}");
    let rows = books[0]["rows"].as_array().expect("rows");
    let wallets = rows.iter().find(|row| row["kind"] == "WALLET");
    let wallets = wallets.expect("there are wallets");
    let all: i64 = expected.posted.values().sum();
    assert_eq!(wallets["balance"], decimal(all), "{books}");
    let (green, report) = hospital.verify();
    assert!(green, "{report}");
}

/// `galen ledger` on the data directory: whether it ended with 0, and what it found.
pub(crate) fn ledger(hospital: &Hospital, command: &str) -> (bool, Value) {
    let output = galen()
        .args(["ledger", command, "--json", "--data-dir"])
        .arg(hospital.dir())
        .output()
        .expect("galen ledger runs");
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.success(), report)
}

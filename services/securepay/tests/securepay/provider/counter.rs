//! A hospital with a simulated payment provider, and a patient with a wallet.

use std::sync::Arc;
use std::time::Duration;

use galen_contracts::ids::PatientId;
use galen_kernel::Clock;
use galen_securepay::account::{self, Account, Kind, Owner};
use galen_securepay::provider::Pursuit;
use galen_securepay::provider::simulator::Simulator;
use galen_service::testing::{Reply, TestCaller};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sqlx::Row as _;
use uuid::Uuid;

use crate::house::House;

/// An IBAN that everybody knows.
pub(super) const IBAN: &str = "DE89370400440532013000";

/// Nothing is left to chance, and nothing takes time.
const CALM: [(&str, &str); 4] = [
    ("provider.name", "simulator"),
    ("provider.declines", "0"),
    ("provider.silences", "0"),
    ("provider.latency_ms", "0"),
];

pub(super) struct Counter {
    pub(super) house: House,
    pub(super) patient: PatientId,
    pub(super) wallet: Account,
}

impl Counter {
    pub(super) async fn open() -> Self {
        let clock = Clock::manual(Clock::system().now());
        let house = House::with(clock.clone(), &CALM).await;
        let patient: PatientId = clock.id();
        let wallet = wallet_of(&house, Owner::Patient(patient.uuid()), "EUR").await;
        Self {
            house,
            patient,
            wallet,
        }
    }

    pub(super) fn wallet_id(&self) -> Uuid {
        self.wallet.public_id.uuid()
    }

    pub(super) fn me(&self) -> TestCaller {
        self.house.api.as_patient(self.patient)
    }

    pub(super) fn pursuit(&self) -> &Pursuit {
        &self.house.service.desk().expect("a provider").pursuit
    }

    pub(super) fn simulator(&self) -> &Arc<Simulator> {
        let desk = self.house.service.desk().expect("a provider");
        desk.simulator.as_ref().expect("a simulator")
    }

    pub(super) fn passes(&self, time: SignedDuration) {
        self.house.platform.clock.advance(time);
    }

    /// Everything that is due is done. A worker passes over what somebody holds on to, and
    /// what was refused is rolled back only after its answer: that is waited for.
    pub(super) async fn works(&self) -> u64 {
        const HELD: &str = "select count(*) from pg_stat_activity
             where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()";
        while self.house.number(HELD).await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.pursuit().run().await.expect("the database answers")
    }

    /// Asks for money; the id.
    pub(super) async fn top_up(&self, amount: &str) -> String {
        let reply = self.ask_top_up(amount).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        text(&reply.body, "id")
    }

    pub(super) async fn ask_top_up(&self, amount: &str) -> Reply {
        let body = json!({ "walletId": self.wallet_id(), "amount": euros(amount) });
        answered(&self.me().key(&key()), "/top-ups", &body).await
    }

    /// Asks for money to be paid out; the id.
    pub(super) async fn pay_out(&self, amount: &str) -> String {
        let reply = self.ask_payout(amount).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        text(&reply.body, "id")
    }

    pub(super) async fn ask_payout(&self, amount: &str) -> Reply {
        let body =
            json!({ "walletId": self.wallet_id(), "amount": euros(amount), "destination": IBAN });
        answered(&self.me().key(&key()), "/payouts", &body).await
    }

    /// Money is in the wallet.
    pub(super) async fn fill(&self, times: usize) {
        for _ in 0..times {
            self.top_up("4040.00").await;
        }
        self.works().await;
    }

    pub(super) async fn top_up_is(&self, id: &str, status: &str) -> Value {
        self.is(&format!("/top-ups/{id}"), status).await
    }

    pub(super) async fn payout_is(&self, id: &str, status: &str) -> Value {
        self.is(&format!("/payouts/{id}"), status).await
    }

    async fn is(&self, path: &str, status: &str) -> Value {
        let reply = self.me().get(path).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body["status"], status, "{}", reply.body);
        reply.body
    }

    /// Of the wallet: what it has, what is promised to it, and what it has promised.
    pub(super) async fn totals(&self) -> [i64; 3] {
        let row = sqlx::query(
            "select credits_posted - debits_posted as balance, credits_pending, debits_pending from account where id = $1",
        )
        .bind(self.wallet.id.0)
        .fetch_one(self.house.db.pool())
        .await
        .expect("the database answers");
        [
            row.get("balance"),
            row.get("credits_pending"),
            row.get("debits_pending"),
        ]
    }

    /// Postings that ended a hold.
    pub(super) async fn ends(&self) -> i64 {
        self.house
            .number("select count(*) from posting where kind in (3, 4)")
            .await
    }

    /// The events about an order, in order.
    pub(super) async fn told(&self, key: &str) -> Vec<String> {
        let pool = sqlx::PgPool::connect_with(self.house.database.admin())
            .await
            .expect("the superuser logs in");
        sqlx::query_scalar("select type from events.event where key = $1 order by seq")
            .bind(key)
            .fetch_all(&pool)
            .await
            .expect("the log is read")
    }

    /// Nothing is wrong with the books.
    pub(super) async fn is_sound(&self) {
        self.house.is_sound().await;
    }
}

pub(super) async fn wallet_of(house: &House, owner: Owner, code: &str) -> Account {
    let mut connection = house.db.pool().acquire().await.expect("a connection");
    let currency = code.parse().expect("a currency");
    account::open(
        &mut connection,
        house.db.clock(),
        Kind::Wallet,
        owner,
        currency,
    )
    .await
    .expect("the database answers")
}

/// The answer to a request with a key, asked again while the ledger has no time for it.
pub(super) async fn answered(caller: &TestCaller, path: &str, body: &Value) -> Reply {
    for _ in 0..5 {
        let reply = caller.post(path, body.clone()).await;
        if reply.status != 503 {
            return reply;
        }
    }
    panic!("the ledger does not answer");
}

pub(super) fn euros(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

pub(super) fn key() -> String {
    Uuid::new_v4().to_string()
}

pub(super) fn text(body: &Value, field: &str) -> String {
    body[field].as_str().expect("a text").to_owned()
}

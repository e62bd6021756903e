//! `kill -9` at random moments of a loaded run.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use galen_client::Client;
use rand::{RngExt as _, SeedableRng as _};
use sqlx::Row as _;
use tokio::sync::Mutex;

use crate::hospital::Hospital;
use crate::world::{booking, doctor, patient, tomorrow};

/// Kills in all; the process, the database, or both.
const KILLS: usize = 21;
/// Clients that book all the time.
const WORKERS: usize = 6;

/// What the load knows to have been acknowledged: appointment id by idempotency key.
type Acknowledged = Arc<Mutex<HashMap<String, String>>>;

/// Every acknowledged booking exists and was confirmed exactly once, nothing
/// happened twice, every process ended, and `galen verify` is green.
pub(crate) async fn kills_lose_nothing_and_repeat_nothing() {
    let mut hospital = Hospital::fresh();
    let admin = hospital.admin().await;
    let mut doctors = Vec::new();
    let mut patients = Vec::new();
    for _ in 0..WORKERS {
        doctors.push(doctor(&admin, 20).await);
        patients.push(patient(&admin).await);
    }

    let stop = Arc::new(AtomicBool::new(false));
    let base = Arc::new(Mutex::new(hospital.base().to_owned()));
    let acknowledged: Acknowledged = Arc::default();
    let booked = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let load = Load {
                worker,
                doctor: doctors[worker].clone(),
                patient: patients[worker].clone(),
                base: Arc::clone(&base),
                stop: Arc::clone(&stop),
                acknowledged: Arc::clone(&acknowledged),
                booked: Arc::clone(&booked),
            };
            tokio::spawn(load.run())
        })
        .collect();

    let mut random = rand::rngs::StdRng::seed_from_u64(20);
    for kill in 0..KILLS {
        // Some bookings are acknowledged between any two kills; the moment is random.
        let before = booked.load(Ordering::Relaxed);
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while booked.load(Ordering::Relaxed) < before + 5 {
            assert!(
                std::time::Instant::now() < deadline,
                "no bookings after kill {kill}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
        match kill % 3 {
            0 => hospital.kill_database(),
            1 => hospital.kill(),
            _ => {
                hospital.kill_database();
                hospital.kill();
            }
        }
        if kill % 3 != 0 {
            hospital.start();
            *base.lock().await = hospital.base().to_owned();
        }
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.expect("a worker ends well");
    }

    let acknowledged = acknowledged.lock().await;
    assert!(
        acknowledged.len() >= KILLS * 5,
        "only {} bookings",
        acknowledged.len()
    );
    drained(&hospital).await;
    check(&hospital, &acknowledged).await;
    let (green, report) = hospital.verify();
    assert!(green, "{report}");
    println!(
        "{} acknowledged bookings, {KILLS} kills",
        acknowledged.len()
    );
}

struct Load {
    worker: usize,
    doctor: String,
    patient: String,
    base: Arc<Mutex<String>>,
    stop: Arc<AtomicBool>,
    acknowledged: Acknowledged,
    booked: Arc<AtomicU64>,
}

impl Load {
    /// Books slot after slot; a booking without an answer is repeated under its key.
    async fn run(self) {
        let mut slot = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let body = booking(&self.patient, &self.doctor, tomorrow(slot * 10), 10);
            let key = format!("load-{}-{slot}", self.worker);
            while !self.stop.load(Ordering::Relaxed) {
                let Some(client) = self.login().await else {
                    continue;
                };
                let mut headers = http::HeaderMap::new();
                headers.insert("idempotency-key", key.parse().expect("visible ASCII"));
                let token = client.token().await.expect("logged in");
                headers.insert(
                    "authorization",
                    format!("Bearer {token}").parse().expect("visible ASCII"),
                );
                let Ok(reply) = client
                    .send(
                        http::Method::POST,
                        "/api/v1/appointments",
                        Some(&body),
                        headers,
                    )
                    .await
                else {
                    continue;
                };
                match reply.status.as_u16() {
                    201 => {
                        let view: serde_json::Value = reply.json().expect("a booking");
                        let id = view["id"].as_str().expect("an id").to_owned();
                        self.acknowledged.lock().await.insert(key.clone(), id);
                        self.booked.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    // Not heard of the doctor's shifts yet, or something is away.
                    409 | 429 | 500..=599 => tokio::time::sleep(Duration::from_millis(20)).await,
                    other => panic!("{other} {}", String::from_utf8_lossy(&reply.body)),
                }
            }
            slot += 1;
        }
    }

    async fn login(&self) -> Option<Client> {
        let base = self.base.lock().await.clone();
        let client = Client::new(&base).ok()?;
        match client.login("admin", crate::hospital::ADMIN_PASSWORD).await {
            Ok(()) => Some(client),
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                None
            }
        }
    }
}

async fn database(hospital: &Hospital) -> sqlx::PgPool {
    let options = galen_storage::Cluster::running(hospital.dir())
        .expect("readable")
        .expect("the cluster runs");
    sqlx::postgres::PgPoolOptions::new()
        .max_connections(2)
        .connect_with(options)
        .await
        .expect("the superuser can log in")
}

/// Waits until every booking's process has ended and every message is sent.
async fn drained(hospital: &Hospital) {
    let pool = database(hospital).await;
    let deadline = std::time::Instant::now() + Duration::from_secs(240);
    loop {
        let (open, waiting): (i64, i64) = sqlx::query_as(
            "select (select count(*) from events.process where status in ('RUNNING', 'COMPENSATING')),
                    (select count(*) from notifications.message where template = 'APPOINTMENT_CONFIRMATION' and status in ('QUEUED', 'SENDING'))",
        )
        .fetch_one(&pool)
        .await
        .expect("readable");
        if open == 0 && waiting == 0 {
            return;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{open} processes and {waiting} messages are still under way"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn check(hospital: &Hospital, acknowledged: &HashMap<String, String>) {
    let pool = database(hospital).await;
    let rows = sqlx::query(
        "select a.id::text,
                (select count(*) from notifications.message m
                 where m.template = 'APPOINTMENT_CONFIRMATION' and m.about_id = a.id and m.status = 'SENT') as sent,
                (select count(*) from events.process p where p.business_key = a.id::text and p.status = 'COMPLETED') as completed
         from scheduling.appointment a",
    )
    .fetch_all(&pool)
    .await
    .expect("readable");
    let found: HashMap<String, (i64, i64)> = rows
        .iter()
        .map(|row| (row.get("id"), (row.get("sent"), row.get("completed"))))
        .collect();
    for (key, id) in acknowledged {
        assert_eq!(
            found.get(id),
            Some(&(1, 1)),
            "{key}: (confirmations, completed processes) of {id}"
        );
    }
    // A booking whose answer was lost and never repeated may exist beyond the
    // acknowledged ones, at most one a worker; more would be an effect twice.
    assert!(
        found.len() <= acknowledged.len() + WORKERS,
        "{} bookings for {} acknowledged",
        found.len(),
        acknowledged.len()
    );
    let mails = std::fs::read_dir(hospital.dir().join("notifications/mail"))
        .expect("a spool")
        .count();
    let sent: i64 = sqlx::query_scalar(
        "select count(*) from notifications.message where status = 'SENT' and channel = 'EMAIL'",
    )
    .fetch_one(&pool)
    .await
    .expect("readable");
    assert_eq!(
        i64::try_from(mails).expect("small"),
        sent,
        "e-mails in the spool and sent messages"
    );
}

//! The keys of what is sealed: replaced while everybody works, and missed when they are
//! not there.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use galen_client::Client;
use galen_vault::{FileKeys, MasterError, MasterId, MasterKeys, Vault};
use serde_json::{Value, json};
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use crate::hospital::{Hospital, galen};
use crate::world::{eventually, expect_status, text};

/// Clients that write and read all the time.
const WORKERS: usize = 4;
/// Data keys beside those of the load: several batches.
const KEYS: usize = 900;

/// The master is replaced twice while clients write and read. The first replacement is
/// killed in the middle; the next run goes on. Nothing is lost, the old master is gone,
/// and a copy of the database with the old key file opens nothing.
pub(crate) async fn a_replaced_master_key_loses_nothing() {
    let mut hospital = Hospital::fresh();
    let pool = hospital.superuser().await;
    let (db, vault) = hospital.vault("patients").await;
    for _ in 0..KEYS {
        let mut connection = db.pool().acquire().await.expect("a connection");
        let somebody = Uuid::new_v4();
        vault
            .key_of(&mut connection, somebody)
            .await
            .expect("a key");
    }
    let file = hospital.dir().join("vault-keys");
    let stolen = tempfile::tempdir().expect("a directory");
    let old_file = stolen.path().join("vault-keys");
    std::fs::copy(&file, &old_file).expect("copied");
    let old = FileKeys::open(&old_file).expect("readable").expect("there");
    let old_ids = old.ids().await.expect("names");
    let before = wrapped(&pool).await;
    assert_eq!(
        opened(&old, &before).await,
        before.len(),
        "so it can be told"
    );

    let load = Load::start(&hospital).await;
    load.goes_on(5).await;

    // Holds the last batch up, so that there is a middle to be killed in.
    let mut holding = pool.begin().await.expect("a transaction");
    sqlx::query("select from patients.data_key order by id desc limit 1 for update")
        .execute(&mut *holding)
        .await
        .expect("locked");
    let mut tool = keys(&hospital, "rotate")
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    eventually("some keys are wrapped anew", || async {
        let done: i64 =
            sqlx::query_scalar("select count(*) from patients.data_key where master <> all ($1)")
                .bind(names(&old_ids))
                .fetch_one(&pool)
                .await
                .map_err(|error| error.to_string())?;
        if done >= 600 {
            Ok(Value::Null)
        } else {
            Err(done.to_string())
        }
    })
    .await;
    tool.kill().expect("it runs");
    tool.wait().expect("it has ended");
    holding.rollback().await.expect("let go");
    let halfway = present(&file).await;
    assert_eq!(halfway.len(), 2, "both masters are needed");
    let listed = said(keys(&hospital, "list").arg("--json"));
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    for master in listed["masters"].as_array().expect("masters") {
        assert_eq!(master["present"], true);
        assert!(
            !master["data_keys"].as_array().expect("counts").is_empty(),
            "{listed}"
        );
    }
    load.goes_on(10).await;

    let resumed = said(&mut keys(&hospital, "rotate"));
    assert!(
        resumed.contains("going on with an interrupted replacement"),
        "{resumed}"
    );
    assert_eq!(present(&file).await, halfway[1..]);
    load.goes_on(10).await;
    let again = said(&mut keys(&hospital, "rotate"));
    assert!(!again.contains("going on"), "{again}");
    let last = present(&file).await;
    assert_eq!(last.len(), 1);
    assert!(!halfway.contains(&last[0]));
    load.goes_on(10).await;
    let resealed = said(&mut keys(&hospital, "reseal"));
    assert!(
        resealed.contains("identity.signing_key.sealed: 2 values"),
        "{resealed}"
    );
    load.goes_on(10).await;

    let written = load.stop().await;
    check(&hospital.admin().await, &written).await;
    // Nothing remembered: all of it by the new master.
    assert!(hospital.stop(), "a clean stop");
    hospital.start();
    check(&hospital.admin().await, &written).await;
    let (green, report) = hospital.verify();
    assert!(green, "{report}");

    // The database with the old key file.
    let pool = hospital.superuser().await;
    let after = wrapped(&pool).await;
    assert!(after.len() >= before.len());
    assert!(after.iter().all(|key| key.master == last[0]));
    assert_eq!(opened(&old, &after).await, 0);
    let refused = Vault::open(&db, Arc::new(old))
        .await
        .err()
        .expect("refused");
    assert!(refused.to_string().contains(last[0].as_str()), "{refused}");
    println!(
        "{} patients registered and read during two replacements of {} data keys",
        written.len(),
        after.len()
    );
}

/// A hospital that has sealed something starts with its key file or not at all, and says
/// which one it misses; elsewhere it is found when that is said.
pub(crate) async fn without_its_key_file_a_hospital_does_not_start() {
    let mut hospital = Hospital::fresh();
    assert!(hospital.stop(), "a clean stop");
    let file = hospital.dir().join("vault-keys");
    let elsewhere = hospital.dir().join("elsewhere");
    std::fs::rename(&file, &elsewhere).expect("moved");
    let up = || {
        let mut up = galen();
        up.args([
            "up",
            "--listen",
            "127.0.0.1:0",
            "--ops-listen",
            "127.0.0.1:0",
            "--data-dir",
        ])
        .arg(hospital.dir());
        up
    };
    let refused = up().output().expect("it runs");
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&file.display().to_string()), "{stderr}");
    assert!(!file.exists(), "no other one is made");
    let (green, report) = hospital.verify();
    assert!(!green && report.contains("there is no"), "{report}");

    // Another hospital's.
    let other = hospital.dir().join("other");
    FileKeys::open_or_create(&other).expect("made");
    let refused = up()
        .arg("--vault-keys")
        .arg(&other)
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&other.display().to_string()), "{stderr}");

    let found = galen()
        .args(["verify", "--data-dir"])
        .arg(hospital.dir())
        .env("GALEN_VAULT_KEYS", &elsewhere)
        .output()
        .expect("it runs");
    assert!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stdout)
    );
    let listed = said(keys(&hospital, "list").env("GALEN_VAULT_KEYS", &elsewhere));
    assert!(
        listed.contains("in use") && listed.contains("identity.signing_key.sealed"),
        "{listed}"
    );
    std::fs::rename(&elsewhere, &file).expect("put back");
    hospital.start();
    hospital.admin().await;
}

fn keys(hospital: &Hospital, command: &str) -> Command {
    let mut keys = galen();
    keys.args(["keys", command, "--data-dir"])
        .arg(hospital.dir());
    keys
}

/// What a command says that ends well.
#[track_caller]
fn said(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{failed}");
    said
}

async fn present(file: &Path) -> Vec<MasterId> {
    let keys = FileKeys::open(file).expect("readable").expect("there");
    keys.ids().await.expect("names")
}

fn names(ids: &[MasterId]) -> Vec<&str> {
    ids.iter().map(MasterId::as_str).collect()
}

/// A data key as a thief of the database has it.
struct Wrapped {
    master: MasterId,
    bound: Vec<u8>,
    wrapped: Vec<u8>,
}

/// Every data key of every schema, with what it is bound to.
async fn wrapped(pool: &PgPool) -> Vec<Wrapped> {
    let schemas: Vec<String> = sqlx::query_scalar(
        "select table_schema::text from information_schema.tables where table_name = 'data_key'",
    )
    .fetch_all(pool)
    .await
    .expect("the superuser may");
    let mut keys = Vec::new();
    for schema in schemas {
        let sql = format!(
            "select id, subject, version, master, wrapped from {schema}.data_key where wrapped is not null"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await;
        keys.extend(rows.expect("the superuser may").iter().map(|row| {
            let mut bound = b"galen data key".to_vec();
            bound.extend((schema.len() as u64).to_be_bytes());
            bound.extend(schema.as_bytes());
            bound.extend(row.get::<Uuid, _>("id").as_bytes());
            bound.extend(row.get::<Uuid, _>("subject").as_bytes());
            bound.extend(row.get::<i32, _>("version").to_be_bytes());
            Wrapped {
                master: MasterId::new(row.get("master")),
                bound,
                wrapped: row.get("wrapped"),
            }
        }));
    }
    keys
}

/// How many data keys open with any of these masters, whichever they are said to be under.
async fn opened(masters: &FileKeys, keys: &[Wrapped]) -> usize {
    let ids = masters.ids().await.expect("names");
    let mut opened = 0;
    for key in keys {
        for id in &ids {
            match masters.unwrap(id, &key.bound, &key.wrapped).await {
                Ok(_) => opened += 1,
                Err(MasterError::Refused) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    opened
}

/// Who was registered: the key of the request, its body and its answer.
struct Written {
    key: String,
    body: Value,
    answer: Value,
}

struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    workers: Vec<tokio::task::JoinHandle<Vec<Written>>>,
}

impl Load {
    async fn start(hospital: &Hospital) -> Self {
        let (stop, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut workers = Vec::new();
        for _ in 0..WORKERS {
            let clerk = hospital.admin().await;
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            workers.push(tokio::spawn(async move {
                let mut written = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    written.push(register(&clerk).await);
                    check(&clerk, &written[written.len() - 1..]).await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                written
            }));
        }
        Self {
            stop,
            done,
            workers,
        }
    }

    /// Waits until so many more were registered and read.
    async fn goes_on(&self, more: usize) {
        let goal = self.done.load(Ordering::Relaxed) + more;
        eventually("the load goes on", || async {
            let done = self.done.load(Ordering::Relaxed);
            if done >= goal
                || self
                    .workers
                    .iter()
                    .any(tokio::task::JoinHandle::is_finished)
            {
                Ok(Value::Null)
            } else {
                Err(format!("{done} of {goal}"))
            }
        })
        .await;
    }

    async fn stop(self) -> Vec<Written> {
        self.stop.store(true, Ordering::Relaxed);
        let mut written = Vec::new();
        for worker in self.workers {
            written.extend(worker.await.expect("nobody is disturbed"));
        }
        written
    }
}

async fn register(clerk: &Client) -> Written {
    let key = Uuid::new_v4().simple().to_string();
    let name: String = key
        .chars()
        .map(|c| char::from(b'a' + c.to_digit(16).unwrap_or(0) as u8))
        .collect();
    let body = json!({
        "givenName": "Load",
        "familyName": name,
        "birthDate": "1980-02-29",
        "sex": "FEMALE",
        "email": format!("{key}@example.com"),
    });
    let reply = clerk
        .post_as("/api/v1/patients?acknowledgeDuplicates=true", &body, &key)
        .await
        .expect("an answer");
    let answer = expect_status(&reply, 201);
    Written { key, body, answer }
}

/// Everybody is read as they were written, and the stored answer is repeated.
async fn check(clerk: &Client, written: &[Written]) {
    for Written { key, body, answer } in written {
        let path = format!("/api/v1/patients/{}", text(answer, "id"));
        let read = expect_status(&clerk.get(&path).await.expect("an answer"), 200);
        for field in ["familyName", "email"] {
            assert_eq!(read[field], body[field], "{path}");
        }
        let again = clerk
            .post_as("/api/v1/patients?acknowledgeDuplicates=true", body, key)
            .await
            .expect("an answer");
        assert_eq!(expect_status(&again, 201), *answer);
        assert!(again.headers.contains_key("idempotency-replayed"));
    }
}

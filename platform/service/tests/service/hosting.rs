//! A host from start to stop, over the network.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use galen_access::{Authentication, Method, Principal, Role};
use galen_kernel::Clock;
use galen_service::audit::Recorder;
use galen_service::{
    Config, Host, HostError, HostOptions, RunningHost, SHARED_MIGRATIONS, Service as _,
};
use galen_testkit::TestDatabase;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::desk::{Desk, KEY, Listener};

/// A host with both services on a database of its own.
pub(crate) struct Hospital {
    pub(crate) running: RunningHost,
    pub(crate) database: TestDatabase,
    pub(crate) clock: Clock,
    pub(crate) audit: Recorder,
    _files: tempfile::TempDir,
}

fn host(audit: &Recorder) -> Host {
    Host::new()
        .with::<Desk>()
        .with::<Listener>()
        .with_audit_in_memory(audit.clone())
}

async fn database(clock: &Clock) -> TestDatabase {
    TestDatabase::new(
        galen_eventing::MIGRATIONS,
        SHARED_MIGRATIONS,
        &[Desk::SCHEMA, Listener::SCHEMA],
        clock.clone(),
    )
    .await
}

fn options(files: &tempfile::TempDir) -> HostOptions {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    HostOptions {
        listen: any,
        ops_listen: any,
        tls: None,
        redirect_listen: None,
        connections_per_address: 100,
        grpc_listen: Some(any),
        peers: BTreeMap::new(),
        zone: "Europe/Vienna".to_owned(),
        data_dir: files.path().to_owned(),
        masters: galen_service::testing::masters(),
        drain: Duration::from_secs(5),
        pool: 8,
    }
}

impl Hospital {
    pub(crate) async fn open() -> Self {
        let clock = Clock::system();
        let database = database(&clock).await;
        let files = tempfile::tempdir().expect("a directory");
        let audit = Recorder::in_memory();
        let running = host(&audit)
            .run(
                database.databases(),
                options(&files),
                Config::default(),
                clock.clone(),
            )
            .await
            .expect("the test can go on");
        Self {
            running,
            database,
            clock,
            audit,
            _files: files,
        }
    }

    /// A token of somebody with a role.
    pub(crate) fn token(&self, role: Role) -> String {
        let (user_id, session_id) = (self.clock.id(), self.clock.id());
        let principal = Principal {
            user_id,
            session_id,
            roles: vec![role],
            grants: galen_access::Grants::default(),
            patient_id: None,
            practitioner_id: None,
        };
        let shown = Authentication::new(&[Method::Password], self.clock.now());
        KEY.sign(&principal, &shown, "galen", self.clock.now())
            .expect("the test can go on")
    }

    /// A request over a connection of its own.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> (u16, Value, String) {
        call(self.running.address, method, path, token, body)
            .await
            .expect("the test can go on")
    }
}

/// Speaks HTTP/1.1 by hand: the host's own framing is what is tested.
pub(crate) async fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> io::Result<(u16, Value, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let authorization = token
        .map(|token| format!("Authorization: Bearer {token}\r\n"))
        .unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\n{authorization}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok((
        status,
        serde_json::from_str(body).unwrap_or(Value::String(body.to_owned())),
        head.to_owned(),
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_serves_and_stops() {
    let hospital = Hospital::open().await;
    let (status, body, head) = hospital
        .call("POST", "/api/v1/knock", None, &Value::Null)
        .await;
    assert_eq!((status, &body["text"]), (200, &json!("unknown")));
    assert!(
        head.contains("x-request-id: ") && head.contains("traceresponse: 00-"),
        "{head}"
    );
    assert_eq!(
        hospital
            .call("GET", "/api/v1/nowhere", None, &Value::Null)
            .await
            .1["code"],
        "NOT_FOUND"
    );
    assert_eq!(
        hospital
            .call("DELETE", "/api/v1/notes", None, &Value::Null)
            .await
            .1["code"],
        "METHOD_NOT_ALLOWED"
    );
    assert_eq!(
        hospital
            .call("GET", "/api/v1/ops/overview", None, &Value::Null)
            .await
            .0,
        401
    );

    let (status, page, _) = hospital
        .call("GET", "/problems/stale-version", None, &Value::Null)
        .await;
    assert!(
        status == 200
            && page
                .as_str()
                .is_some_and(|page| page.contains("STALE_VERSION"))
    );

    let ops = hospital.running.ops_address;
    let live = call(ops, "GET", "/health/live", None, &Value::Null)
        .await
        .unwrap();
    assert_eq!((live.0, live.1), (200, json!({ "status": "UP" })));
    let ready = call(ops, "GET", "/health/ready", None, &Value::Null)
        .await
        .unwrap();
    let up = json!({ "database.events": "UP", "database.identity": "UP", "database.notifications": "UP" });
    assert_eq!(
        (ready.0, ready.1),
        (200, json!({ "status": "UP", "dependencies": up }))
    );
    assert_eq!(
        call(ops, "GET", "/metrics", None, &Value::Null)
            .await
            .unwrap()
            .0,
        200
    );
    assert_eq!(
        hospital.call("GET", "/metrics", None, &Value::Null).await.0,
        404,
        "metrics are not public"
    );

    let address = hospital.running.address;
    let start = Instant::now();
    hospital.running.shutdown().await;
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "nothing had to be cut off"
    );
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_describes_what_is_served() {
    let hospital = Hospital::open().await;
    let (_, document, head) = hospital
        .call("GET", "/openapi.json", None, &Value::Null)
        .await;
    assert!(head.contains("content-type: application/json"));
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/api/v1/notes",
        "/api/v1/notes/{id}",
        "/api/v1/ops/dead-letters/{id}/discard",
        "/api/v1/ops/sagas",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    assert_eq!(
        document,
        serde_json::from_slice::<Value>(&hospital.running.openapi).unwrap()
    );
    let (_, own, _) = hospital
        .call("GET", "/openapi/identity.json", None, &Value::Null)
        .await;
    assert!(
        own["paths"].get("/api/v1/notes").is_some()
            && own["paths"].get("/api/v1/ops/sagas").is_none()
    );
    hospital.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_one_service_has_its_effect_in_another() {
    let hospital = Hospital::open().await;
    let db = hospital.database.open("identity").await;
    let mut tx = db.begin().await.unwrap();
    galen_eventing::Publish::publish(
        &mut tx,
        &galen_contracts::identity::v1::UserChanged {
            user_id: hospital.clock.uuid().to_string(),
        },
    );
    tx.commit().await.unwrap();
    hospital.running.backbone.settle().await.unwrap();
    let heard: i64 = sqlx::query_scalar("select count(*) from heard")
        .fetch_one(hospital.database.open("notifications").await.pool())
        .await
        .unwrap();
    assert_eq!(heard, 1);
    hospital.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_is_finished_before_the_host_stops() {
    let hospital = Hospital::open().await;
    let address = hospital.running.address;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/v1/knock HTTP/1.1\r\nHost: test\r\nIdempotency-Key: k\r\n\
                Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body when it reads it: then the request is under way.
    let mut interim = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");

    let stopping = tokio::spawn(hospital.running.shutdown());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(
        answer.contains(r#""text":"late""#),
        "what it rests on is still there: {answer}"
    );
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_processes_reach_its_services_over_the_network() {
    use galen_contracts::identity::v1::MintCredentialLinkRequest;
    use galen_contracts::identity::v1::accounts_client::AccountsClient;

    let hospital = Hospital::open().await;
    let address = hospital.running.grpc_address.unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = AccountsClient::new(endpoint.connect().await.unwrap());
    let answer = client
        .mint_credential_link(MintCredentialLinkRequest {
            link_id: "x".to_owned(),
        })
        .await
        .unwrap();
    assert_eq!(answer.into_inner().url.len(), 32, "the echo says its trace");
    drop(client);
    hospital.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_cannot_start_says_why_and_leaves_nothing() {
    let clock = Clock::system();
    let database = database(&clock).await;
    let files = tempfile::tempdir().unwrap();
    let run = async |options: HostOptions, config: &[(&str, &str)]| {
        let values = config
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        host(&Recorder::in_memory())
            .run(
                database.databases(),
                options,
                Config::from_values(values),
                clock.clone(),
            )
            .await
            .err()
            .unwrap()
    };

    let broken = run(options(&files), &[("identity.broken", "true")]).await;
    assert!(
        matches!(
            broken,
            HostError::Start {
                service: "identity",
                ..
            }
        ),
        "{broken}"
    );
    let malformed = run(options(&files), &[("identity.broken", "perhaps")]).await;
    assert!(
        matches!(
            malformed,
            HostError::Start {
                service: "identity",
                ..
            }
        ),
        "{malformed}"
    );
    let zone = run(
        HostOptions {
            zone: "Mars/Olympus".to_owned(),
            ..options(&files)
        },
        &[],
    )
    .await;
    assert!(zone.to_string().starts_with("zone: "), "{zone}");

    let nowhere = run(
        HostOptions {
            redirect_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..options(&files)
        },
        &[],
    )
    .await;
    assert_eq!(nowhere.to_string(), "there is no TLS to redirect to");

    let db = database.open("identity").await;
    sqlx::query(
        "insert into data_key (id, subject, version, master, wrapped, created_at)
         values (gen_random_uuid(), gen_random_uuid(), 1, 'lost', '\\x00'::bytea || sha256(''), now())",
    )
    .execute(db.pool())
    .await
    .unwrap();
    let lost = run(options(&files), &[]).await.to_string();
    assert!(
        lost.contains("schema identity") && lost.contains("lost") && lost.contains("memory"),
        "{lost}"
    );
    sqlx::query("delete from data_key")
        .execute(db.pool())
        .await
        .unwrap();

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let refused = run(
        HostOptions {
            listen,
            ..options(&files)
        },
        &[],
    )
    .await;
    assert_eq!(refused.to_string(), format!("cannot listen on {listen}"));

    drop(taken);
    let running = host(&Recorder::in_memory())
        .run(
            database.databases(),
            HostOptions {
                listen,
                ..options(&files)
            },
            Config::default(),
            clock.clone(),
        )
        .await
        .unwrap();
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typo_in_the_file_does_not_pass() {
    let clock = Clock::system();
    let database = database(&clock).await;
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("galen.toml");
    std::fs::write(&path, "[identity]\nbroken = false\nbrokn = true\n").unwrap();
    let config = Config::load(Some(&path), [], []).unwrap();
    let error = host(&Recorder::in_memory())
        .run(database.databases(), options(&files), config, clock)
        .await
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "identity.brokn is not a setting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_is_spoken_without_being_asked() {
    let hospital = Hospital::open().await;
    let mut stream = TcpStream::connect(hospital.running.address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    // So that the server sees the first part alone.
    tokio::time::sleep(Duration::from_millis(30)).await;
    // The rest of the preface, and an empty SETTINGS frame (RFC 9113, 6.5).
    stream
        .write_all(b"\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        .await
        .unwrap();
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "the server's SETTINGS come first");
    drop(stream);
    hospital.running.shutdown().await;
}

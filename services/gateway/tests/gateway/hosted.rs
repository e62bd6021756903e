//! The gateway in a host, over the network.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use galen_access::{Authentication, Method, Principal, Role, SigningKey};
use galen_gateway::Gateway;
use galen_kernel::Clock;
use galen_service::audit::Recorder;
use galen_service::{
    Config, Host, HostOptions, Platform, RunningHost, SHARED_MIGRATIONS, Service, StartError,
};
use galen_storage::SchemaSpec;
use galen_testkit::TestDatabase;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

static KEY: std::sync::LazyLock<SigningKey> =
    std::sync::LazyLock::new(|| SigningKey::generate().unwrap());

/// Says which keys are good, as identity does.
struct Keys;

impl Service for Keys {
    const NAME: &'static str = "identity";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: Self::NAME,
        migrations: &[],
        subscribes: &[],
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        platform
            .keys
            .replace(json!({ "keys": [KEY.jwk()] }))
            .unwrap();
        Ok(Self)
    }
}

struct Hosted {
    running: RunningHost,
    clock: Clock,
    _database: TestDatabase,
    _files: tempfile::TempDir,
}

impl Hosted {
    async fn open(settings: &[(&str, &str)]) -> Self {
        let clock = Clock::system();
        let host = Host::new()
            .with::<Keys>()
            .with::<Gateway>()
            .with_audit_in_memory(Recorder::in_memory())
            .with_edge(galen_gateway::edge);
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[Keys::SCHEMA, Gateway::SCHEMA],
            clock.clone(),
        )
        .await;
        let files = tempfile::tempdir().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = HostOptions {
            listen: any,
            ops_listen: any,
            tls: None,
            grpc_listen: None,
            // Where nobody answers: nobody asks there either.
            peers: BTreeMap::from([("patients".to_owned(), "http://127.0.0.1:1".to_owned())]),
            zone: "UTC".to_owned(),
            data_dir: files.path().to_owned(),
            masters: galen_service::testing::masters(),
            drain: Duration::from_secs(5),
            pool: 8,
        };
        let values = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let running = host
            .run(
                database.databases(),
                options,
                Config::from_values(values),
                clock.clone(),
            )
            .await
            .unwrap();
        Self {
            running,
            clock,
            _database: database,
            _files: files,
        }
    }

    fn token(&self) -> String {
        let principal = Principal {
            user_id: self.clock.id(),
            session_id: self.clock.id(),
            roles: vec![Role::Receptionist],
            grants: galen_access::Grants::default(),
            patient_id: None,
            practitioner_id: None,
        };
        let shown = Authentication::new(&[Method::Password], self.clock.now());
        KEY.sign(&principal, &shown, "galen", self.clock.now())
            .unwrap()
    }

    async fn send(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.running.address).await.unwrap();
        stream
            .write_all(format!("{head}\r\nHost: galen\r\n\r\n").as_bytes())
            .await
            .unwrap();
        stream
    }

    /// A whole answer.
    async fn ask(&self, head: &str) -> String {
        let mut stream = self.send(&format!("{head}\r\nConnection: close")).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn refusals_of_the_edge_are_answers_like_any_other() {
    let hosted = Hosted::open(&[
        ("gateway.read_per_minute", "1"),
        ("gateway.read_burst", "2"),
    ])
    .await;
    let openapi: Value = serde_json::from_slice(&hosted.running.openapi).unwrap();
    let stream = &openapi["paths"]["/api/v1/stream"]["get"];
    assert!(
        stream["responses"]["200"]["content"]["text/event-stream"].is_object(),
        "{stream}"
    );
    assert_eq!(stream["parameters"][0]["name"], "Last-Event-ID");

    let page = hosted.ask("GET /problems/too-many-requests HTTP/1.1").await;
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("TOO_MANY_REQUESTS"),
        "{page}"
    );
    hosted.ask("GET /openapi.json HTTP/1.1").await;
    let refused = hosted
        .ask("GET /openapi.json HTTP/1.1\r\nX-Forwarded-For: 198.51.100.1")
        .await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    for part in [
        "application/problem+json",
        "retry-after: ",
        "x-request-id: ",
        "traceresponse: ",
        "x-frame-options: DENY",
        "\"traceId\"",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let token = hosted.token();
    let account = hosted
        .ask(&format!(
            "GET /openapi.json HTTP/1.1\r\nAuthorization: Bearer {token}"
        ))
        .await;
    assert!(account.starts_with("HTTP/1.1 200"), "{account}");
    assert!(
        hosted
            .ask("GET /health/ready HTTP/1.1")
            .await
            .starts_with("HTTP/1.1 200")
    );
    hosted.running.shutdown().await;
}

#[tokio::test]
async fn open_streams_do_not_keep_a_host_from_stopping() {
    let hosted = Hosted::open(&[]).await;
    let token = hosted.token();
    let mut stream = hosted
        .send(&format!(
            "GET /api/v1/stream HTTP/1.1\r\nAuthorization: Bearer {token}"
        ))
        .await;
    let mut answer = String::new();
    while !answer.contains("event: ready") {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "{answer}");
        answer.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let stops = tokio::time::timeout(Duration::from_secs(4), hosted.running.shutdown()).await;
    assert!(stops.is_ok(), "the stream ends before it would be cut off");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(
        rest.ends_with("0\r\n\r\n"),
        "it ends, and is not cut off: {rest}"
    );
}

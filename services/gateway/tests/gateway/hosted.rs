//! A host with the gateway, over the network, with TLS or without.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::routing::{get, post};

use galen_access::{Authentication, Method, Principal, Role, SigningKey};
use galen_gateway::Gateway;
use galen_kernel::Clock;
use galen_service::audit::Recorder;
use galen_service::host::TlsFiles;
use galen_service::{
    Config, Host, HostOptions, Platform, RunningHost, SHARED_MIGRATIONS, Service, StartError,
};
use galen_storage::SchemaSpec;
use galen_testkit::TestDatabase;
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_rustls::TlsConnector;
use utoipa_axum::router::OpenApiRouter;

/// Longer than anything takes that happens at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What is waited for by whoever asks for `/api/v1/slow`.
pub(crate) static SLOW: Semaphore = Semaphore::const_new(0);

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

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        let slow = || async {
            SLOW.acquire()
                .await
                .map(SemaphorePermit::forget)
                .is_ok()
                .to_string()
        };
        OpenApiRouter::new()
            .route("/slow", get(slow))
            .route("/auth/login", post(|_: Bytes| async { "in" }))
    }
}

/// What bytes go to and fro on.
pub(crate) trait Line: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Line for S {}

pub(crate) struct Hosted {
    pub(crate) running: RunningHost,
    clock: Clock,
    connector: Option<TlsConnector>,
    _database: TestDatabase,
    _files: tempfile::TempDir,
}

impl Hosted {
    pub(crate) async fn open(settings: &[(&str, &str)]) -> Self {
        Self::open_as(settings, false).await
    }

    /// Over TLS, with a listener beside it that sends plain HTTP there.
    pub(crate) async fn encrypted(settings: &[(&str, &str)]) -> Self {
        Self::open_as(settings, true).await
    }

    async fn open_as(settings: &[(&str, &str)], encrypted: bool) -> Self {
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
        let (tls, connector) = if encrypted {
            let (tls, connector) = secured(files.path());
            (Some(tls), Some(connector))
        } else {
            (None, None)
        };
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = HostOptions {
            listen: any,
            ops_listen: any,
            redirect_listen: tls.is_some().then_some(any),
            connections_per_address: 100,
            tls,
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
            connector,
            _database: database,
            _files: files,
        }
    }

    pub(crate) fn token(&self) -> String {
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

    async fn connect(&self) -> Box<dyn Line> {
        let stream = TcpStream::connect(self.running.address).await.unwrap();
        match &self.connector {
            Some(connector) => {
                let name = ServerName::try_from("localhost").unwrap();
                Box::new(connector.connect(name, stream).await.unwrap())
            }
            None => Box::new(stream),
        }
    }

    /// Sends a head.
    pub(crate) async fn send(&self, head: &str) -> Box<dyn Line> {
        let mut line = self.connect().await;
        line.write_all(format!("{head}\r\nHost: galen\r\n\r\n").as_bytes())
            .await
            .unwrap();
        line.flush().await.unwrap();
        line
    }

    /// A whole answer.
    pub(crate) async fn ask(&self, head: &str) -> String {
        let mut line = self.send(&format!("{head}\r\nConnection: close")).await;
        let mut answer = Vec::new();
        // TLS that ends without saying so is an error; the answer is there all the same.
        let _ended = line.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    /// The head of an answer, which may never end.
    pub(crate) async fn head(&self, head: &str) -> String {
        until(&mut self.send(head).await, "\r\n\r\n").await
    }
}

/// Reads until it has been said.
pub(crate) async fn until(line: &mut (impl AsyncRead + Unpin), words: &str) -> String {
    let mut answer = String::new();
    while !answer.contains(words) {
        let mut part = [0; 1024];
        let read = tokio::time::timeout(PATIENCE, line.read(&mut part)).await;
        let read = read.expect("something is said").unwrap();
        assert!(read > 0, "{answer}");
        answer.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
    answer
}

/// A certificate, and clients who trust it.
fn secured(directory: &Path) -> (TlsFiles, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: directory.join("tls.crt"),
        key: directory.join("tls.key"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (files, TlsConnector::from(Arc::new(config)))
}

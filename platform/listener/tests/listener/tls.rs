//! TLS: served, reloaded under connections, and not broken by broken files.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use galen_kernel::Clock;
use galen_listener::{Bounds, Tls, TlsError, TlsFiles};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::served::{PATIENCE, Served, rest};

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Secured {
    served: Served,
    directory: tempfile::TempDir,
    _watch: DropGuard,
}

fn files(directory: &Path) -> TlsFiles {
    TlsFiles {
        certificate: directory.join("tls.crt"),
        key: directory.join("tls.key"),
    }
}

/// Writes a new pair; returns the certificate.
fn renew(directory: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("tls.key"), signing_key.serialize_pem()).unwrap();
    std::fs::write(directory.join("tls.crt"), cert.pem()).unwrap();
    cert.der().clone()
}

impl Secured {
    async fn open(bounds: Bounds) -> (Self, CertificateDer<'static>) {
        let directory = tempfile::tempdir().unwrap();
        let certificate = renew(directory.path());
        let tls = Tls::load(files(directory.path()), Clock::system()).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(tls.clone().watch(stop.clone()));
        let secured = Self {
            served: Served::open(bounds, Some(tls)).await,
            directory,
            _watch: stop.drop_guard(),
        };
        (secured, certificate)
    }

    async fn connect(
        &self,
        trusted: &CertificateDer<'static>,
        alpn: &str,
        version: &'static SupportedProtocolVersion,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let stream = self.served.connect().await;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    async fn trusts(&self, certificate: &CertificateDer<'static>) -> bool {
        let connected = self.connect(certificate, "http/1.1", &rustls::version::TLS13);
        connected.await.is_ok()
    }
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(ASK).await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with("tls 0") {
        let mut part = [0; 1024];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut part))
            .await
            .unwrap()
            .unwrap();
        assert!(read > 0, "{answer}");
        answer.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
    answer
}

#[tokio::test]
async fn both_versions_and_both_protocols_are_spoken() {
    let (secured, certificate) = Secured::open(Bounds::default()).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut stream = secured
            .connect(&certificate, "http/1.1", version)
            .await
            .unwrap();
        assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200 "));
        let stream = secured.connect(&certificate, "h2", version).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    }
}

#[tokio::test]
async fn a_new_pair_is_shown_and_old_connections_go_on() {
    let (secured, old) = Secured::open(Bounds::default()).await;
    let mut stream = secured
        .connect(&old, "http/1.1", &rustls::version::TLS13)
        .await
        .unwrap();
    ask(&mut stream).await;

    // The key of one pair with the certificate of another is kept out.
    renew(secured.directory.path());
    let strange = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = secured.directory.path().join("tls.key");
    std::fs::write(&key, strange.signing_key.serialize_pem()).unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(secured.trusts(&old).await, "the old pair stays");

    let new = renew(secured.directory.path());
    let replaced = async {
        while !secured.trusts(&new).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, replaced).await.unwrap();
    assert!(!secured.trusts(&old).await);
    ask(&mut stream).await;
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = Tls::load(files(directory.path()), Clock::system())
        .err()
        .unwrap();
    assert!(
        matches!(&missing, TlsError::Pem { path, .. } if path.ends_with("tls.crt")),
        "{missing}"
    );
    renew(directory.path());
    let strange = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(
        directory.path().join("tls.key"),
        strange.signing_key.serialize_pem(),
    )
    .unwrap();
    let mismatched = Tls::load(files(directory.path()), Clock::system())
        .err()
        .unwrap();
    assert!(matches!(mismatched, TlsError::Pair(_)), "{mismatched}");
}

#[tokio::test]
async fn plain_http_is_told_to_use_tls() {
    let (secured, _) = Secured::open(Bounds::default()).await;
    let mut stream = secured.served.connect().await;
    stream.write_all(ASK).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("by https.\n"),
        "{answer}"
    );
    assert_eq!(secured.served.asked(), 0);
}

#[tokio::test]
async fn unfinished_handshakes_are_let_go_and_keep_nobody_out() {
    let bounds = Bounds {
        begin: Duration::from_millis(500),
        waiting: 4,
        ..Bounds::default()
    };
    let (secured, certificate) = Secured::open(bounds).await;
    let mut waiting = Vec::new();
    for start in [&b""[..], b"\x16\x03\x01\x02\x00\x01", b"\x16"]
        .into_iter()
        .cycle()
        .take(12)
    {
        let mut stream = secured.served.connect().await;
        stream.write_all(start).await.unwrap();
        waiting.push(stream);
    }
    assert!(secured.trusts(&certificate).await);
    for stream in &mut waiting {
        rest(stream).await;
    }
}

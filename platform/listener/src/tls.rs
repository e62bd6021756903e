//! TLS 1.2 and 1.3, with a certificate that is replaced when its files change.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use galen_kernel::Clock;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode as _;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often the log says that a certificate is about to expire …
const REMINDER: Duration = Duration::from_secs(24 * 3600);
/// … from so many seconds before.
const SOON: i64 = 21 * 24 * 3600;

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key in PEM: PKCS #8, SEC 1 or PKCS #1.
    pub key: PathBuf,
}

/// Why a pair of files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there or not PEM.
    #[error("{path} cannot be read", path = path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// The key is of an unknown kind, or not the certificate's.
    #[error("the certificate and its key cannot be used")]
    Pair(#[from] rustls::Error),
    /// The certificate cannot be understood.
    #[error("the certificate is malformed")]
    Certificate(#[from] x509_cert::der::Error),
    /// The certificate is not valid any more.
    #[error("the certificate has expired")]
    Expired,
}

/// A certificate that is ready to be shown.
#[derive(Debug)]
struct Pair {
    key: Arc<CertifiedKey>,
    /// Unix time in seconds.
    expires: i64,
}

/// What new connections are shown.
#[derive(Debug)]
struct Current(RwLock<Pair>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let pair = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&pair.key))
    }
}

/// When a file was written, and which it is.
type Mark = (i64, i64, u64, u64);

/// TLS of a listener.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    clock: Clock,
    current: Arc<Current>,
    /// What the files were when they were read.
    read: Option<[Mark; 2]>,
    pub(crate) acceptor: TlsAcceptor,
}

impl Tls {
    /// Reads the files. A certificate that has expired is shown all the same, and the
    /// log says so: whoever must can still decide to trust it.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn load(files: TlsFiles, clock: Clock) -> Result<Self, TlsError> {
        let read = marks(&files);
        let pair = pair(&files)?;
        gauges(&pair, true);
        let current = Arc::new(Current(RwLock::new(pair)));
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
                .with_no_client_auth()
                .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ignore_client_order = true;
        Ok(Self {
            files,
            clock,
            current,
            read,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    /// Replaces the certificate when its files change, until `stop`. Established
    /// connections keep theirs. Files that cannot be used change nothing.
    pub async fn watch(self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK);
        let mut reminded: Option<tokio::time::Instant> = None;
        let (mut tried, mut previous) = (self.read, self.read);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            let now = marks(&self.files);
            // Both files are written one after the other: wait until they are still.
            if now == previous && now != tried {
                tried = now;
                self.reload();
                reminded = None;
            }
            previous = now;
            if reminded.is_none_or(|at| at.elapsed() >= REMINDER) {
                reminded = Some(tokio::time::Instant::now());
                self.remind();
            }
        }
    }

    fn reload(&self) {
        let now = self.clock.now().as_second();
        let pair = pair(&self.files).and_then(|pair| {
            (pair.expires > now)
                .then_some(pair)
                .ok_or(TlsError::Expired)
        });
        match pair {
            Ok(pair) => {
                gauges(&pair, true);
                let mut current = self
                    .current
                    .0
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *current = pair;
                tracing::info!("the certificate is replaced");
            }
            Err(error) => {
                metrics::gauge!("galen_tls_files_usable").set(0);
                let error: &dyn std::error::Error = &error;
                tracing::error!(
                    error,
                    "the new certificate cannot be used; the old one stays"
                );
            }
        }
    }

    fn remind(&self) {
        let current = self
            .current
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let left = current.expires.saturating_sub(self.clock.now().as_second());
        if left <= 0 {
            tracing::error!("the certificate has expired");
        } else if left < SOON {
            tracing::warn!(days = left / 86_400, "the certificate expires soon");
        }
    }
}

fn gauges(pair: &Pair, usable: bool) {
    metrics::gauge!("galen_tls_certificate_expiry_seconds").set(pair.expires as f64);
    metrics::gauge!("galen_tls_files_usable").set(f64::from(u8::from(usable)));
}

/// `None` when a file cannot be looked at.
fn marks(files: &TlsFiles) -> Option<[Mark; 2]> {
    let mark = |path| {
        let about = std::fs::metadata(path).ok()?;
        Some((about.mtime(), about.mtime_nsec(), about.ino(), about.len()))
    };
    Some([mark(&files.certificate)?, mark(&files.key)?])
}

fn pair(files: &TlsFiles) -> Result<Pair, TlsError> {
    let failed = |path: &PathBuf| {
        let path = path.clone();
        |source| TlsError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(failed(&files.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(failed(&files.key))?;
    let own = chain
        .first()
        .ok_or(rustls::Error::NoCertificatesPresented)?;
    let parsed = CertificateInner::<Raw>::from_der(own)?;
    let expires = parsed.tbs_certificate.validity.not_after.to_unix_duration();
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?;
    Ok(Pair {
        key: Arc::new(key),
        expires: i64::try_from(expires.as_secs()).unwrap_or(i64::MAX),
    })
}

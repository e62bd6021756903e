//! A listener in front of routes that count what they are asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use galen_listener::{Bounds, Encrypted, Tls, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Longer than anything takes that happens at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
    _stop: DropGuard,
}

impl Served {
    pub(crate) async fn open(bounds: Bounds, tls: Option<Tls>) -> Self {
        let asked = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&asked);
        let count = move |encrypted: Option<axum::Extension<Encrypted>>, body: Bytes| {
            counter.fetch_add(1, Ordering::SeqCst);
            let words = if encrypted.is_some() { "tls" } else { "plain" };
            async move { format!("{words} {}", body.len()) }
        };
        let large = || async { vec![b'x'; 64 << 20] };
        let router = Router::new().route("/large", get(large)).fallback(count);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve(
            listener,
            tls,
            router,
            bounds,
            stop.clone(),
            Duration::from_secs(1),
        ));
        Self {
            address,
            asked,
            _stop: stop.drop_guard(),
        }
    }

    /// How many requests came through.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// From another address of this machine.
    pub(crate) async fn connect_from(&self, from: [u8; 4]) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        rest(&mut stream).await
    }
}

/// What the server says before it closes, however it closes.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer));
    let _reset_counts_as_closed = read.await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

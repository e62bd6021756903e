//! Somebody who is told of payments: a real HTTP server on this machine.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// What arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("visible text")
    }

    /// Whether the official verifier takes it with this secret.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        standardwebhooks::Webhook::new(secret)
            .expect("a secret")
            .verify(&self.body, &self.headers)
            .is_ok()
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Status(u16),
    /// Leads to another address.
    Redirect(String),
    /// With this body.
    Body(Vec<u8>),
    /// Not before the receiver is released.
    Nothing,
}

struct Inner {
    replies: Mutex<VecDeque<Reply>>,
    otherwise: Mutex<Reply>,
    arrived: Mutex<Vec<Arrived>>,
    count: watch::Sender<usize>,
    release: Notify,
}

pub(crate) struct Receiver {
    inner: Arc<Inner>,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    pub(crate) async fn open() -> Self {
        let inner = Arc::new(Inner {
            replies: Mutex::default(),
            otherwise: Mutex::new(Reply::Status(200)),
            arrived: Mutex::default(),
            count: watch::Sender::new(0),
            release: Notify::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&inner));
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self {
            inner,
            address,
            serving,
        }
    }

    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    /// Answers the next requests so, in order.
    pub(crate) fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        self.inner
            .replies
            .lock()
            .expect("no panics")
            .extend(replies);
    }

    /// Answers so when there is no other reply.
    pub(crate) fn always(&self, reply: Reply) {
        *self.inner.otherwise.lock().expect("no panics") = reply;
    }

    /// Lets those go on that were not answered.
    pub(crate) fn release(&self) {
        self.always(Reply::Status(200));
        self.inner.release.notify_waiters();
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.inner.arrived.lock().expect("no panics").clone()
    }

    /// The only one that arrived.
    pub(crate) fn only(&self) -> Arrived {
        let arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        arrived[0].clone()
    }

    /// Waits until so many arrived.
    pub(crate) async fn has(&self, count: usize) {
        let mut seen = self.inner.count.subscribe();
        seen.wait_for(|arrived| *arrived >= count)
            .await
            .expect("the receiver lives");
    }
}

async fn answer(
    State(inner): State<Arc<Inner>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let next = inner.replies.lock().expect("no panics").pop_front();
    let reply = next.unwrap_or_else(|| inner.otherwise.lock().expect("no panics").clone());
    let released = inner.release.notified();
    inner.arrived.lock().expect("no panics").push(Arrived {
        path: uri.path().to_owned(),
        headers,
        body,
    });
    inner.count.send_modify(|count| *count += 1);
    match reply {
        Reply::Status(status) => StatusCode::from_u16(status)
            .expect("a status")
            .into_response(),
        Reply::Redirect(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
        Reply::Body(body) => body.into_response(),
        Reply::Nothing => {
            released.await;
            StatusCode::OK.into_response()
        }
    }
}

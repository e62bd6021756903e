//! Serves HTTP/1.1 and HTTP/2 on a listener, and drains it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use bytes::BytesMut;
use http::{HeaderValue, Request, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::crowd::Crowd;
use crate::head;
use crate::porch::{Place, Porch};
use crate::refusal;
use crate::tls::Tls;
use crate::wire::Wire;

/// Requests under way on one HTTP/2 connection.
const STREAMS: u32 = 256;
/// How an HTTP/2 connection begins (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How a TLS connection begins: a record of the handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
/// For whoever speaks without TLS where TLS is spoken.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Content-Length: 34\r\nConnection: close\r\n\r\nThis address is reached by https.\n";
/// After a failed accept, which mostly means too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many clients there may be, and how slow.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// To begin: TLS handshake and first bytes, each.
    pub begin: Duration,
    /// To send the whole head of the next request.
    pub head: Duration,
    /// To take the next bytes of an answer.
    pub write: Duration,
    /// Connections at a time.
    pub connections: usize,
    /// Of these, such as have not asked anything yet.
    pub waiting: usize,
    /// Of these, of one client. A proxy in front is one client.
    pub per_address: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            begin: Duration::from_secs(10),
            head: Duration::from_secs(30),
            write: Duration::from_secs(30),
            connections: 8192,
            waiting: 1024,
            per_address: 1024,
        }
    }
}

/// Extension of requests that came over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encrypted;

/// Serves until `stop`; then accepts nothing more, lets requests finish for at most
/// `drain`, and cuts off what is left.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
    drain: Duration,
) {
    let room = Arc::new(Semaphore::new(bounds.connections));
    let porch = Porch::new("connections", bounds.waiting);
    let crowd = Crowd::new(bounds.per_address);
    let mut connections = JoinSet::new();
    let accept = async || match Arc::clone(&room).acquire_owned().await {
        Ok(permit) => listener.accept().await.map(|accepted| (permit, accepted)),
        Err(closed) => Err(std::io::Error::other(closed)),
    };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = accept() => match accepted {
                Ok((permit, (stream, peer))) => {
                    let Some(guest) = crowd.enter(peer.ip()) else {
                        // An answer would cost more than the connection.
                        metrics::counter!("galen_listener_refusals_total", "reason" => "Crowded").increment(1);
                        continue;
                    };
                    let (place, lost) = porch.enter();
                    let client = Client { peer, bounds, router: router.clone(), stop: stop.clone(), place };
                    let tls = tls.clone();
                    connections.spawn(async move {
                        let _held = (permit, guest);
                        tokio::select! {
                            () = client.meet(stream, tls) => {}
                            () = lost.cancelled() => {}
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, finished).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections are cut off");
        connections.shutdown().await;
    }
}

/// Which protocol a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// One connection.
struct Client {
    peer: SocketAddr,
    bounds: Bounds,
    router: Router,
    stop: CancellationToken,
    place: Place,
}

impl Client {
    async fn meet(self, stream: TcpStream, tls: Option<Tls>) {
        // Answers are small; waiting to fill a packet would only delay them.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let Some(tls) = tls else {
            return self.begin(stream, false).await;
        };
        let stop = self.stop.clone();
        tokio::select! {
            shaken = tokio::time::timeout(self.bounds.begin, shake(stream, &tls)) => {
                let outcome = match &shaken {
                    Ok(Some(_)) => "done",
                    Ok(None) => "failed",
                    Err(_) => "late",
                };
                metrics::counter!("galen_tls_handshakes_total", "outcome" => outcome).increment(1);
                if let Ok(Some(stream)) = shaken {
                    Box::pin(self.begin(stream, true)).await;
                }
            }
            () = stop.cancelled() => {}
        }
    }

    /// Waits for the first bytes, which tell HTTP/1 from HTTP/2; the server's own
    /// time-outs only begin behind them.
    async fn begin<S>(self, mut stream: S, encrypted: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let begun = tokio::select! {
            begun = tokio::time::timeout(self.bounds.begin, protocol(&mut stream)) => begun,
            () = self.stop.cancelled() => return,
        };
        if let Ok(Some((protocol, start))) = begun {
            self.talk(stream, start, protocol, encrypted).await;
        }
    }

    async fn talk<S>(self, stream: S, start: BytesMut, protocol: Protocol, encrypted: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            peer,
            bounds,
            router,
            stop,
            place,
        } = self;
        let place = Arc::new(Mutex::new(Some(place)));
        let service = tower::service_fn(move |request: Request<hyper::body::Incoming>| {
            // It has asked: nobody sends it away any more.
            place.lock().unwrap_or_else(PoisonError::into_inner).take();
            let refusal = refusal::answer(&request, encrypted);
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            if encrypted {
                request.extensions_mut().insert(Encrypted);
            }
            let last = protocol == Protocol::Http1
                && request.headers().contains_key(header::TRANSFER_ENCODING);
            let answer = router.clone().oneshot(request);
            async move {
                if let Some(refusal) = refusal {
                    return Ok(refusal);
                }
                let mut answer = answer.await;
                if let (Ok(answer), true) = (&mut answer, last) {
                    // What follows a chunked body is not judged, so nothing may.
                    let close = HeaderValue::from_static("close");
                    answer.headers_mut().insert(header::CONNECTION, close);
                }
                answer
            }
        });
        let (builder, wire) = match protocol {
            Protocol::Http1 => (
                builder(bounds).http1_only(),
                Wire::http1(stream, start, bounds.write),
            ),
            Protocol::Http2 => (
                builder(bounds).http2_only(),
                Wire::http2(stream, start, bounds.write),
            ),
        };
        let serving =
            builder.serve_connection(TokioIo::new(wire), TowerToHyperService::new(service));
        let mut serving = std::pin::pin!(serving);
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = stop.cancelled() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error, "a connection ended early");
        }
    }
}

fn builder(bounds: Bounds) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(head::LIMIT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(head::LIMIT).unwrap_or(u32::MAX))
        .keep_alive_interval(bounds.head)
        .keep_alive_timeout(bounds.head);
    builder
}

/// `None` when the client does not speak TLS with us. Whoever speaks plain HTTP is
/// told so.
async fn shake(
    mut stream: TcpStream,
    tls: &Tls,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1..) if first[0] == HANDSHAKE => tls.acceptor.accept(stream).await.ok(),
        Ok(1..) => {
            stream.write_all(NOT_TLS).await.ok()?;
            stream.shutdown().await.ok()?;
            // What was asked is taken in, so that the answer is not lost with it.
            let mut rest = [0; 4096];
            while stream.read(&mut rest).await.ok()? > 0 {}
            None
        }
        _ => None,
    }
}

async fn protocol<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(Protocol, BytesMut)> {
    let mut start = [0; PREFACE.len()];
    let mut read = 0;
    loop {
        match stream.read(&mut start[read..]).await {
            Ok(0) | Err(_) => return None,
            Ok(more) => read += more,
        }
        let protocol = if !PREFACE.starts_with(&start[..read]) {
            Protocol::Http1
        } else if read == PREFACE.len() {
            Protocol::Http2
        } else {
            continue;
        };
        return Some((protocol, BytesMut::from(&start[..read])));
    }
}

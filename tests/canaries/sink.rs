//! A collector of traces (OTLP over gRPC) that keeps the bytes it is sent.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;

/// The collector; it listens for as long as the test's runtime lives.
pub(crate) struct Sink {
    url: String,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Sink {
    /// Starts listening.
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let service = service_fn(move |request| export(request, Arc::clone(&kept)));
                    let served = Builder::new(TokioExecutor::new())
                        .http2_only()
                        .serve_connection(TokioIo::new(connection), service)
                        .await;
                    drop(served);
                });
            }
        });
        Self { url, received }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it was sent, uncompressed protobuf.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.received.lock().expect("not poisoned").clone()
    }
}

type Answer =
    StreamBody<futures::stream::Iter<std::array::IntoIter<Result<Frame<Bytes>, Infallible>, 2>>>;

/// Keeps the request and answers an empty message.
async fn export(
    request: Request<Incoming>,
    kept: Arc<Mutex<Vec<u8>>>,
) -> Result<Response<Answer>, hyper::Error> {
    let bytes = request.into_body().collect().await?.to_bytes();
    kept.lock().expect("not poisoned").extend_from_slice(&bytes);
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let frames = [
        Ok(Frame::data(Bytes::from_static(&[0; 5]))),
        Ok(Frame::trailers(trailers)),
    ];
    let mut response = Response::new(StreamBody::new(futures::stream::iter(frames)));
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    Ok(response)
}

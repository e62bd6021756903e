//! Requests to the directory: bounded in time and size, never led elsewhere, and not
//! made while it has just failed to answer several.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use galen_service::Circuit;
use openidconnect::{HttpRequest, HttpResponse};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// From connecting to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(4);
/// Metadata, keys and tokens are some kilobytes.
const LARGEST: usize = 256 * 1024;
/// Failures in a row after which it is not asked for a while.
const FAILURES: u32 = 3;
/// How long it is not asked then.
const PAUSE: Duration = Duration::from_secs(10);

/// The client.
pub(super) struct Web {
    client: reqwest::Client,
    circuit: Circuit,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum WebError {
    /// It has just failed to answer others.
    #[error("the directory has not answered for a while")]
    Paused,
    /// It did not come, or not in time.
    #[error("the directory does not answer")]
    Silent(#[source] reqwest::Error),
    /// It is larger than anything that a directory has to say.
    #[error("the directory's answer is too large")]
    TooLarge,
    /// It is an admission.
    #[error("the directory answers with {0}")]
    Broken(http::StatusCode),
    /// It cannot be passed on.
    #[error("the directory's answer is malformed")]
    Malformed(#[source] http::Error),
}

impl Web {
    /// Prepares the client. It follows no redirects, and leaves TLS never where the
    /// directory has it: either would lead the code and the client's secret elsewhere.
    pub(super) fn new(only_tls: bool) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .https_only(only_tls)
            .user_agent(concat!("galen/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            circuit: Circuit::new(FAILURES, PAUSE),
        })
    }

    /// Asks.
    pub(super) fn call(
        self: &Arc<Self>,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, WebError>> {
        let web = Arc::clone(self);
        Box::pin(async move {
            if !web.circuit.admits(Instant::now()) {
                return Err(WebError::Paused);
            }
            let answer = web.ask(request).await;
            match &answer {
                Ok(_) if web.circuit.answered() => tracing::info!("the directory answers again"),
                Ok(_) => {}
                Err(error) if web.circuit.failed(Instant::now()) => {
                    tracing::warn!(%error, "the directory is not asked for a while");
                }
                Err(_) => {}
            }
            answer
        })
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, WebError> {
        let request = request.try_into().map_err(WebError::Silent)?;
        let mut answer = self
            .client
            .execute(request)
            .await
            .map_err(WebError::Silent)?;
        let status = answer.status();
        if status.is_server_error() {
            return Err(WebError::Broken(status));
        }
        let mut head = http::Response::builder().status(status);
        for (name, value) in answer.headers() {
            head = head.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(WebError::Silent)? {
            if body.len() + chunk.len() > LARGEST {
                return Err(WebError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        head.body(body).map_err(WebError::Malformed)
    }
}

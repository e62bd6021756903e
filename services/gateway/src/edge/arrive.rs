//! Bodies arrive before their requests count as under way: whoever sends a body byte
//! by byte takes no permit from anybody, only a place among the bodies that are
//! arriving, and for a bounded time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use galen_kernel::Problem;
use galen_listener::Porch;
use galen_service::{BODY_LIMIT, Halt};
use http::{HeaderValue, Version, header};
use http_body_util::BodyExt as _;

use super::settings::Settings;

/// Of a body that is too long, so much is read and thrown away: whoever is still sending
/// when the connection closes does not see the answer that says why.
const LINGERING: u64 = 16 << 20;
/// Whoever announces what is too long and then sends nothing gets the answer.
const PAUSE: Duration = Duration::from_millis(250);

/// Where bodies arrive.
pub(crate) struct Arrivals {
    porch: Arc<Porch>,
    patience: Duration,
}

impl Arrivals {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            porch: Porch::new("bodies", settings.arriving),
            patience: settings.body_patience,
        }
    }
}

/// Reads the body, as far as it may reach; what is wrong with it is left to who wants
/// it. Answers 408 when it takes too long, or the longest while many others wait.
pub(crate) async fn arrive(
    State(arrivals): State<Arc<Arrivals>>,
    request: Request,
    next: Next,
) -> Response {
    let announced = request.body().size_hint().lower();
    // Whoever asks before sending is not told to send what is too long.
    let asks = announced > BODY_LIMIT as u64 && request.headers().contains_key(header::EXPECT);
    if request.body().is_end_stream() || asks || announced > LINGERING {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let (place, lost) = arrivals.porch.enter();
    let body = tokio::select! {
        biased;
        body = whole(body, announced) => body,
        () = lost.cancelled() => return late(parts.version),
        () = tokio::time::sleep(arrivals.patience) => return late(parts.version),
    };
    drop(place);
    next.run(Request::from_parts(parts, body)).await
}

/// All of it, or a little more than is allowed, or what came before it broke off.
async fn whole(mut body: Body, announced: u64) -> Body {
    let mut bytes = Vec::new();
    let mut read = 0;
    loop {
        let next = if announced.max(read) > BODY_LIMIT as u64 {
            match tokio::time::timeout(PAUSE, body.frame()).await {
                Ok(next) => next,
                Err(_) => break,
            }
        } else {
            body.frame().await
        };
        let Some(frame) = next else { break };
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => {
                read += data.len() as u64;
                let room = (BODY_LIMIT + 1).saturating_sub(bytes.len());
                bytes.extend_from_slice(&data[..data.len().min(room)]);
            }
            // Trailers mean nothing here.
            Ok(Err(_)) => {}
            Err(error) => return Body::from_stream(stream::iter([Ok(bytes), Err(error)])),
        }
        if read > LINGERING {
            break;
        }
    }
    Body::from(bytes)
}

/// The rest of the body is not waited for, so the connection ends (RFC 9110, 15.5.9).
fn late(version: Version) -> Response {
    metrics::counter!("galen_edge_refusals_total", "reason" => "body", "class" => "any")
        .increment(1);
    let problem = Problem::new(408, "BODY_TOO_SLOW", "The body took too long to arrive.");
    let mut response = Halt::from(problem).into_response();
    if version <= Version::HTTP_11 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

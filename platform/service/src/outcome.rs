//! What a handler answers.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use galen_kernel::{FieldError, Problem};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::audit::{Refusal, Shown};

/// A successful answer, already serialised, so that it can be stored under an
/// idempotency key and replayed byte for byte.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// `ETag`, `Location` and the like.
    pub headers: HeaderMap,
    /// JSON, unless the headers say otherwise; empty for 204.
    pub body: Bytes,
}

/// What ends a request early: a problem, or the stored answer of an earlier
/// request with the same idempotency key. Anything that is `Into<Problem>` turns
/// into it with `?`.
#[derive(Debug)]
pub enum Halt {
    /// Answered with problem details.
    Problem(Box<Problem>),
    /// Answered with `Idempotency-Replayed: true`.
    Replay(Box<Answer>),
}

/// The result of every handler.
pub type Outcome = Result<Answer, Halt>;

impl<E: Into<Problem>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Problem(Box::new(error.into()))
    }
}

impl Answer {
    /// 200 with a JSON body.
    ///
    /// # Panics
    /// Never: views are plain data.
    pub fn ok<T: Serialize>(body: &T) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// 201 with a JSON body.
    pub fn created<T: Serialize>(body: &T) -> Self {
        Self::json(StatusCode::CREATED, body)
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Any status with a JSON body.
    pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Self {
        let body = serde_json::to_vec(body).expect("views are plain data");
        Self {
            status,
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }

    /// 200 with a document of another media type, to be shown or kept under a name of
    /// letters, digits, dots and hyphens.
    #[must_use]
    pub fn document(media_type: &'static str, name: &str, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Ok(value) = format!("inline; filename=\"{name}\"").parse() {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        Self {
            status: StatusCode::OK,
            headers,
            body,
        }
    }

    /// Says that the client's `Accept` decided which document this is.
    #[must_use]
    pub fn negotiated(mut self) -> Self {
        let accept = HeaderValue::from_static("accept");
        self.headers.append(header::VARY, accept);
        self
    }

    /// Adds `ETag: "<version>"`.
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        if let Ok(value) = format!("\"{version}\"").parse() {
            self.headers.insert(http::header::ETAG, value);
        }
        self
    }

    /// Adds `Location`.
    #[must_use]
    pub fn location(mut self, path: &str) -> Self {
        if let Ok(value) = path.parse() {
            self.headers.insert(http::header::LOCATION, value);
        }
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let Self {
            status,
            headers,
            body,
        } = self;
        let has_body = !body.is_empty();
        let mut response = Response::new(axum::body::Body::from(body.clone()));
        response.extensions_mut().insert(Shown(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        if has_body {
            response
                .headers_mut()
                .entry(header::CONTENT_TYPE)
                .or_insert(JSON);
        }
        response
    }
}

impl IntoResponse for Halt {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem_response(&problem),
            Self::Replay(answer) => {
                let mut response = answer.into_response();
                response
                    .headers_mut()
                    .insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
                response
            }
        }
    }
}

/// `Idempotency-Replayed: true` marks an answer that was stored earlier.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The document of RFC 9457, as the API promises it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(flatten)]
    extra: Option<&'a serde_json::Map<String, serde_json::Value>>,
}

/// The path of a code's page below `/problems/`: `SLOT_TAKEN` is `slot-taken`.
pub(crate) fn slug(code: &str) -> String {
    code.to_ascii_lowercase().replace('_', "-")
}

/// Logs the cause of a failure on our side, once, and tells the client what it may know.
fn problem_response(problem: &Problem) -> Response {
    if problem.status >= 500 {
        log_cause(problem);
    }
    let document = Document {
        r#type: format!("/problems/{}", slug(problem.code)),
        title: problem.title,
        status: problem.status,
        detail: problem.detail.as_deref(),
        code: problem.code,
        trace_id: galen_telemetry::current().map(|trace| trace.trace_id_hex()),
        errors: &problem.errors,
        extra: problem.extra.as_deref(),
    };
    let body = serde_json::to_vec(&document).expect("a problem is plain data");
    let body = Bytes::from(body);
    let mut response = Response::new(axum::body::Body::from(body.clone()));
    response.extensions_mut().insert(Shown(body));
    response.extensions_mut().insert(Refusal {
        code: problem.code,
        shows: problem.extra.is_some(),
    });
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    if let Some(seconds) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if problem.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// One log line with the whole chain of causes.
pub(crate) fn log_cause(problem: &Problem) {
    let cause = problem
        .cause
        .as_deref()
        .map(|cause| chain(cause))
        .unwrap_or_default();
    if problem.status == 500 {
        tracing::error!(code = problem.code, cause, "a request failed");
    } else {
        tracing::warn!(
            code = problem.code,
            cause,
            "a request could not be answered"
        );
    }
}

/// An error and what caused it, outermost first.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn read(halt: Halt) -> (StatusCode, HeaderMap, serde_json::Value) {
        let (parts, body) = halt.into_response().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (
            parts.status,
            parts.headers,
            serde_json::from_slice(&bytes).unwrap(),
        )
    }

    #[tokio::test]
    async fn a_problem_is_told_as_the_standard_says() {
        let problem = Problem::conflict("SLOT_TAKEN", "The slot is taken.")
            .with_detail("Somebody was faster.")
            .with("alternatives", serde_json::json!([1]));
        let (status, headers, body) = read(problem.into()).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        let expected = serde_json::json!({
            "type": "/problems/slot-taken", "title": "The slot is taken.", "status": 409,
            "detail": "Somebody was faster.", "code": "SLOT_TAKEN", "alternatives": [1],
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn a_cause_stays_inside() {
        let cause: Box<dyn Error + Send + Sync> = "password=hunter2".into();
        let (status, headers, body) = read(Problem::unavailable(cause).into()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(headers[header::RETRY_AFTER], "1");
        assert!(!body.to_string().contains("hunter2"));
    }

    #[tokio::test]
    async fn an_unknown_caller_is_asked_for_a_token() {
        let (_, headers, _) = read(Problem::unauthenticated().into()).await;
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
    }

    #[test]
    fn a_chain_names_every_cause() {
        let inner: Box<dyn Error + Send + Sync> = "disk full".into();
        assert_eq!(chain(&Problem::internal(inner)), "500 INTERNAL: disk full");
    }
}

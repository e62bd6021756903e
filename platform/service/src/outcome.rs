//! What a handler answers.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use galen_kernel::Problem;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

/// A successful answer, already serialised, so that it can be stored under an
/// idempotency key and replayed byte for byte.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// `ETag`, `Location` and the like.
    pub headers: HeaderMap,
    /// JSON; empty for 204.
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
        Self { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Any status with a JSON body.
    pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Self {
        let body = serde_json::to_vec(body).expect("views are plain data");
        Self { status, headers: HeaderMap::new(), body: body.into() }
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
        todo!()
    }
}

impl IntoResponse for Halt {
    fn into_response(self) -> Response {
        todo!()
    }
}

//! What the server answered.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::ClientError;

/// An answer of any status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as it came.
    pub body: Bytes,
}

/// RFC 9457 problem details.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: String,
    /// Short sentence.
    pub title: String,
    /// What happened this time.
    #[serde(default)]
    pub detail: Option<String>,
    /// The wrong fields of a request.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// For the log of the server.
    #[serde(default)]
    pub trace_id: Option<String>,
}

/// One wrong field of a request.
#[derive(Debug, Clone, Deserialize)]
pub struct FieldError {
    /// RFC 6901 pointer, or `?name` for a query parameter.
    pub pointer: String,
    /// Stable code.
    pub code: String,
    /// For a person.
    pub message: String,
}

/// Code, title, detail and wrong fields on one line.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.title)?;
        if let Some(detail) = &self.detail {
            write!(f, " {detail}")?;
        }
        for error in &self.errors {
            write!(f, " {} {}", error.pointer, error.message)?;
        }
        Ok(())
    }
}

impl Reply {
    /// The body as a value; any status.
    ///
    /// # Errors
    /// When it is not JSON of that shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(ClientError::Unreadable)
    }

    /// The body of a success.
    ///
    /// # Errors
    /// [`ClientError::Refused`] for any other status.
    pub fn success<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        self.check()?;
        self.json()
    }

    /// Ok for a success without a body of interest.
    ///
    /// # Errors
    /// [`ClientError::Refused`] for any other status.
    pub fn check(&self) -> Result<(), ClientError> {
        if self.status.is_success() {
            return Ok(());
        }
        Err(ClientError::Refused {
            status: self.status,
            problem: self.problem().map(Box::new),
        })
    }

    /// The problem, if it is one.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The problem's code; empty for a success.
    #[must_use]
    pub fn code(&self) -> String {
        self.problem().map(|p| p.code).unwrap_or_default()
    }

    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The aggregate's version from `ETag`.
    #[must_use]
    pub fn version(&self) -> Option<i64> {
        self.header("etag")?.trim_matches('"').parse().ok()
    }
}

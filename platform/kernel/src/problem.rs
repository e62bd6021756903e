//! What can go wrong, in the words of the API: RFC 9457 problem details.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::Serialize;

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// RFC 6901 pointer into the body, or `?name` for a query parameter.
    pub pointer: String,
    /// Stable, SCREAMING_SNAKE.
    pub code: &'static str,
    /// For a person.
    pub message: String,
}

/// An answer that is not the wished one. Everything but `cause` may reach the
/// client; `cause` goes to the log, once, at the edge.
#[derive(Debug)]
pub struct Problem {
    /// HTTP status; the gRPC code follows from it.
    pub status: u16,
    /// Stable, SCREAMING_SNAKE; also names the page under `/problems/`.
    pub code: &'static str,
    /// A short sentence that is the same every time.
    pub title: &'static str,
    /// What happened this time.
    pub detail: Option<Cow<'static, str>>,
    /// The wrong fields, for 400.
    pub errors: Vec<FieldError>,
    /// Seconds after which to try again.
    pub retry_after: Option<u32>,
    /// Further members of the problem document (RFC 9457 section 3.2), such as
    /// the candidates of a likely duplicate. Must not hold what the caller may not see.
    pub extra: Option<Box<serde_json::Map<String, serde_json::Value>>>,
    /// The internal reason; never shown.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem with a code of its own.
    #[must_use]
    pub const fn new(status: u16, code: &'static str, title: &'static str) -> Self {
        Self {
            status,
            code,
            title,
            detail: None,
            errors: Vec::new(),
            retry_after: None,
            extra: None,
            cause: None,
        }
    }

    /// 400: the request cannot be understood or is invalid.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new(400, "VALIDATION_FAILED", "The request has invalid fields.")
        }
    }

    /// 400 for exactly one field.
    #[must_use]
    pub fn invalid_field(
        pointer: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::invalid(vec![FieldError {
            pointer: pointer.into(),
            code,
            message: message.into(),
        }])
    }

    /// 401: no valid credentials.
    #[must_use]
    pub const fn unauthenticated() -> Self {
        Self::new(401, "UNAUTHENTICATED", "Valid credentials are required.")
    }

    /// 403: known caller, not allowed.
    #[must_use]
    pub const fn forbidden() -> Self {
        Self::new(403, "FORBIDDEN", "You may not do this.")
    }

    /// 404: absent, or not for the caller to know.
    #[must_use]
    pub const fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "There is no such thing.")
    }

    /// 409: conflicts with the current state.
    #[must_use]
    pub const fn conflict(code: &'static str, title: &'static str) -> Self {
        Self::new(409, code, title)
    }

    /// 412: `If-Match` names an older version.
    #[must_use]
    pub const fn stale() -> Self {
        Self::new(
            412,
            "STALE_VERSION",
            "The resource has changed since you read it.",
        )
    }

    /// 503: a dependency did not answer.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            retry_after: Some(1),
            cause: Some(cause.into()),
            ..Self::new(
                503,
                "DEPENDENCY_UNAVAILABLE",
                "A part of the system did not answer.",
            )
        }
    }

    /// 504: a dependency did not answer in time.
    pub fn timed_out(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            retry_after: Some(1),
            cause: Some(cause.into()),
            ..Self::new(
                504,
                "DEPENDENCY_TIMEOUT",
                "A part of the system did not answer in time.",
            )
        }
    }

    /// 500: a bug.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(500, "INTERNAL", "Something went wrong on our side.")
        }
    }

    /// Says what happened this time.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a member to the problem document.
    #[must_use]
    pub fn with(mut self, member: &str, value: serde_json::Value) -> Self {
        self.extra
            .get_or_insert_default()
            .insert(member.to_owned(), value);
        self
    }

    /// Says after how many seconds to try again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.code)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|c| c as &(dyn Error + 'static))
    }
}

/// Collects every wrong field before answering, so that a form is corrected once.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldError>);

impl Violations {
    /// Nothing wrong yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Notes a wrong field.
    pub fn push(
        &mut self,
        pointer: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) {
        self.0.push(FieldError {
            pointer: pointer.into(),
            code,
            message: message.into(),
        });
    }

    /// Notes a wrong field if the condition does not hold.
    pub fn require(&mut self, holds: bool, pointer: &str, code: &'static str, message: &str) {
        if !holds {
            self.push(pointer, code, message);
        }
    }

    /// Keeps a parsed value, or notes why there is none.
    pub fn keep<T, E: fmt::Display>(
        &mut self,
        pointer: &str,
        code: &'static str,
        parsed: Result<T, E>,
    ) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(pointer, code, error.to_string());
                None
            }
        }
    }

    /// Ok when nothing was wrong.
    ///
    /// # Errors
    /// A 400 with every noted field.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.0))
        }
    }
}

//! Errors in the words of OAuth, which clients expect instead of problem documents
//! (RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1).

use galen_access::TokenError;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Outcome, Requires};
use http::header::{CACHE_CONTROL, PRAGMA, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::parameters::Repeated;
use crate::session::open::OpenError;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest,
    /// The client is unknown or has not shown its secret.
    InvalidClient,
    /// The code or the refresh token does not work.
    InvalidGrant,
    /// The client may not.
    UnauthorizedClient,
    /// There are other ways to a token.
    UnsupportedGrantType,
    /// There is only the code.
    UnsupportedResponseType,
    /// A scope is none, or none for this client.
    InvalidScope,
    /// Somebody has to log in, and must not be asked to.
    LoginRequired,
    /// Requests as objects are not read.
    RequestNotSupported,
    /// Requests by reference are not read.
    RequestUriNotSupported,
    /// Clients do not register themselves.
    RegistrationNotSupported,
    /// The access token does not work.
    InvalidToken,
    /// The access token is not good for this.
    InsufficientScope,
}

impl Code {
    /// On the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::LoginRequired => "login_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }

    /// For the audit log.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::InvalidClient => "INVALID_CLIENT",
            Self::InvalidGrant => "INVALID_GRANT",
            Self::UnauthorizedClient => "UNAUTHORIZED_CLIENT",
            Self::UnsupportedGrantType => "UNSUPPORTED_GRANT_TYPE",
            Self::UnsupportedResponseType => "UNSUPPORTED_RESPONSE_TYPE",
            Self::InvalidScope => "INVALID_SCOPE",
            Self::LoginRequired => "LOGIN_REQUIRED",
            Self::RequestNotSupported => "REQUEST_NOT_SUPPORTED",
            Self::RequestUriNotSupported => "REQUEST_URI_NOT_SUPPORTED",
            Self::RegistrationNotSupported => "REGISTRATION_NOT_SUPPORTED",
            Self::InvalidToken => "INVALID_TOKEN",
            Self::InsufficientScope => "INSUFFICIENT_SCOPE",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::InvalidClient | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// A refusal that a program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{description}", description = .description)]
pub(crate) struct Refusal {
    /// What is wrong.
    pub(crate) code: Code,
    /// For the developer of the client: ASCII without quotes and backslashes.
    pub(crate) description: &'static str,
}

#[derive(Serialize)]
struct Document {
    error: &'static str,
    error_description: &'static str,
}

impl Refusal {
    /// A refusal.
    pub(crate) const fn new(code: Code, description: &'static str) -> Self {
        Self { code, description }
    }

    /// The answer of an endpoint that programs talk to.
    pub(crate) fn answer(self) -> Answer {
        let mut answer = private(
            self.code.status(),
            &Document {
                error: self.code.name(),
                error_description: self.description,
            },
        );
        let challenge = match self.code {
            Code::InvalidClient => Some("Basic realm=\"galen\"".to_owned()),
            Code::InvalidToken | Code::InsufficientScope => Some(format!(
                "Bearer error=\"{}\", error_description=\"{}\"",
                self.code.name(),
                self.description
            )),
            _ => None,
        };
        if let Some(challenge) = challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
            answer.headers.insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

/// Why an endpoint that programs talk to does not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was asked wrongly.
    Refused(Refusal),
    /// It cannot.
    Broken(Problem),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Repeated> for Failure {
    fn from(repeated: Repeated) -> Self {
        Self::Refused(repeated.into())
    }
}

impl From<galen_storage::Error> for Failure {
    fn from(error: galen_storage::Error) -> Self {
        Self::Broken(error.into())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Broken(error.into())
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Self::Broken(Problem::internal(error))
    }
}

/// Tells the program that asked, and the audit log.
pub(crate) fn told<R: Requires>(cx: &Cx<R>, done: Result<Answer, Failure>) -> Outcome {
    match done {
        Ok(answer) => Ok(answer),
        Err(Failure::Refused(refusal)) => {
            cx.because(refusal.code.reason());
            Ok(refusal.answer())
        }
        Err(Failure::Broken(problem)) => Err(problem.into()),
    }
}

/// An answer that nobody on the way may keep (RFC 6749 section 5.1).
pub(crate) fn private<T: Serialize>(status: StatusCode, body: &T) -> Answer {
    let mut answer = Answer::json(status, body);
    answer
        .headers
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
        .headers
        .insert(PRAGMA, HeaderValue::from_static("no-cache"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_as_the_standards_say() {
        let client = Refusal::new(Code::InvalidClient, "unknown").answer();
        assert_eq!(client.status, StatusCode::UNAUTHORIZED);
        assert_eq!(client.headers[WWW_AUTHENTICATE], "Basic realm=\"galen\"");
        assert_eq!(
            &client.body[..],
            br#"{"error":"invalid_client","error_description":"unknown"}"#
        );
        let token = Refusal::new(Code::InvalidToken, "expired").answer();
        assert_eq!(
            token.headers[WWW_AUTHENTICATE],
            "Bearer error=\"invalid_token\", error_description=\"expired\""
        );
        let grant = Refusal::new(Code::InvalidGrant, "used").answer();
        assert_eq!(grant.status, StatusCode::BAD_REQUEST);
        assert_eq!(grant.headers[CACHE_CONTROL], "no-store");
    }
}

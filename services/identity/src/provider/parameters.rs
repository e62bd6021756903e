//! Parameters as OAuth sends them: `application/x-www-form-urlencoded`, in a query or in
//! a body, each at most once; unknown ones do not matter, and empty ones are not there
//! (RFC 6749 sections 3.1 and 3.2).

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use galen_service::Halt;
use http::{Method, header};
use secrecy::SecretString;

/// More parameters than any request has.
const MOST: usize = 64;
/// The kind of body.
const FORM: &str = "application/x-www-form-urlencoded";

/// Parameters of a request. Never printed: passwords and secrets are among them.
pub(crate) struct Parameters(Vec<(String, String)>);

/// A parameter is there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a parameter is repeated")]
pub(crate) struct Repeated;

impl Parameters {
    /// Decodes them.
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(encoded).take(MOST);
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// The value of a name, if it is there.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self
            .0
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(Repeated);
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// The value of a name that is a secret.
    pub(crate) fn secret(&self, name: &str) -> Result<Option<SecretString>, Repeated> {
        Ok(self.one(name)?.map(SecretString::from))
    }

    /// Those of these names, encoded anew.
    pub(crate) fn encoded(&self, names: &[&str]) -> String {
        let known = self
            .0
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()));
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(known)
            .finish()
    }
}

impl<S: Send + Sync> FromRequest<S> for Parameters {
    type Rejection = Halt;

    /// Of the query for a GET, of the body for everything else. Of another kind of body
    /// nothing is read, so that what the request needs is missing.
    async fn from_request(request: Request, state: &S) -> Result<Self, Halt> {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(Self::parse(
                request.uri().query().unwrap_or_default().as_bytes(),
            ));
        }
        let form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(FORM));
        if !form {
            return Ok(Self(Vec::new()));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|_| too_large())?;
        Ok(Self::parse(&body))
    }
}

/// The body is longer than any that is read, or broke off.
const fn too_large() -> galen_kernel::Problem {
    galen_kernel::Problem::new(413, "PAYLOAD_TOO_LARGE", "The body is too large.")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_has_one_value_or_none() {
        let read = Parameters::parse(b"a=1&b=%2B+x&c=&d=1&d=1&e");
        assert_eq!(read.one("a"), Ok(Some("1")));
        assert_eq!(read.one("b"), Ok(Some("+ x")));
        for absent in ["c", "e", "f"] {
            assert_eq!(read.one(absent), Ok(None), "{absent}");
        }
        assert_eq!(read.one("d"), Err(Repeated));
    }

    #[test]
    fn no_more_are_read_than_any_request_has() {
        let many = "x=1&".repeat(MOST) + "client_id=1";
        assert_eq!(
            Parameters::parse(many.as_bytes()).one("client_id"),
            Ok(None)
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_anew_says_the_same(value in "\\PC{1,40}", other in "\\PC{0,10}") {
            let encoded = form_urlencoded::Serializer::new(String::new())
                .append_pair("state", &value)
                .append_pair("other", &other)
                .finish();
            let again = Parameters::parse(encoded.as_bytes()).encoded(&["state"]);
            let read = Parameters::parse(again.as_bytes());
            prop_assert_eq!(read.one("state"), Ok(Some(value.as_str())));
            prop_assert_eq!(read.one("other"), Ok(None));
        }
    }
}

//! The client that posts: bounded in time and size, never led elsewhere, and only to
//! addresses that may be posted to.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::address;
use super::settings::Settings;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// From connecting to the end of the answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// As much of an answer is kept, in bytes.
pub(crate) const KEPT: usize = 1024;

/// The client.
pub(crate) struct Web {
    client: reqwest::Client,
    allow_private: bool,
}

/// What is posted.
pub(crate) struct Post<'a> {
    /// Where to.
    pub(crate) url: &'a str,
    /// `webhook-id`.
    pub(crate) id: String,
    /// `webhook-timestamp`.
    pub(crate) timestamp: String,
    /// `webhook-signature`.
    pub(crate) signature: String,
    /// The body.
    pub(crate) body: &'a str,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The status that was answered, or why none was.
    pub(crate) answer: Result<u16, &'static str>,
    /// The beginning of the answer's body.
    pub(crate) response: Option<String>,
    /// How long it took.
    pub(crate) latency: Duration,
}

/// A name leads to nothing but addresses that are not posted to.
#[derive(Debug, thiserror::Error)]
#[error("the address is not public")]
struct Refused;

impl Web {
    /// Prepares the client. It knows no proxy: that would resolve names by itself.
    pub(crate) fn new(settings: Settings) -> Result<Self, reqwest::Error> {
        let mut client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!settings.allow_http)
            .no_proxy()
            .user_agent(concat!("galen/", env!("CARGO_PKG_VERSION")));
        if !settings.allow_private {
            client = client.dns_resolver(Arc::new(PublicOnly));
        }
        Ok(Self {
            client: client.build()?,
            allow_private: settings.allow_private,
        })
    }

    /// Posts, and says what came of it.
    pub(crate) async fn post(&self, post: Post<'_>) -> Attempt {
        let began = Instant::now();
        let (answer, response) = match self.ask(post).await {
            Ok((status, response)) => (Ok(status), response),
            Err(code) => (Err(code), None),
        };
        Attempt {
            answer,
            response,
            latency: began.elapsed(),
        }
    }

    async fn ask(&self, post: Post<'_>) -> Result<(u16, Option<String>), &'static str> {
        let url = Url::parse(post.url).map_err(|_| "ADDRESS_MALFORMED")?;
        // Nobody resolves an address that is one already.
        let literal = address::literal(&url);
        if !self.allow_private && literal.is_some_and(|ip| !address::is_public(ip)) {
            return Err("ADDRESS_REFUSED");
        }
        let mut answer = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", post.id)
            .header("webhook-timestamp", post.timestamp)
            .header("webhook-signature", post.signature)
            .body(post.body.to_owned())
            .send()
            .await
            .map_err(|error| code(&error))?;
        let status = answer.status().as_u16();
        let mut kept = Vec::new();
        // The status decides: an answer that breaks off is kept as far as it came.
        while kept.len() < KEPT
            && let Ok(Some(chunk)) = answer.chunk().await
        {
            kept.extend_from_slice(&chunk);
        }
        Ok((status, text(&kept)))
    }
}

/// Why there was no answer.
fn code(error: &reqwest::Error) -> &'static str {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<Refused>() {
            return "ADDRESS_REFUSED";
        }
        cause = inner.source();
    }
    if error.is_timeout() {
        "TIMED_OUT"
    } else if error.is_connect() {
        "NOT_CONNECTED"
    } else {
        "NOT_ANSWERED"
    }
}

/// The beginning of a body as text that can be stored and shown.
fn text(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(KEPT)]);
    let visible = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    Some(text.chars().map(visible).collect())
}

/// Resolves names to addresses that may be posted to, for the connection itself.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found
                .filter(|address| address::is_public(address.ip()))
                .collect();
            if public.is_empty() {
                return Err(Refused.into());
            }
            Ok::<Addrs, _>(Box::new(public.into_iter()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_answer_can_be_stored() {
        assert_eq!(text(b""), None);
        assert_eq!(text(b"a\0b\r\n").as_deref(), Some("a b \n"));
        let long = text(&[b'x'; 2 * KEPT]).unwrap();
        assert_eq!(long.len(), KEPT);
        // Never more characters than the column holds, whatever the bytes are.
        assert!(text(&[0xff; KEPT]).unwrap().chars().count() <= KEPT);
    }
}

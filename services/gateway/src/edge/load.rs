//! How many requests are under way at a time. Beyond that they are refused at once
//! instead of waiting in line, so that those under way are answered in time.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use galen_kernel::Problem;
use galen_service::Halt;
use http::Method;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::settings::Settings;

/// How people get in, and stay in.
const LOGINS: &[&str] = &[
    "/api/v1/auth/login",
    "/api/v1/auth/refresh",
    "/api/v1/auth/passkeys/authentication/options",
    "/api/v1/auth/passkeys/authentication/verify",
    "/oauth2/login",
];

/// Permits for requests under way. Health and logins have some of their own: an
/// operator must be able to look and to get in exactly when there is no room.
pub(crate) struct Load {
    everybody: Arc<Semaphore>,
    health: Arc<Semaphore>,
    logins: Arc<Semaphore>,
}

impl Load {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            everybody: Arc::new(Semaphore::new(settings.concurrency)),
            health: Arc::new(Semaphore::new(settings.reserved)),
            logins: Arc::new(Semaphore::new(settings.reserved)),
        }
    }

    fn admit(&self, method: &Method, path: &str) -> Option<OwnedSemaphorePermit> {
        let reserve = if path.starts_with("/health/") {
            Some(&self.health)
        } else if *method == Method::POST && LOGINS.contains(&path) {
            Some(&self.logins)
        } else {
            None
        };
        let take = |permits: &Arc<Semaphore>| Arc::clone(permits).try_acquire_owned().ok();
        take(&self.everybody).or_else(|| reserve.and_then(take))
    }
}

/// Lets a request pass, or answers 503. The permit is given back with the head of
/// the answer: bodies are ready by then, but for live streams, which are counted
/// elsewhere.
pub(crate) async fn shed(State(load): State<Arc<Load>>, request: Request, next: Next) -> Response {
    match load.admit(request.method(), request.uri().path()) {
        Some(_permit) => next.run(request).await,
        None => {
            metrics::counter!("galen_edge_refusals_total", "reason" => "load", "class" => "any")
                .increment(1);
            Halt::from(overloaded()).into_response()
        }
    }
}

/// 503: no room at this moment.
pub(crate) const fn overloaded() -> Problem {
    Problem::new(
        503,
        "OVERLOADED",
        "There are too many requests at this moment.",
    )
    .retry_after(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use galen_service::Config;

    use super::*;

    fn load(concurrency: u32, reserved: u32) -> Load {
        let values = [
            ("gateway.concurrency", concurrency),
            ("gateway.reserved", reserved),
        ];
        let values: BTreeMap<_, _> = values
            .map(|(key, value)| (key.to_owned(), value.to_string()))
            .into();
        Load::new(&Settings::read(&Config::from_values(values)).unwrap())
    }

    #[test]
    fn health_and_logins_have_permits_of_their_own() {
        let load = load(2, 1);
        let read = || load.admit(&Method::GET, "/api/v1/patients");
        let login = || load.admit(&Method::POST, "/api/v1/auth/login");
        let health = || load.admit(&Method::GET, "/health/ready");

        let under_way = (read().unwrap(), login().unwrap());
        assert!(read().is_none());
        let (first_login, first_health) = (login(), health());
        assert!(first_login.is_some() && first_health.is_some());
        assert!(login().is_none() && health().is_none());
        drop(under_way);
        assert!(read().is_some());
    }
}

//! Recurring work, done by one process at a time.

mod leader;
mod run;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use galen_kernel::Problem;

pub(crate) use run::{LastRun, Report, Scheduled, schedule};

/// A job: runs every so often on whichever process holds its lease. Its work must
/// be safe to repeat.
pub struct Job {
    pub(crate) name: Cow<'static, str>,
    pub(crate) every: Duration,
    pub(crate) run: Arc<dyn Fn() -> BoxFuture<'static, Result<u64, Problem>> + Send + Sync>,
    pub(crate) wake: Option<Arc<tokio::sync::Notify>>,
}

impl Job {
    /// `name` is `<service>.<what>`; `run` returns how many things it did.
    pub fn new<F, W>(name: impl Into<Cow<'static, str>>, every: Duration, run: F) -> Self
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = Result<u64, Problem>> + Send + 'static,
    {
        Self {
            name: name.into(),
            every,
            run: Arc::new(move || Box::pin(run())),
            wake: None,
        }
    }

    /// Also runs at once whenever the handle is notified.
    #[must_use]
    pub fn woken_by(mut self, wake: Arc<tokio::sync::Notify>) -> Self {
        self.wake = Some(wake);
        self
    }

    /// Does its work once, whoever holds the lease: for tests.
    ///
    /// # Errors
    /// As the work says.
    pub async fn run_once(&self) -> Result<u64, Problem> {
        (self.run)().await
    }

    /// `<service>.<what>`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

//! One process at a time leads the jobs of a service.

use std::time::{Duration, Instant};

use galen_storage::{Db, lease};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// After this time without renewal another process may lead.
const LASTING: Duration = Duration::from_secs(15);
/// How often a leader renews, and the others ask.
const RENEWAL: Duration = Duration::from_secs(5);

/// Whether this process leads; false for good once `stop` has come.
pub(super) struct Leadership(watch::Receiver<bool>);

impl Leadership {
    /// Stands for the leadership until `stop`, then gives it back. The second part
    /// is the work of standing, to be spawned.
    pub(super) fn of(db: Db, stop: CancellationToken) -> (Self, impl Future<Output = ()> + Send) {
        let (leads, is_leading) = watch::channel(false);
        (Self(is_leading), stand(db, leads, stop))
    }

    /// Another view of the same leadership.
    pub(super) fn share(&self) -> Self {
        Self(self.0.clone())
    }

    /// Waits until this process leads; for ever when it never does again.
    pub(super) async fn held(&mut self) {
        if self.0.wait_for(|leads| *leads).await.is_err() {
            std::future::pending().await
        }
    }

    /// Whether this process leads now.
    pub(super) fn is_held(&self) -> bool {
        *self.0.borrow()
    }
}

async fn stand(db: Db, leads: watch::Sender<bool>, stop: CancellationToken) {
    let name = format!("{}.jobs", db.service());
    let holder = db.clock().uuid();
    let mut renewed: Option<Instant> = None;
    loop {
        let asked = Instant::now();
        match lease::take(&db, &name, holder, LASTING).await {
            Ok(Some(_)) => renewed = Some(asked),
            Ok(None) => renewed = None,
            // The lease may still be ours; after its time it may be another's.
            Err(error) => tracing::warn!(
                lease = name,
                error = crate::outcome::chain(&error),
                "a lease could not be renewed"
            ),
        }
        let holds = renewed.is_some_and(|at| at.elapsed() < LASTING);
        if leads.send_if_modified(|before| std::mem::replace(before, holds) != holds) {
            tracing::debug!(lease = name, holds, "the leadership changed");
        }
        tokio::select! {
            () = tokio::time::sleep(RENEWAL) => {}
            () = stop.cancelled() => break,
        }
    }
    leads.send_replace(false);
    give_back(&db, &name, holder).await;
}

async fn give_back(db: &Db, name: &str, holder: Uuid) {
    if let Err(error) = lease::release(db, name, holder).await {
        tracing::warn!(
            lease = name,
            error = crate::outcome::chain(&error),
            "a lease was not given back and will run out"
        );
    }
}

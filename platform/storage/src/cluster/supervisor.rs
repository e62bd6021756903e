//! Keeps the server running until it is told to stop.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::probe::listens;
use super::server::{Running, Server};
use super::{ClusterError, io};

/// An adopted server is not our child, so its end cannot be awaited.
const LOOK: Duration = Duration::from_millis(500);

/// Longest pause between attempts to start a server that does not.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A thread that restarts a server that died.
#[derive(Debug)]
pub(super) struct Supervisor {
    server: Arc<Server>,
    intent: Arc<Intent>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Held during a restart, so that a stop comes before it or after it.
#[derive(Debug, Default)]
struct Intent {
    stopping: Mutex<bool>,
    changed: Condvar,
}

impl Intent {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits; true when it is time to stop.
    fn pause(&self, for_at_most: Duration) -> bool {
        let guard = self.lock();
        let (stopping, _) = self
            .changed
            .wait_timeout_while(guard, for_at_most, |stopping| !*stopping)
            .unwrap_or_else(PoisonError::into_inner);
        *stopping
    }
}

impl Supervisor {
    /// Starts or adopts the server, and keeps it running from then on.
    pub(super) fn start(server: Arc<Server>, limit: Duration) -> Result<Self, ClusterError> {
        let running = server.start(limit)?;
        let intent = Arc::new(Intent::default());
        let thread = {
            let (server, intent) = (Arc::clone(&server), Arc::clone(&intent));
            thread::Builder::new()
                .name("postgres".to_owned())
                .spawn(move || supervise(&server, &intent, running, limit))
                .map_err(io("cannot start a thread"))?
        };
        Ok(Self {
            server,
            intent,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Stops the server and the thread. A second call has nothing to do.
    pub(super) fn stop(&self) -> Result<(), ClusterError> {
        let Some(thread) = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        else {
            return Ok(());
        };
        *self.intent.lock() = true;
        self.intent.changed.notify_all();
        let stopped = self.server.stop();
        if stopped.is_ok() && thread.join().is_err() {
            tracing::error!("the thread that watches PostgreSQL panicked");
        }
        stopped
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "PostgreSQL does not stop"
            );
        }
    }
}

fn supervise(server: &Server, intent: &Intent, mut running: Running, limit: Duration) {
    loop {
        match &mut running {
            Running::Child(child) => {
                if let Err(error) = child.wait() {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "cannot wait for PostgreSQL"
                    );
                }
            }
            Running::Adopted => {
                while listens(&server.layout.socket) {
                    if intent.pause(LOOK) {
                        return;
                    }
                }
            }
        }
        match restart(server, intent, limit) {
            Some(restarted) => running = restarted,
            None => return,
        }
    }
}

/// Starts the server again, however long it takes; `None` when it is time to stop.
fn restart(server: &Server, intent: &Intent, limit: Duration) -> Option<Running> {
    let mut pause = Duration::from_millis(100);
    loop {
        {
            let stopping = intent.lock();
            if *stopping {
                return None;
            }
            tracing::warn!("PostgreSQL ended and is started again");
            match server.start(limit) {
                Ok(running) => return Some(running),
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "PostgreSQL does not start"
                ),
            }
        }
        if intent.pause(pause) {
            return None;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

//! Keeps the server running until it is told to stop.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
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

/// Whether the server should run.
#[derive(Debug, Default)]
pub(super) struct Intent {
    stopping: Mutex<bool>,
    changed: Condvar,
    /// Held during a start, so that a stop does not fall into it.
    starting: Mutex<()>,
}

impl Intent {
    fn stop(&self) {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits; true when it is time to stop.
    pub(super) fn pause(&self, for_at_most: Duration) -> bool {
        let guard = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopping, _) = self
            .changed
            .wait_timeout_while(guard, for_at_most, |stopping| !*stopping)
            .unwrap_or_else(PoisonError::into_inner);
        *stopping
    }
}

impl Supervisor {
    /// Starts or adopts the server, and keeps it running from then on.
    pub(super) fn start(server: Arc<Server>) -> Result<Self, ClusterError> {
        let intent = Arc::new(Intent::default());
        let running = server.start(&intent)?;
        let thread = {
            let (server, intent) = (Arc::clone(&server), Arc::clone(&intent));
            thread::Builder::new()
                .name("postgres".to_owned())
                .spawn(move || supervise(&server, &intent, running))
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
        self.intent.stop();
        let started = self
            .intent
            .starting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let stopped = self.server.stop();
        drop(started);
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

fn supervise(server: &Server, intent: &Intent, mut running: Running) {
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
        match restart(server, intent) {
            Some(restarted) => running = restarted,
            None => return,
        }
    }
}

/// Starts the server again, however long it takes; `None` when it is time to stop.
fn restart(server: &Server, intent: &Intent) -> Option<Running> {
    let mut pause = Duration::from_millis(100);
    loop {
        let starting = intent
            .starting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if intent.pause(Duration::ZERO) {
            return None;
        }
        tracing::warn!("PostgreSQL ended and is started again");
        match server.start(intent) {
            Ok(running) => return Some(running),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "PostgreSQL does not start"
            ),
        }
        drop(starting);
        if intent.pause(pause) {
            return None;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

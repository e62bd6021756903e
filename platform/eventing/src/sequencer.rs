//! The sequencer: turns commit visibility into dense offsets.
//!
//! Each tick gives offsets to exactly those events that its snapshot sees and the
//! snapshot of the tick before did not (the proof stands in `0001_log.sql`). Any
//! process may run it beside any other; there is no leader, and nothing but the next
//! tick to take over when one dies. A commit of this process wakes it; for the
//! commits of others it looks by itself, less and less often while nothing happens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use galen_storage::{Db, Wake};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::log::{self, Heads};
use crate::{backoff, measure};

/// Ticks closer than this are one tick: below a thousand events a second, a tick
/// each would cost more than the events. On a busy machine, where a tick takes
/// longer, the gap is as long as the tick.
const GAP: Duration = Duration::from_millis(2);

/// The first look after something happened, doubled until the longest pause.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause of the only process, which hears of every commit anyway.
const ALONE: Duration = Duration::from_millis(250);

/// The longest pause beside other processes.
const AMONG_OTHERS: Duration = Duration::from_millis(50);

/// Ticks and tells the heads.
pub(crate) struct Sequencer {
    pub(crate) events: Db,
    pub(crate) wake: Wake,
    pub(crate) heads: Arc<Heads>,
    /// Whether this is the only running process.
    pub(crate) alone: watch::Receiver<bool>,
}

impl Sequencer {
    /// Runs until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut known = -1;
        let mut pause = FIRST_PAUSE;
        let mut failures = 0;
        let mut last = Instant::now();
        loop {
            let started = Instant::now();
            match log::tick(&self.events, known).await {
                Ok(moved) => {
                    if failures > 0 {
                        tracing::info!(failures, "the sequencer works again");
                    }
                    failures = 0;
                    last = Instant::now();
                    if let Some(latest) = moved.iter().map(|head| head.tick).max() {
                        known = latest;
                        pause = FIRST_PAUSE;
                        self.heads.publish(&moved);
                    }
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the sequencer waits"
                        );
                    }
                    pause = backoff::half_jitter(FIRST_PAUSE, Duration::from_secs(2), failures);
                }
            }
            metrics::gauge!(measure::TICK_AGE).set(last.elapsed().as_secs_f64());
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(GAP.max(started.elapsed())) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.wait(), if failures == 0 => pause = FIRST_PAUSE,
                () = tokio::time::sleep(pause) => {
                    pause = (pause * 2).min(if *self.alone.borrow() { ALONE } else { AMONG_OTHERS });
                }
            }
        }
    }
}

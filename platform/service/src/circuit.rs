//! Stops asking a peer that does not answer, so that callers fail at once instead
//! of queueing up behind its deadline.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row that open the circuit of a peer.
const THRESHOLD: u32 = 20;
/// How long the open circuit of a peer refuses.
const PAUSE: Duration = Duration::from_secs(2);

/// The circuit of one peer, or of a provider outside.
#[derive(Debug)]
pub struct Circuit {
    threshold: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct State {
    failures: u32,
    refuse_until: Option<Instant>,
}

/// The circuit of a peer by its name. One for the whole process, because all of
/// its callers reach the peer in the same way.
pub(crate) fn to(peer: &'static str) -> Arc<Circuit> {
    static CIRCUITS: LazyLock<Mutex<HashMap<&'static str, Arc<Circuit>>>> =
        LazyLock::new(Mutex::default);
    let mut circuits = CIRCUITS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(circuits.entry(peer).or_default())
}

impl Default for Circuit {
    fn default() -> Self {
        Self::new(THRESHOLD, PAUSE)
    }
}

impl Circuit {
    /// A closed circuit that so many failures in a row open. Open, it refuses for the
    /// pause; then one question at a time tries again.
    #[must_use]
    pub fn new(threshold: u32, pause: Duration) -> Self {
        Self {
            threshold,
            pause,
            state: Mutex::default(),
        }
    }

    /// Whether a question may be asked now. Of those that come after the pause, one
    /// is let through as a trial, and the next only a pause later.
    pub fn admits(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.refuse_until {
            Some(until) if now < until => false,
            Some(_) => {
                state.refuse_until = Some(now + self.pause);
                true
            }
            None => true,
        }
    }

    /// The peer answered, be it with a refusal. Returns whether that closed the circuit.
    pub fn answered(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *state).refuse_until.is_some()
    }

    /// The peer did not answer. Returns whether that opened the circuit.
    pub fn failed(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        let opens = state.failures >= self.threshold && state.refuse_until.is_none();
        if state.failures >= self.threshold {
            state.refuse_until = Some(now + self.pause);
        }
        opens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Circuit {
        let circuit = Circuit::default();
        for _ in 1..THRESHOLD {
            assert!(!circuit.failed(now));
            assert!(circuit.admits(now));
        }
        assert!(circuit.failed(now), "the last failure opens it");
        circuit
    }

    #[test]
    fn failures_in_a_row_open_it() {
        let now = Instant::now();
        assert!(!opened(now).admits(now));
    }

    #[test]
    fn an_answer_in_between_keeps_it_closed() {
        let (circuit, now) = (Circuit::default(), Instant::now());
        for _ in 0..3 * THRESHOLD {
            circuit.failed(now);
            circuit.answered();
        }
        assert!(circuit.admits(now));
    }

    #[test]
    fn after_the_pause_one_question_tries() {
        let now = Instant::now();
        let circuit = opened(now);
        let later = now + PAUSE;
        assert!(circuit.admits(later));
        assert!(!circuit.admits(later), "the others wait for the trial");
        assert!(circuit.answered(), "the trial's answer closes it");
        assert!(circuit.admits(later));
    }

    #[test]
    fn a_failed_trial_keeps_it_open() {
        let now = Instant::now();
        let circuit = opened(now);
        let later = now + PAUSE;
        assert!(circuit.admits(later));
        assert!(!circuit.failed(later));
        assert!(!circuit.admits(later + PAUSE / 2));
        assert!(circuit.admits(later + PAUSE));
    }

    #[test]
    fn a_trial_that_nobody_waited_for_does_not_block_the_next() {
        let now = Instant::now();
        let circuit = opened(now);
        assert!(circuit.admits(now + PAUSE));
        assert!(circuit.admits(now + 2 * PAUSE));
    }
}

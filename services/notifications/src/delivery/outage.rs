//! Remembers that a provider is down, so that a queue of messages does not knock on
//! a closed door one by one and fill the log with it.

use std::sync::{Mutex, PoisonError};

use galen_kernel::Timestamp;
use jiff::SignedDuration;

/// First pause after a failure; doubles.
const FIRST: SignedDuration = SignedDuration::from_secs(5);
/// Longest pause.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// One provider's present state.
#[derive(Debug, Default)]
pub struct Outage(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    until: Option<Timestamp>,
}

impl Outage {
    /// Until when not to try; `None` when it may be tried.
    #[must_use]
    pub fn pause(&self, now: Timestamp) -> Option<Timestamp> {
        self.state().until.filter(|until| *until > now)
    }

    /// It did not answer. `true` for the first time in a row.
    pub fn failed(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        // Messages that were under way together are one knock.
        if state.until.is_some_and(|until| until > now) {
            return false;
        }
        let pause = FIRST * 2_i32.pow(state.failures.min(6));
        state.failures = state.failures.saturating_add(1);
        state.until = now.checked_add(pause.min(LONGEST)).ok();
        state.failures == 1
    }

    /// It answered. `true` when it did not the time before.
    pub fn answered(&self) -> bool {
        let mut state = self.state();
        let was_down = state.failures > 0;
        *state = State::default();
        was_down
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_with_the_first_answer() {
        let (outage, mut now) = (Outage::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(outage.pause(now), None);
        assert!(outage.failed(now), "the first failure is news");
        assert!(!outage.failed(now), "a failure beside it is not");
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let until = outage.pause(now).expect("is paused");
            pauses.push(until.duration_since(now).as_secs());
            now = until;
            assert_eq!(outage.pause(now), None, "one may knock again");
            assert!(!outage.failed(now), "going on being down is not news");
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert!(outage.answered(), "being back is news");
        assert!(!outage.answered());
        assert_eq!(outage.pause(now), None);
    }
}

//! Lanes: retries and dead letters, in order per key.
//!
//! A failed event parks its key for its group: later events of the key queue behind
//! it, in the same table, while other keys flow. The retrier tries the first of a lane
//! when it is due and goes on with what waits behind it; a dead letter keeps its key
//! parked until an operator redrives or discards it. The row in `events.parked` is the
//! lock that the consumer, the retrier and operators take before they touch a lane.

use std::collections::HashSet;

use galen_storage::{Error, Tx};

use crate::log::Logged;
use crate::subscription::{Failure, RetryPolicy};
use crate::{backoff, group};

/// An event on its way into a lane.
pub(crate) struct Entry {
    key: String,
    off: i64,
    seq: i64,
    state: &'static str,
    class: Option<&'static str>,
    error: Option<String>,
    delay: f64,
}

impl Entry {
    /// Waits behind an earlier event of its key.
    pub(crate) fn blocked(event: &Logged) -> Self {
        Self {
            key: event.received.key.clone(),
            off: event.received.offset,
            seq: event.seq,
            state: "blocked",
            class: None,
            error: None,
            delay: 0.0,
        }
    }

    /// Failed for the first time.
    pub(crate) fn failed(event: &Logged, failure: &Failure, policy: &RetryPolicy) -> Self {
        let (state, delay) = after_failure(failure, 1, policy);
        Self {
            state,
            class: Some(group::class(failure)),
            error: Some(group::explain(failure)),
            delay,
            ..Self::blocked(event)
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state == "dead"
    }
}

/// What becomes of an event that failed `attempts` times: its state, and the seconds
/// until the next try.
pub(crate) fn after_failure(
    failure: &Failure,
    attempts: u32,
    policy: &RetryPolicy,
) -> (&'static str, f64) {
    match failure {
        Failure::Permanent { .. } => ("dead", 0.0),
        Failure::Retryable { .. } if attempts >= policy.attempts => ("dead", 0.0),
        Failure::Retryable { .. } | Failure::Infrastructure(_) => (
            "retry",
            backoff::full_jitter(policy.base, policy.cap, attempts).as_secs_f64(),
        ),
    }
}

/// Which of these keys are parked; their lanes stay locked until the transaction ends.
pub(crate) async fn parked_among(
    tx: &mut Tx,
    group: &str,
    topic: i16,
    keys: &[&str],
) -> Result<HashSet<String>, Error> {
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let parked: Vec<String> = sqlx::query_scalar("select * from events.parked_among($1, $2, $3)")
        .bind(group)
        .bind(topic)
        .bind(keys)
        .fetch_all(tx.conn())
        .await?;
    Ok(parked.into_iter().collect())
}

/// Adds events to lanes, in order.
pub(crate) async fn park(
    tx: &mut Tx,
    group: &str,
    topic: i16,
    part: i16,
    entries: &[Entry],
) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    sqlx::query("select events.park($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
        .bind(group)
        .bind(topic)
        .bind(part)
        .bind(entries.iter().map(|e| e.key.as_str()).collect::<Vec<_>>())
        .bind(entries.iter().map(|e| e.off).collect::<Vec<_>>())
        .bind(entries.iter().map(|e| e.seq).collect::<Vec<_>>())
        .bind(entries.iter().map(|e| e.state).collect::<Vec<_>>())
        .bind(entries.iter().map(|e| e.class).collect::<Vec<_>>())
        .bind(
            entries
                .iter()
                .map(|e| e.error.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(entries.iter().map(|e| e.delay).collect::<Vec<_>>())
        .execute(tx.conn())
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn retryable() -> Failure {
        Failure::Retryable {
            code: "X",
            source: Box::new(std::io::Error::other("x")),
        }
    }

    proptest! {
        #[test]
        fn retries_end(attempts in 1u32..50, most in 1u32..30) {
            let policy = RetryPolicy { attempts: most, base: Duration::from_secs(1), cap: Duration::from_secs(60) };
            let (state, delay) = after_failure(&retryable(), attempts, &policy);
            prop_assert_eq!(state == "dead", attempts >= most);
            prop_assert!((0.0..=60.0).contains(&delay));
        }
    }

    #[test]
    fn what_cannot_succeed_is_dead_at_once() {
        let failure = Failure::Permanent {
            code: "X",
            source: Box::new(std::io::Error::other("x")),
        };
        assert_eq!(
            after_failure(&failure, 1, &RetryPolicy::default()).0,
            "dead"
        );
    }
}

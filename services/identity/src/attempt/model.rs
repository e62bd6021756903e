//! How long an account is closed to logins after failures in a row, and for whom: pure
//! rules.

use galen_kernel::{Problem, Timestamp};
use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;

use super::pressure::Pressure;

/// Failures in a row that cost nothing.
const FREE: u32 = 4;
/// The longest pause: a stranger must not be able to lock somebody out for long.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// Failures are forgotten after this long without another one.
pub(crate) const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// The most names that are remembered; beyond it the longest quiet are forgotten.
pub(crate) const MOST_REMEMBERED: i64 = 200_000;
/// A place is familiar for this long after the last login from there.
pub(crate) const FAMILIAR_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Whose failures are counted: the SHA-256 of a name as typed, normalised, whether
/// or not there is such an account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject([u8; 32]);

impl Subject {
    /// Names that log into the same account are the same subject.
    pub(crate) fn of(username: &str) -> Self {
        let normal = username.nfkc().collect::<String>().to_lowercase();
        Self(Sha256::digest(normal.as_bytes()).into())
    }

    /// Reads its column.
    pub(crate) const fn stored(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// For its column.
    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Failed logins in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failures {
    /// How many.
    pub(crate) count: u32,
    /// The last of them.
    pub(crate) last_at: Timestamp,
}

impl Failures {
    /// How long they close what they are counted for; `None` when a login may be tried.
    fn closed_for(&self, now: Timestamp) -> Option<SignedDuration> {
        let pause = doubling(self.count, FREE);
        // A clock that runs ahead elsewhere must not make the pause longer.
        let left = (pause - now.duration_since(self.last_at)).min(pause);
        left.is_positive().then_some(left)
    }
}

/// What is counted against an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The account has logged in from there before: its failures there.
    Familiar(Option<Failures>),
    /// Somebody from elsewhere.
    Stranger {
        /// Of all strangers, with this name.
        name: Option<Failures>,
        /// Of the address, with whatever name.
        address: Option<Pressure>,
    },
}

impl Standing {
    /// How long the attempt has to wait; `None` when it may be made.
    pub(crate) fn closed_for(&self, now: Timestamp) -> Option<SignedDuration> {
        match self {
            Self::Familiar(own) => own.and_then(|own| own.closed_for(now)),
            Self::Stranger { name, address } => {
                let name = name.and_then(|failures| failures.closed_for(now));
                name.max(address.and_then(|pressure| pressure.closed_for(now)))
            }
        }
    }
}

/// There were too many failures; nothing was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts")]
pub(crate) struct Paused {
    /// How long to wait.
    pub(crate) wait: SignedDuration,
}

impl From<Paused> for Problem {
    fn from(Paused { wait }: Paused) -> Self {
        let seconds = u32::try_from(wait.as_secs())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        Self::new(
            429,
            "TOO_MANY_ATTEMPTS",
            "There were too many failed attempts.",
        )
        .retry_after(seconds)
    }
}

/// The pause after so many failures: none for the free ones, then 1, 2, 4 … seconds.
pub(super) fn doubling(failures: u32, free: u32) -> SignedDuration {
    match failures.checked_sub(free + 1) {
        None => SignedDuration::ZERO,
        Some(doublings) => {
            SignedDuration::from_secs(1_i64.checked_shl(doublings.min(32)).unwrap_or(i64::MAX))
                .min(LONGEST)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::pressure::LEAK;
    use super::*;

    #[test]
    fn pauses_double_from_the_fifth_failure_and_stop_growing() {
        let seconds: Vec<_> = (3..17).map(|n| doubling(n, FREE).as_secs()).collect();
        assert_eq!(
            seconds,
            [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
        );
        assert_eq!(doubling(u32::MAX, FREE).as_secs(), 900);
    }

    #[test]
    fn the_wait_is_rounded_up() {
        let wait = SignedDuration::from_millis(1500);
        let problem = Problem::from(Paused { wait });
        assert_eq!((problem.status, problem.retry_after), (429, Some(2)));
    }

    #[test]
    fn names_that_are_the_same_account_are_the_same_subject() {
        assert!(Subject::of("Ａdmin") == Subject::of("admin"));
        assert!(Subject::of("admin") != Subject::of("admin "));
    }

    proptest! {
        #[test]
        fn a_closed_name_opens_after_its_pause_and_not_before(count in 0_u32..2000, skew in -100_000_i64..100_000) {
            let last_at = Timestamp::UNIX_EPOCH;
            let failures = Failures { count, last_at };
            let now = last_at + SignedDuration::from_secs(skew);
            match failures.closed_for(now) {
                Some(left) => {
                    prop_assert!(left <= doubling(count, FREE));
                    prop_assert_eq!(failures.closed_for(last_at + doubling(count, FREE)), None);
                }
                None => prop_assert!(skew >= doubling(count, FREE).as_secs() || count <= FREE),
            }
        }

        #[test]
        fn strangers_never_close_a_familiar_place(own in 0_u32..=FREE, others in 0_u32..1000, weight in 1_i32..1000, ago in 0_i64..2000) {
            let last_at = Timestamp::UNIX_EPOCH;
            let now = last_at + SignedDuration::from_secs(ago);
            let failures = |count| Some(Failures { count, last_at });
            let address = Some(Pressure { drained_at: last_at + LEAK * weight, last_at });
            prop_assert_eq!(Standing::Familiar(failures(own)).closed_for(now), None);
            // Strangers wait for the longer of both pauses.
            let both = Standing::Stranger { name: failures(others), address }.closed_for(now);
            let name = Standing::Stranger { name: failures(others), address: None }.closed_for(now);
            let there = Standing::Stranger { name: None, address }.closed_for(now);
            prop_assert_eq!(both, name.max(there));
        }
    }
}

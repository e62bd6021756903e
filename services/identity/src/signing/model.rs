//! The life of a signing key: pure rules. A key is announced as the next one, so
//! that every process knows it before it signs; signs for a period; and stays
//! known until no token of it can be valid any more.

use galen_access::token::{ACCESS_TOKEN_SECONDS, LEEWAY_SECONDS};
use galen_kernel::Timestamp;
use jiff::SignedDuration;

/// How often other processes look for changes.
pub(crate) const RELOAD: SignedDuration = SignedDuration::from_secs(60);

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Announced.
    Next,
    /// Signs.
    Current,
    /// Only checked with.
    Retired,
}

impl State {
    /// As its column holds it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Next => "NEXT",
            Self::Current => "CURRENT",
            Self::Retired => "RETIRED",
        }
    }

    /// Reads its column.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Next, Self::Current, Self::Retired]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// Whether a key that has signed since `activated_at` has signed long enough.
pub(crate) fn is_due(activated_at: Timestamp, period: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(activated_at) >= period
}

/// Keys that were retired before this have no valid tokens. A process that has not
/// heard of the rotation yet signs a little longer, so it gets twice the time.
pub(crate) fn forgettable_before(now: Timestamp) -> Timestamp {
    let lifetime = SignedDuration::from_secs(ACCESS_TOKEN_SECONDS);
    let leeway = SignedDuration::from_secs(i64::try_from(LEEWAY_SECONDS).unwrap_or(i64::MAX));
    let longest = lifetime.saturating_add(leeway).saturating_add(RELOAD);
    now.saturating_sub(longest.saturating_add(longest))
        .unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_retired_key_outlives_its_last_token(age in 0_i64..7200) {
            let now = Timestamp::UNIX_EPOCH;
            let retired = now - SignedDuration::from_secs(age);
            let last_token_ends = retired + RELOAD + SignedDuration::from_secs(ACCESS_TOKEN_SECONDS);
            let forgotten = retired < forgettable_before(now);
            prop_assert!(!forgotten || last_token_ends < now);
        }
    }

    #[test]
    fn a_key_is_due_after_its_period() {
        let period = SignedDuration::from_hours(24);
        let start = Timestamp::UNIX_EPOCH;
        assert!(!is_due(
            start,
            period,
            start + SignedDuration::from_hours(23)
        ));
        assert!(is_due(start, period, start + period));
    }
}

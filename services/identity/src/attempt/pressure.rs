//! How long an address is closed to logins after failures with any names: pure rules.
//!
//! The count leaks: each failure weighs [`LEAK`], and is gone after that time. Nothing
//! else takes it away. A success would have to, if the count were of failures in a row,
//! and an attacker with one account of their own could then begin anew at will; and a
//! ward behind one address, where now and then somebody mistypes, would reach any
//! number some day. So an attacker who never rests gets [`FREE`] guesses, a few more
//! while the pauses grow past the leak, and from then on one in [`LEAK`]; and people
//! who mistype less often than that, all of them together, are never kept waiting.

use galen_kernel::Timestamp;
use jiff::SignedDuration;

use super::model::doubling;

/// How long a failure weighs.
pub(crate) const LEAK: SignedDuration = SignedDuration::from_mins(1);
/// Failures that cost nothing while they weigh.
const FREE: u32 = 20;

/// The failures of an address that still weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pressure {
    /// When nothing is left of them, if no other comes.
    pub(crate) drained_at: Timestamp,
    /// The last of them.
    pub(crate) last_at: Timestamp,
}

impl Pressure {
    /// How many weighed right after the last of them, a part of one counted whole.
    fn failures(&self) -> u32 {
        let weight = self.drained_at.duration_since(self.last_at).as_millis();
        u32::try_from(
            weight
                .max(0)
                .unsigned_abs()
                .div_ceil(LEAK.as_millis().unsigned_abs()),
        )
        .unwrap_or(u32::MAX)
    }

    /// How long the address is still closed; `None` when a login may be tried.
    pub(crate) fn closed_for(&self, now: Timestamp) -> Option<SignedDuration> {
        let pause = doubling(self.failures(), FREE);
        // A clock that runs ahead elsewhere must not make the pause longer.
        let left = (pause - now.duration_since(self.last_at)).min(pause);
        left.is_positive().then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `store::count_of_address` does.
    fn failed(before: Option<Pressure>, now: Timestamp) -> Pressure {
        let weighs_until = before.map_or(now, |before| before.drained_at.max(now));
        Pressure {
            drained_at: weighs_until + LEAK,
            last_at: now,
        }
    }

    fn seconds(pressure: Pressure, now: Timestamp) -> i64 {
        pressure.closed_for(now).map_or(0, |left| left.as_secs())
    }

    #[test]
    fn pauses_double_from_the_twenty_first_failure() {
        let now = Timestamp::UNIX_EPOCH;
        let mut pressure = failed(None, now);
        let mut pauses = vec![seconds(pressure, now)];
        for _ in 1..25 {
            pressure = failed(Some(pressure), now);
            pauses.push(seconds(pressure, now));
        }
        assert!(pauses[..20].iter().all(|pause| *pause == 0), "{pauses:?}");
        assert_eq!(pauses[20..], [1, 2, 4, 8, 16]);
    }

    #[test]
    fn whoever_never_rests_gets_one_guess_in_a_leak() {
        let mut now = Timestamp::UNIX_EPOCH;
        let end = now + SignedDuration::from_hours(24);
        let (mut pressure, mut guesses, mut longest) = (None, 0, 0);
        while now < end {
            let after = failed(pressure, now);
            guesses += 1;
            longest = longest.max(seconds(after, now));
            now += after.closed_for(now).unwrap_or(SignedDuration::ZERO);
            pressure = Some(after);
        }
        assert!(guesses <= 20 + 8 + 24 * 60, "{guesses}");
        assert!(longest <= 128, "an address is closed for {longest} s");
    }

    proptest! {
        #[test]
        fn people_who_mistype_now_and_then_never_wait(gaps in prop::collection::vec(0_i64..120, 0..300)) {
            // At most twenty in any way, and beyond that one a minute.
            let (mut now, mut pressure, mut spare) = (Timestamp::UNIX_EPOCH, None, 20.0_f64);
            for gap in gaps {
                now += SignedDuration::from_secs(gap);
                spare = (spare + gap as f64 / 60.0).min(20.0);
                if spare >= 1.0 {
                    spare -= 1.0;
                    let after = failed(pressure, now);
                    prop_assert_eq!(after.closed_for(now), None);
                    pressure = Some(after);
                }
            }
        }

        #[test]
        fn a_closed_address_opens_after_its_pause_and_not_before(failures in 1_u32..60, skew in -100_000_i64..100_000) {
            let last_at = Timestamp::UNIX_EPOCH;
            let pressure = Pressure { drained_at: last_at + LEAK * i32::try_from(failures).unwrap_or(i32::MAX), last_at };
            prop_assert_eq!(pressure.failures(), failures);
            let pause = doubling(failures, FREE);
            let now = last_at + SignedDuration::from_secs(skew);
            match pressure.closed_for(now) {
                Some(left) => {
                    prop_assert!(left <= pause && failures > FREE);
                    prop_assert_eq!(pressure.closed_for(last_at + pause), None);
                }
                None => prop_assert!(skew >= pause.as_secs() || failures <= FREE),
            }
        }
    }
}

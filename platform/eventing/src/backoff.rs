//! Pauses between tries: growing, bounded, and jittered so that many who wait for the
//! same thing do not come back together.

use std::time::Duration;

/// `base · 2^(failures - 1)` up to `cap`, and a random part of that (full jitter).
pub(crate) fn full_jitter(base: Duration, cap: Duration, failures: u32) -> Duration {
    longest(base, cap, failures).mul_f64(rand::random_range(0.0..=1.0))
}

/// The same, but at least half of it: for waiting on something that is away.
pub(crate) fn half_jitter(base: Duration, cap: Duration, failures: u32) -> Duration {
    longest(base, cap, failures).mul_f64(rand::random_range(0.5..=1.0))
}

fn longest(base: Duration, cap: Duration, failures: u32) -> Duration {
    base.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)))
        .min(cap)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pause_grows_to_the_cap_and_never_beyond(failures in 0u32..200) {
            let (base, cap) = (Duration::from_millis(100), Duration::from_secs(60));
            let pause = half_jitter(base, cap, failures);
            prop_assert!(pause <= cap && pause >= base / 2);
            prop_assert!(full_jitter(base, cap, failures) <= cap);
            prop_assert!(failures < 11 || pause >= cap / 2);
        }
    }
}

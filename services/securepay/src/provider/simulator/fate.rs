//! How the simulator treats an order. Pure.

use aws_lc_rs::digest::{SHA256, digest};
use galen_kernel::Money;
use jiff::SignedDuration;
use uuid::Uuid;

use super::Temper;
use crate::provider::Reason;

/// The minor units from which on amounts have a fate of their own.
const STAGE: i64 = 404_000;
const TEN_MINUTES: SignedDuration = SignedDuration::from_mins(10);

/// What becomes of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// Why it is declined; `None`: it succeeds.
    pub declined: Option<Reason>,
    /// How long that takes.
    pub takes: SignedDuration,
    /// It never arrives.
    pub gets_lost: bool,
    /// The answer to the order does not arrive.
    pub is_unheard: bool,
    /// No question about it is ever answered.
    pub is_mute: bool,
    /// How often its webhook comes.
    pub webhooks: i16,
    /// How long after it is decided the webhook comes first, and how long it takes to
    /// come again.
    pub webhook_after: SignedDuration,
    /// Whether it is by the amount, and chance has no part in it.
    pub is_staged: bool,
}

impl Default for Fate {
    fn default() -> Self {
        Self {
            declined: None,
            takes: SignedDuration::ZERO,
            gets_lost: false,
            is_unheard: false,
            is_mute: false,
            webhooks: 1,
            webhook_after: SignedDuration::ZERO,
            is_staged: false,
        }
    }
}

impl Temper {
    /// The fate of an order.
    #[must_use]
    pub fn fate(&self, reference: Uuid, amount: Money) -> Fate {
        let staged = Fate {
            is_staged: true,
            ..Fate::default()
        };
        let declined = |reason| Some(reason);
        match amount.minor.checked_sub(STAGE) {
            Some(0) => staged,
            Some(1) => Fate {
                declined: declined(Reason::INSUFFICIENT_FUNDS),
                ..staged
            },
            Some(2) => Fate {
                declined: declined(Reason::UNKNOWN_DESTINATION),
                ..staged
            },
            Some(3) => Fate {
                is_unheard: true,
                ..staged
            },
            Some(4) => Fate {
                gets_lost: true,
                ..staged
            },
            Some(5) => Fate {
                is_mute: true,
                is_unheard: true,
                ..staged
            },
            Some(6) => Fate {
                takes: TEN_MINUTES,
                ..staged
            },
            Some(7) => Fate {
                declined: declined(Reason::DECLINED),
                takes: TEN_MINUTES,
                ..staged
            },
            Some(8) => Fate {
                webhooks: 3,
                webhook_after: SignedDuration::from_mins(2),
                ..staged
            },
            Some(9) => Fate {
                takes: SignedDuration::from_hours(48),
                ..staged
            },
            _ => self.drawn(reference),
        }
    }

    fn drawn(&self, reference: Uuid) -> Fate {
        let dice = self.dice(reference.as_bytes());
        Fate {
            declined: chance(dice[0], self.declines).then_some(Reason::INSUFFICIENT_FUNDS),
            // Half of them at once, the others within half a minute.
            takes: SignedDuration::from_secs(if dice[1].is_multiple_of(2) {
                0
            } else {
                i64::from(dice[2] % 30)
            }),
            is_unheard: chance(dice[3], self.silences),
            // One of ten comes twice.
            webhooks: if dice[4].is_multiple_of(10) { 2 } else { 1 },
            webhook_after: SignedDuration::from_secs(i64::from(dice[5] % 20)),
            ..Fate::default()
        }
    }

    /// Whether a question is not answered.
    pub(super) fn is_silent(&self, question: u64) -> bool {
        chance(self.dice(&question.to_be_bytes())[0], self.silences)
    }

    /// Numbers that follow from the seed.
    fn dice(&self, of: &[u8]) -> [u16; 6] {
        let hash = digest(&SHA256, &[&self.seed.to_be_bytes(), of].concat());
        let bytes = hash.as_ref();
        std::array::from_fn(|n| u16::from_be_bytes([bytes[2 * n], bytes[2 * n + 1]]))
    }
}

fn chance(dice: u16, percent: u8) -> bool {
    dice % 100 < u16::from(percent)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn temper(seed: u64) -> Temper {
        Temper {
            seed,
            declines: 20,
            silences: 10,
            latency: Duration::ZERO,
        }
    }

    fn euros(minor: i64) -> Money {
        Money {
            minor,
            currency: "EUR".parse().expect("a currency"),
        }
    }

    #[test]
    fn the_same_order_has_the_same_fate_and_others_have_others() {
        let of = |seed, n| temper(seed).fate(Uuid::from_u128(n), euros(100));
        assert_eq!(of(1, 1), of(1, 1));
        assert!((0..20).any(|n| of(1, n) != of(2, n)));
    }

    #[test]
    fn chances_are_about_as_they_were_set() {
        let fates: Vec<Fate> = (0..2_000)
            .map(|n| temper(3).fate(Uuid::from_u128(n), euros(100)))
            .collect();
        let declined = fates.iter().filter(|fate| fate.declined.is_some()).count();
        let unheard = fates.iter().filter(|fate| fate.is_unheard).count();
        assert!((320..=480).contains(&declined), "{declined} of 2000");
        assert!((140..=260).contains(&unheard), "{unheard} of 2000");
        let silent = (0..2_000).filter(|n| temper(3).is_silent(*n)).count();
        assert!((140..=260).contains(&silent), "{silent} of 2000");
    }

    #[test]
    fn staged_amounts_leave_nothing_to_chance() {
        for seed in 0..50 {
            for n in 0..10 {
                let fate =
                    |seed| temper(seed).fate(Uuid::from_u128(seed.into()), euros(404_000 + n));
                assert!(fate(seed).is_staged);
                assert_eq!(fate(seed), fate(0));
            }
        }
        assert!(!temper(0).fate(Uuid::nil(), euros(404_010)).is_staged);
        assert!(!temper(0).fate(Uuid::nil(), euros(i64::MIN)).is_staged);
    }
}

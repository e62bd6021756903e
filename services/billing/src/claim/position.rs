//! Where the money of a line is. Pure.
//!
//! What was charged for a line is at any time in exactly one of five places, and what a
//! payer says moves it between them. Minor units; none is negative, and their sum never
//! changes.

use serde::{Deserialize, Serialize};

/// Where what was charged for a line is, as one payer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Position {
    /// Paid by this payer.
    pub received: i64,
    /// Not asked for: above what was agreed, or given up.
    pub written_off: i64,
    /// Left to whoever comes after this payer: the next payer, then the patient.
    pub left_over: i64,
    /// Paid or written off by payers before.
    pub prior: i64,
    /// Asked of this payer.
    pub outstanding: i64,
}

/// How much goes from one place to others. Negative: back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Moves {
    /// Received now.
    pub paid: i64,
    /// More is left to whoever comes after.
    pub left_over: i64,
    /// More is written off.
    pub written_off: i64,
}

/// A payer cannot pay, leave and write off more than it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than what was asked for")]
pub struct TooMuch;

impl Position {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> i128 {
        [
            self.received,
            self.written_off,
            self.left_over,
            self.prior,
            self.outstanding,
        ]
        .into_iter()
        .map(i128::from)
        .sum()
    }

    /// Whether no place has less than nothing.
    #[must_use]
    pub const fn is_possible(&self) -> bool {
        self.received >= 0
            && self.written_off >= 0
            && self.left_over >= 0
            && self.prior >= 0
            && self.outstanding >= 0
    }

    /// What a payer's answer moves: it pays `paid` now, and says that all in all
    /// `left_over` is left to others and `written_off` was agreed not to be asked for.
    /// What it denies stays outstanding, until somebody has decided about it; as long as
    /// it does, nothing that was left to others before comes back.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub fn answered(
        &self,
        paid: i64,
        left_over: i64,
        written_off: i64,
    ) -> Result<(Self, Moves), TooMuch> {
        let difference = |now: i64, before: i64| now.checked_sub(before).ok_or(TooMuch);
        let accounted: i128 = [self.prior, self.received, paid, left_over, written_off]
            .into_iter()
            .map(i128::from)
            .sum();
        let least = if accounted < self.total() {
            0
        } else {
            i64::MIN
        };
        let moves = Moves {
            paid,
            left_over: difference(left_over, self.left_over)?.max(least),
            written_off: difference(written_off, self.written_off)?.max(least),
        };
        Ok((self.moved(moves)?, moves))
    }

    /// After some of what is outstanding went elsewhere.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub fn moved(&self, moves: Moves) -> Result<Self, TooMuch> {
        let add = |a: i64, b: i64| a.checked_add(b).ok_or(TooMuch);
        let gone = add(add(moves.paid, moves.left_over)?, moves.written_off)?;
        let after = Self {
            received: add(self.received, moves.paid)?,
            written_off: add(self.written_off, moves.written_off)?,
            left_over: add(self.left_over, moves.left_over)?,
            prior: self.prior,
            outstanding: self.outstanding.checked_sub(gone).ok_or(TooMuch)?,
        };
        if after.is_possible() {
            Ok(after)
        } else {
            Err(TooMuch)
        }
    }

    /// The payers before have left this much more (or less) than was expected. What is
    /// less than what this payer was asked for, the patient does not owe either.
    #[must_use]
    pub fn left_by_prior(&self, more: i64) -> (Self, Moves) {
        let more = more.clamp(-(self.outstanding + self.left_over), self.prior);
        let asked = more.max(-self.outstanding);
        let left = more - asked;
        let after = Self {
            prior: self.prior - more,
            outstanding: self.outstanding + asked,
            left_over: self.left_over + left,
            ..*self
        };
        let moves = Moves {
            paid: 0,
            left_over: left,
            written_off: 0,
        };
        (after, moves)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn position()(places in proptest::array::uniform5(0_i64..500)) -> Position {
            let [received, written_off, left_over, prior, outstanding] = places;
            Position { received, written_off, left_over, prior, outstanding }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_a_payer_says(
            before in position(), paid in 0_i64..600, left in 0_i64..600, written in 0_i64..600,
        ) {
            if let Ok((after, moves)) = before.answered(paid, left, written) {
                prop_assert!(after.is_possible());
                prop_assert_eq!(after.total(), before.total());
                prop_assert_eq!(after.received, before.received + paid);
                prop_assert_eq!(before.moved(moves), Ok(after));
                let denied = before.total() - i128::from(before.prior + before.received + paid + left + written);
                if denied <= 0 {
                    prop_assert_eq!((after.left_over, after.written_off, after.outstanding), (left, written, 0));
                    prop_assert_eq!(denied, 0);
                } else {
                    prop_assert!(after.left_over >= before.left_over && after.written_off >= before.written_off);
                    prop_assert!(i128::from(after.outstanding) <= denied);
                }
            }
        }

        #[test]
        fn nothing_is_lost_when_payers_before_pay_otherwise(before in position(), more in -900_i64..900) {
            let (after, moves) = before.left_by_prior(more);
            prop_assert!(after.is_possible());
            prop_assert_eq!(after.total(), before.total());
            prop_assert_eq!(after.left_over - before.left_over, moves.left_over);
            prop_assert!(moves.left_over <= 0, "the patient owes less before the payer is asked for less than nothing");
        }

        #[test]
        fn no_amount_overflows(before in position(), paid: i64, left: i64, written: i64) {
            let _ = before.answered(paid, left, written);
        }
    }

    #[test]
    fn what_is_denied_stays_outstanding_and_takes_nothing_back() {
        let asked = Position {
            written_off: 10,
            left_over: 20,
            outstanding: 70,
            ..Position::default()
        };
        let (denied, moves) = asked.answered(0, 0, 0).expect("it fits");
        assert_eq!((denied, moves), (asked, Moves::default()));
        assert_eq!(asked.answered(80, 20, 10), Err(TooMuch));
        let (paid, moves) = denied.answered(75, 15, 10).expect("it fits");
        assert_eq!(
            (paid.received, paid.left_over, paid.outstanding),
            (75, 15, 0)
        );
        assert_eq!(moves.left_over, -5);
    }
}

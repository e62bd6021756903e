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
    /// What it denies stays outstanding, until somebody has decided about it. What was
    /// left to others before has been asked of them and does not come back: a payer
    /// that pays more than it was asked for is refused.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub fn answered(
        &self,
        paid: i64,
        left_over: i64,
        written_off: i64,
    ) -> Result<(Self, Moves), TooMuch> {
        let more = |now: i64, before: i64| now.checked_sub(before).ok_or(TooMuch);
        let moves = Moves {
            paid,
            left_over: more(left_over, self.left_over)?.max(0),
            written_off: more(written_off, self.written_off)?.max(0),
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

    /// The payers before have left this much more than was expected: the patient is
    /// asked for it.
    #[must_use]
    pub fn left_by_prior(&self, more: i64) -> Self {
        let more = more.clamp(0, self.prior);
        Self {
            prior: self.prior - more,
            left_over: self.left_over + more,
            ..*self
        }
    }

    /// This payer is asked for so much of what was left to whoever comes after it.
    #[must_use]
    pub fn asked_for(&self, more: i64) -> Self {
        let more = more.clamp(0, self.left_over);
        Self {
            left_over: self.left_over - more,
            outstanding: self.outstanding + more,
            ..*self
        }
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
                prop_assert_eq!(after.left_over, before.left_over.max(left));
                prop_assert_eq!(after.written_off, before.written_off.max(written));
                prop_assert_eq!(after.prior, before.prior);
            }
        }

        #[test]
        fn nothing_is_lost_when_payers_before_pay_otherwise(before in position(), more in -900_i64..900) {
            let after = before.left_by_prior(more);
            prop_assert!(after.is_possible());
            prop_assert_eq!(after.total(), before.total());
            prop_assert_eq!(after.outstanding, before.outstanding);
        }

        #[test]
        fn nothing_is_lost_when_a_payer_is_asked_for_more(before in position(), more in -900_i64..900) {
            let after = before.asked_for(more);
            prop_assert!(after.is_possible());
            prop_assert_eq!(after.total(), before.total());
            prop_assert!((0..=more.max(0)).contains(&(after.outstanding - before.outstanding)));
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
        assert_eq!(asked.answered(75, 15, 10), Err(TooMuch));
        let (paid, moves) = denied.answered(60, 30, 10).expect("it fits");
        assert_eq!(
            (paid.received, paid.left_over, paid.outstanding),
            (60, 30, 0)
        );
        assert_eq!(moves.left_over, 10);
    }
}

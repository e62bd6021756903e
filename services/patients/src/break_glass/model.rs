//! What it takes to break the glass, and to judge it. Pure.

use galen_contracts::ids::{PatientId, PractitionerId, UserId};
use galen_kernel::{Id, Problem, Text, Timestamp, Violations};
use galen_storage::Error;
use jiff::SignedDuration;

use crate::named::named;

/// Marker of the ids of broken glasses.
pub enum Glass {}
/// The id of one time that somebody broke the glass.
pub type BreakGlassId = Id<Glass>;

/// Longest time that one reason opens a record for: a shift.
pub const MOST_MINUTES: u16 = 480;

named! {
    /// Whether somebody has judged it.
    #[schema(as = BreakGlassStatus)]
    pub enum Status {
        /// To be judged.
        Open = "OPEN",
        /// Judged.
        Reviewed = "REVIEWED",
    }
}

named! {
    /// What was thought of it.
    #[schema(as = BreakGlassOutcome)]
    pub enum Outcome {
        /// There was a need.
        Justified = "JUSTIFIED",
        /// There was none: a breach, to be followed up.
        Unjustified = "UNJUSTIFIED",
    }
}

/// One time that somebody broke the glass. The reason may be personal: has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct BreakGlass {
    /// Its id.
    pub id: BreakGlassId,
    /// Whose record.
    pub patient_id: PatientId,
    /// The account that reaches it.
    pub user_id: UserId,
    /// The practitioner whom the account belonged to.
    pub practitioner_id: PractitionerId,
    /// Why.
    pub reason: Text<500>,
    /// From then on.
    pub opened_at: Timestamp,
    /// Until then, exclusively.
    pub until: Timestamp,
    /// What was thought of it.
    pub review: Option<Review>,
}

/// A judgement. The comment may be personal: has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Review {
    /// What was thought.
    pub outcome: Outcome,
    /// Why.
    pub comment: Text<500>,
    /// Who judged.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// Why it is not judged.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// Somebody has.
    #[error("it was judged before")]
    AlreadyReviewed,
    /// Nobody judges themself.
    #[error("it is the reviewer's own")]
    OwnAccess,
    /// The database failed.
    #[error(transparent)]
    Storage(Error),
    /// The comment was not sealed.
    #[error(transparent)]
    Sealing(galen_vault::Error),
}

impl From<galen_vault::Error> for ReviewError {
    fn from(error: galen_vault::Error) -> Self {
        match error {
            galen_vault::Error::Storage(error) => error.into(),
            error => Self::Sealing(error),
        }
    }
}

impl From<Error> for ReviewError {
    fn from(error: Error) -> Self {
        if error.constraint() == Some("break_glass_reviewed_once") {
            Self::AlreadyReviewed
        } else {
            Self::Storage(error)
        }
    }
}

impl From<ReviewError> for Problem {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::AlreadyReviewed => {
                Self::conflict("ALREADY_REVIEWED", "Somebody has judged this access.")
            }
            ReviewError::OwnAccess => {
                Self::forbidden().with_detail("nobody judges their own access")
            }
            ReviewError::Storage(error) => error.into(),
            ReviewError::Sealing(error) => error.into(),
        }
    }
}

/// Reads for how long.
pub fn duration(violations: &mut Violations, minutes: u16) -> SignedDuration {
    violations.require(
        (1..=MOST_MINUTES).contains(&minutes),
        "/minutes",
        "OUT_OF_RANGE",
        "must be 1 to 480",
    );
    SignedDuration::from_mins(i64::from(minutes))
}

impl BreakGlass {
    /// Whether it opens the record at an instant.
    #[must_use]
    pub fn opens(&self, at: Timestamp) -> bool {
        (self.opened_at..self.until).contains(&at)
    }

    /// Whether it is to be judged.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self.review {
            None => Status::Open,
            Some(_) => Status::Reviewed,
        }
    }

    /// Counts its changes: it is opened, then judged.
    #[must_use]
    pub const fn version(&self) -> i64 {
        match self.review {
            None => 1,
            Some(_) => 2,
        }
    }

    /// Takes in a judgement.
    ///
    /// # Errors
    /// When it was judged before, or is the reviewer's own.
    pub fn reviewed(self, review: Review) -> Result<Self, ReviewError> {
        if self.review.is_some() {
            return Err(ReviewError::AlreadyReviewed);
        }
        if self.user_id == review.by {
            return Err(ReviewError::OwnAccess);
        }
        Ok(Self {
            review: Some(review),
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn id<K>(number: u128) -> Id<K> {
        Id::from_uuid(Uuid::from_u128(number))
    }

    fn text(text: &str) -> Text<500> {
        text.to_owned().try_into().expect("a text")
    }

    fn glass(opened: i64, minutes: u16) -> BreakGlass {
        let opened_at = Timestamp::from_second(opened).expect("an instant");
        BreakGlass {
            id: id(1),
            patient_id: id(2),
            user_id: id(3),
            practitioner_id: id(4),
            reason: text("unconscious"),
            opened_at,
            until: opened_at + duration(&mut Violations::new(), minutes),
            review: None,
        }
    }

    fn review(by: u128) -> Review {
        Review {
            outcome: Outcome::Justified,
            comment: text("was in the emergency room"),
            by: id(by),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn nobody_judges_themself_and_nothing_is_judged_twice() {
        let own = glass(0, 5).reviewed(review(3));
        assert!(matches!(own, Err(ReviewError::OwnAccess)));
        let Ok(judged) = glass(0, 5).reviewed(review(9)) else {
            panic!("somebody else may judge");
        };
        assert!(judged.status() == Status::Reviewed && judged.version() == 2);
        let again = judged.reviewed(review(10));
        assert!(matches!(again, Err(ReviewError::AlreadyReviewed)));
    }

    proptest! {
        #[test]
        fn only_minutes_of_a_shift_are_taken(minutes: u16) {
            let mut violations = Violations::new();
            duration(&mut violations, minutes);
            prop_assert_eq!(violations.finish().is_ok(), 0 < minutes && minutes <= MOST_MINUTES);
        }

        #[test]
        fn a_record_is_open_for_exactly_its_minutes(opened in 0_i64..4_000_000_000, minutes in 1..=MOST_MINUTES, later in -40_000_i64..40_000) {
            let glass = glass(opened, minutes);
            let at = glass.opened_at + SignedDuration::from_secs(later);
            prop_assert_eq!(glass.opens(at), 0 <= later && later < 60 * i64::from(minutes));
        }
    }
}

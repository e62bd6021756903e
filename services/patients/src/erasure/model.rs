//! What becomes of a request to erase somebody. Pure.

use galen_contracts::ids::{PatientId, UserId};
use galen_kernel::{Id, Problem, Text, Timestamp};
use galen_storage::Error;

use crate::named::named;

/// Marker of the ids of erasures.
pub enum ErasureKind {}
/// The id of a request to erase somebody.
pub type ErasureId = Id<ErasureKind>;

named! {
    /// What became of a request to erase somebody.
    ///
    /// ```text
    /// OPEN ──approve──▶ APPROVED ──keys are erased──▶ DONE
    /// OPEN ──reject──▶ REJECTED
    /// ```
    #[schema(as = ErasureStatus)]
    pub enum Status {
        /// Somebody else is to decide.
        Open = "OPEN",
        /// Nothing can be read through the API any more; keys are being erased.
        Approved = "APPROVED",
        /// The keys are erased.
        Done = "DONE",
        /// Nothing was erased.
        Rejected = "REJECTED",
    }
}

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Who decided.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Somebody else is to decide.
    Open,
    /// Somebody else agreed; the keys are erased since then, if they are.
    Approved(Decision, Option<Timestamp>),
    /// Somebody disagreed, maybe who asked.
    Rejected(Decision),
}

/// A request to erase somebody. The reason may be personal: has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// Whose record; the others of the same person go with it.
    pub patient_id: PatientId,
    /// Why; goes with the person.
    pub reason: Option<Text<500>>,
    /// Who asked.
    pub requested_by: UserId,
    /// When.
    pub requested_at: Timestamp,
    /// What became of it.
    pub state: State,
}

/// Why nothing is asked or decided.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// Somebody asked before.
    #[error("the erasure was requested before")]
    AlreadyRequested,
    /// Somebody decided.
    #[error("the erasure was decided before")]
    AlreadyDecided,
    /// Nobody agrees with themself.
    #[error("the request is the approver's own")]
    OwnRequest,
    /// The database failed.
    #[error(transparent)]
    Storage(Error),
    /// The reason was not sealed.
    #[error(transparent)]
    Sealing(galen_vault::Error),
}

impl From<Error> for ErasureError {
    fn from(error: Error) -> Self {
        if error.constraint() == Some("erasure_open_once") {
            Self::AlreadyRequested
        } else {
            Self::Storage(error)
        }
    }
}

impl From<galen_vault::Error> for ErasureError {
    fn from(error: galen_vault::Error) -> Self {
        match error {
            galen_vault::Error::Storage(error) => error.into(),
            error => Self::Sealing(error),
        }
    }
}

impl From<ErasureError> for Problem {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::AlreadyRequested => Self::conflict(
                "ERASURE_REQUESTED",
                "The erasure of this person was requested before.",
            ),
            ErasureError::AlreadyDecided => {
                Self::conflict("ALREADY_DECIDED", "Somebody has decided about it.")
            }
            ErasureError::OwnRequest => Self::conflict(
                "OWN_ERASURE_REQUEST",
                "Somebody else has to approve what you asked for.",
            ),
            ErasureError::Storage(error) => error.into(),
            ErasureError::Sealing(error) => error.into(),
        }
    }
}

impl Erasure {
    /// What became of it.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self.state {
            State::Open => Status::Open,
            State::Approved(_, None) => Status::Approved,
            State::Approved(_, Some(_)) => Status::Done,
            State::Rejected(_) => Status::Rejected,
        }
    }

    /// Counts its changes.
    #[must_use]
    pub const fn version(&self) -> i64 {
        match self.status() {
            Status::Open => 1,
            Status::Approved | Status::Rejected => 2,
            Status::Done => 3,
        }
    }

    /// Who decided, and when.
    #[must_use]
    pub const fn decision(&self) -> Option<Decision> {
        match self.state {
            State::Open => None,
            State::Approved(decision, _) | State::Rejected(decision) => Some(decision),
        }
    }

    /// Somebody agrees. The reason goes at once.
    ///
    /// # Errors
    /// When it is their own request, or somebody decided before.
    pub fn approved(self, decision: Decision) -> Result<Self, ErasureError> {
        if self.state != State::Open {
            return Err(ErasureError::AlreadyDecided);
        }
        if self.requested_by == decision.by {
            return Err(ErasureError::OwnRequest);
        }
        Ok(Self {
            state: State::Approved(decision, None),
            reason: None,
            ..self
        })
    }

    /// Somebody disagrees, or takes their own request back.
    ///
    /// # Errors
    /// When somebody decided before.
    pub fn rejected(self, decision: Decision) -> Result<Self, ErasureError> {
        if self.state != State::Open {
            return Err(ErasureError::AlreadyDecided);
        }
        Ok(Self {
            state: State::Rejected(decision),
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn decision(by: u128) -> Decision {
        Decision {
            by: Id::from_uuid(Uuid::from_u128(by)),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn asked_by(by: u128) -> Erasure {
        Erasure {
            id: Id::from_uuid(Uuid::nil()),
            patient_id: Id::from_uuid(Uuid::nil()),
            reason: Text::try_from("asked for it".to_owned()).ok(),
            requested_by: Id::from_uuid(Uuid::from_u128(by)),
            requested_at: Timestamp::UNIX_EPOCH,
            state: State::Open,
        }
    }

    proptest! {
        #[test]
        fn two_people_are_needed(asks in 0_u128..4, approves in 0_u128..4) {
            let approved = asked_by(asks).approved(decision(approves));
            prop_assert_eq!(approved.is_ok(), asks != approves);
            if let Ok(approved) = approved {
                prop_assert!(approved.reason.is_none());
                prop_assert_eq!(approved.status(), Status::Approved);
            }
        }

        #[test]
        fn nothing_is_decided_twice(first in any::<bool>(), second in any::<bool>(), by in 1_u128..4) {
            let decide = |erasure: Erasure, approve: bool, by| {
                if approve { erasure.approved(decision(by)) } else { erasure.rejected(decision(by)) }
            };
            let Ok(decided) = decide(asked_by(9), first, by) else {
                panic!("somebody else may decide");
            };
            let again = decide(decided, second, by + 1);
            prop_assert!(matches!(again, Err(ErasureError::AlreadyDecided)));
        }
    }

    #[test]
    fn who_asked_may_take_it_back() {
        assert!(asked_by(1).rejected(decision(1)).is_ok());
    }
}

//! A leave request and its states. Pure.
//!
//! Requested → Approved → Withdrawn, while it has not ended; or Requested →
//! Rejected; or Requested → Withdrawn. Requested and approved leaves are active:
//! those of one practitioner do not overlap.

use galen_access::Principal;
use galen_contracts::convert::to_wire;
use galen_contracts::ids::{PractitionerId, UserId};
use galen_contracts::staff::v1::{LeaveApproved, LeaveWithdrawn};
use galen_kernel::{Id, Pii, Problem, Timestamp};
use galen_service::PeerError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::interval::Interval;
use crate::practitioner::model::PractitionerError;

/// Marker of a leave's id.
pub enum LeaveKey {}
/// A leave's id.
pub type LeaveId = Id<LeaveKey>;

/// What a leave is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LeaveKind {
    /// Holidays.
    Vacation,
    /// Illness.
    Sick,
    /// Further training.
    Training,
    /// A child.
    Parental,
    /// Anything else.
    Other,
}

impl LeaveKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::Vacation,
        Self::Sick,
        Self::Training,
        Self::Parental,
        Self::Other,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vacation => "VACATION",
            Self::Sick => "SICK",
            Self::Training => "TRAINING",
            Self::Parental => "PARENTAL",
            Self::Other => "OTHER",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// Where a leave stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LeaveStatus {
    /// Waits for a decision.
    Requested,
    /// Will be taken.
    Approved,
    /// Will not be. Final.
    Rejected,
    /// Is not wanted any more. Final.
    Withdrawn,
}

impl LeaveStatus {
    /// Every status.
    pub const ALL: &[Self] = &[
        Self::Requested,
        Self::Approved,
        Self::Rejected,
        Self::Withdrawn,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|status| status.name() == name)
    }
}

/// Who decided, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The account.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// A leave, asked for and perhaps decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leave {
    /// Its id.
    pub id: LeaveId,
    /// Who wants to be away.
    pub practitioner: PractitionerId,
    /// What for.
    pub kind: LeaveKind,
    /// In their words.
    pub reason: Option<Pii<String>>,
    /// When.
    pub during: Interval,
    /// Where it stands.
    pub status: LeaveStatus,
    /// The account that asked.
    pub requested_by: UserId,
    /// When it asked.
    pub requested_at: Timestamp,
    /// Approved or rejected by.
    pub decision: Option<Decision>,
    /// When it was withdrawn.
    pub withdrawn_at: Option<Timestamp>,
    /// Rises by one with every change.
    pub version: i64,
}

/// Why a command on a leave is refused.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// There is none.
    #[error("no such leave")]
    Unknown,
    /// The practitioner has an active leave at that time.
    #[error("the leave overlaps another")]
    Overlap,
    /// The decider is the one who wants to be away.
    #[error("nobody decides on their own leave")]
    Own,
    /// It was decided before, or withdrawn.
    #[error("the leave does not wait for a decision")]
    NotRequested,
    /// It was rejected or withdrawn before.
    #[error("the leave is not active")]
    NotActive,
    /// It was taken.
    #[error("the leave has ended")]
    Ended,
    /// Scheduling could not be asked which appointments it touches.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// Scheduling's answer cannot be read.
    #[error("scheduling's answer cannot be read")]
    Unreadable(#[from] galen_contracts::convert::WireError),
    /// The practitioner refuses.
    #[error(transparent)]
    Practitioner(#[from] PractitionerError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
}

impl From<LeaveError> for Problem {
    fn from(error: LeaveError) -> Self {
        match error {
            LeaveError::Unknown => Self::not_found(),
            LeaveError::Overlap => Self::conflict(
                "LEAVE_OVERLAP",
                "The practitioner has another leave at that time.",
            ),
            LeaveError::Own => Self::new(403, "OWN_LEAVE", "Nobody decides on their own leave."),
            LeaveError::NotRequested => Self::conflict(
                "LEAVE_NOT_REQUESTED",
                "The leave does not wait for a decision any more.",
            ),
            LeaveError::NotActive => Self::conflict(
                "LEAVE_NOT_ACTIVE",
                "The leave was rejected or withdrawn before.",
            ),
            LeaveError::Ended => Self::conflict("LEAVE_ENDED", "The leave has been taken."),
            LeaveError::Peer(error) => error.into(),
            LeaveError::Unreadable(error) => Self::unavailable(error),
            LeaveError::Practitioner(error) => error.into(),
            LeaveError::Storage(error) => error.into(),
        }
    }
}

/// Refuses who would decide on their own leave, whether the token says that they
/// are the practitioner or the practitioner is linked to their account.
///
/// # Errors
/// [`LeaveError::Own`].
pub fn must_be_of_another(
    decider: &Principal,
    practitioner: PractitionerId,
    account: Option<UserId>,
) -> Result<(), LeaveError> {
    if decider.practitioner_id == Some(practitioner) || account == Some(decider.user_id) {
        Err(LeaveError::Own)
    } else {
        Ok(())
    }
}

impl Leave {
    /// Grants it.
    ///
    /// # Errors
    /// [`LeaveError::NotRequested`].
    pub fn approve(&self, decision: Decision) -> Result<Self, LeaveError> {
        self.decide(LeaveStatus::Approved, decision)
    }

    /// Refuses it.
    ///
    /// # Errors
    /// [`LeaveError::NotRequested`].
    pub fn reject(&self, decision: Decision) -> Result<Self, LeaveError> {
        self.decide(LeaveStatus::Rejected, decision)
    }

    fn decide(&self, status: LeaveStatus, decision: Decision) -> Result<Self, LeaveError> {
        if self.status != LeaveStatus::Requested {
            return Err(LeaveError::NotRequested);
        }
        Ok(Self {
            status,
            decision: Some(decision),
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// Takes it back: before the decision at any time, after an approval until its end.
    ///
    /// # Errors
    /// [`LeaveError::NotActive`], [`LeaveError::Ended`].
    pub fn withdraw(&self, now: Timestamp) -> Result<Self, LeaveError> {
        match self.status {
            LeaveStatus::Rejected | LeaveStatus::Withdrawn => return Err(LeaveError::NotActive),
            LeaveStatus::Approved if now >= self.during.end() => return Err(LeaveError::Ended),
            LeaveStatus::Requested | LeaveStatus::Approved => {}
        }
        Ok(Self {
            status: LeaveStatus::Withdrawn,
            withdrawn_at: Some(now),
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The event of an approval.
    #[must_use]
    pub fn approved(&self) -> LeaveApproved {
        LeaveApproved {
            practitioner_id: self.practitioner.to_string(),
            leave_id: self.id.to_string(),
            start: Some(to_wire(self.during.start())),
            end: Some(to_wire(self.during.end())),
        }
    }

    /// The event of a withdrawal, if others ever heard of the leave.
    #[must_use]
    pub fn withdrawn(&self) -> Option<LeaveWithdrawn> {
        self.decision.map(|_| LeaveWithdrawn {
            practitioner_id: self.practitioner.to_string(),
            leave_id: self.id.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use galen_access::Role;
    use galen_kernel::Clock;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn day(n: i64) -> Timestamp {
        Timestamp::from_second(1_740_000_000 + n * 86_400).expect("small")
    }

    fn requested() -> Leave {
        let clock = Clock::system();
        Leave {
            id: clock.id(),
            practitioner: clock.id(),
            kind: LeaveKind::Sick,
            reason: Some(Pii::new("a cold".into())),
            during: Interval::new(day(10), day(20)).expect("lasts"),
            status: LeaveStatus::Requested,
            requested_by: clock.id(),
            requested_at: day(0),
            decision: None,
            withdrawn_at: None,
            version: 1,
        }
    }

    fn decision() -> Decision {
        Decision {
            by: Clock::system().id(),
            at: day(1),
        }
    }

    #[test]
    fn an_approved_leave_is_withdrawn_until_its_end() {
        let approved = requested().approve(decision()).expect("waits");
        let last_moment = day(20) - SignedDuration::from_micros(1);
        assert!(approved.withdraw(last_moment).is_ok());
        assert!(matches!(approved.withdraw(day(20)), Err(LeaveError::Ended)));
        assert!(
            requested().withdraw(day(30)).is_ok(),
            "nobody decided in time"
        );
    }

    #[test]
    fn others_hear_of_a_withdrawal_only_when_they_heard_of_the_leave() {
        let never_approved = requested().withdraw(day(1)).expect("active");
        assert_eq!(never_approved.withdrawn(), None);
        let approved = requested()
            .approve(decision())
            .and_then(|leave| leave.withdraw(day(1)))
            .expect("active");
        assert_eq!(
            approved.withdrawn().map(|event| event.leave_id),
            Some(approved.id.to_string())
        );
    }

    #[test]
    fn nobody_decides_on_their_own_leave() {
        let clock = Clock::system();
        let mut decider = Principal {
            user_id: clock.id(),
            session_id: clock.id(),
            roles: vec![Role::Admin],
            grants: galen_access::Grants::default(),
            patient_id: None,
            practitioner_id: None,
        };
        let practitioner = clock.id();
        assert!(must_be_of_another(&decider, practitioner, None).is_ok());
        assert!(must_be_of_another(&decider, practitioner, Some(clock.id())).is_ok());
        assert!(matches!(
            must_be_of_another(&decider, practitioner, Some(decider.user_id)),
            Err(LeaveError::Own)
        ));
        decider.practitioner_id = Some(practitioner);
        assert!(matches!(
            must_be_of_another(&decider, practitioner, None),
            Err(LeaveError::Own)
        ));
    }

    #[test]
    fn every_name_is_the_same_everywhere() {
        for kind in LeaveKind::ALL {
            assert_eq!(LeaveKind::named(kind.name()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).ok(), Some(kind.name().into()));
        }
        for status in LeaveStatus::ALL {
            assert_eq!(LeaveStatus::named(status.name()), Some(*status));
            assert_eq!(
                serde_json::to_value(status).ok(),
                Some(status.name().into())
            );
        }
    }

    #[test]
    fn a_reason_is_not_printed() {
        assert!(!format!("{:?}", requested()).contains("cold"));
    }

    proptest! {
        #[test]
        fn whatever_is_commanded_the_states_hold(commands in prop::collection::vec((0_u8..3, 0_i64..30), 0..8)) {
            let mut leave = requested();
            for (command, at) in commands {
                let next = match command {
                    0 => leave.approve(Decision { by: leave.requested_by, at: day(at) }),
                    1 => leave.reject(Decision { by: leave.requested_by, at: day(at) }),
                    _ => leave.withdraw(day(at)),
                };
                let Ok(next) = next else { continue };
                let allowed = matches!(
                    (leave.status, next.status),
                    (LeaveStatus::Requested, LeaveStatus::Approved | LeaveStatus::Rejected | LeaveStatus::Withdrawn)
                        | (LeaveStatus::Approved, LeaveStatus::Withdrawn)
                );
                prop_assert!(allowed, "{:?} to {:?}", leave.status, next.status);
                prop_assert_eq!(next.version, leave.version + 1);
                prop_assert!(leave.decision.is_none() || leave.decision == next.decision, "a decision stays");
                prop_assert_eq!(next.withdrawn_at.is_some(), next.status == LeaveStatus::Withdrawn);
                leave = next;
            }
        }
    }
}

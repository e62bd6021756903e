//! What was found out about an order, and who agrees. Pure.

use galen_kernel::{Id, Problem, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::provider::{ProviderReference, Report};

/// What a [`ResolutionId`] identifies.
pub enum ResolutionKind {}

/// A resolution's id.
pub type ResolutionId = Id<ResolutionKind>;

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OrderOutcome)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// The money came in, or went out.
    Settled,
    /// It did not, and never will.
    Failed,
}

impl Outcome {
    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settled => "SETTLED",
            Self::Failed => "FAILED",
        }
    }

    /// Reads [`Outcome::name`].
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::Settled, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.name() == name)
    }

    /// What a provider says of an order that began long ago; `None` while it cannot say.
    #[must_use]
    pub const fn of(report: &Report) -> Option<Self> {
        match report {
            Report::Succeeded { .. } => Some(Self::Settled),
            // After the deadline nothing is on its way any more.
            Report::Declined { .. } | Report::NeverHeardOf => Some(Self::Failed),
            Report::Pending | Report::Unknown => None,
        }
    }
}

/// Where a resolution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OrderResolutionStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Somebody else has to agree.
    Requested,
    /// The order ends so.
    Approved,
    /// It is not believed, or was taken back.
    Rejected,
}

impl Status {
    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
        }
    }

    /// Reads [`Status::name`].
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::Requested, Self::Approved, Self::Rejected]
            .into_iter()
            .find(|status| status.name() == name)
    }
}

/// What somebody found out about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Its id.
    pub id: ResolutionId,
    /// About which order.
    pub order: Uuid,
    /// What became of it.
    pub outcome: Outcome,
    /// Where that is to be seen: a reference of the provider or of the bank.
    pub evidence: ProviderReference,
    /// Where it stands.
    pub status: Status,
    /// Who found out.
    pub requested_by: Uuid,
    /// When.
    pub requested_at: Timestamp,
    /// Who agreed or did not, and when.
    pub decided: Option<(Uuid, Timestamp)>,
    /// What the provider said when it could, and when.
    pub provider_says: Option<(Outcome, Timestamp)>,
    /// Rises by one with every change.
    pub version: i64,
}

/// Why nothing is asked or decided.
#[derive(Debug, thiserror::Error)]
pub enum ResolutionError {
    /// There is no such order or resolution.
    #[error("no such resolution")]
    Unknown,
    /// It is known what became of the order, or the provider still has time to say so.
    #[error("the outcome of the order is not unknown")]
    NotUnknown,
    /// Somebody found out something before.
    #[error("something was found out before")]
    AlreadyRequested,
    /// Somebody decided.
    #[error("it was decided before")]
    AlreadyDecided,
    /// Nobody agrees with themself.
    #[error("the request is the approver's own")]
    SecondPerson,
    /// The reason cannot be sealed or opened.
    #[error(transparent)]
    Vault(#[from] galen_vault::Error),
    /// The database failed.
    #[error(transparent)]
    Storage(galen_storage::Error),
}

impl From<galen_storage::Error> for ResolutionError {
    fn from(error: galen_storage::Error) -> Self {
        match error.constraint() {
            Some("order_resolution_once") => Self::AlreadyRequested,
            _ => Self::Storage(error),
        }
    }
}

impl From<ResolutionError> for Problem {
    fn from(error: ResolutionError) -> Self {
        match error {
            ResolutionError::Unknown => Self::not_found(),
            ResolutionError::NotUnknown => Self::conflict(
                "ORDER_NOT_UNKNOWN",
                "It is known what became of the order, or the provider still has time to say so.",
            ),
            ResolutionError::AlreadyRequested => Self::conflict(
                "RESOLUTION_REQUESTED",
                "Somebody has found out about this order before.",
            ),
            ResolutionError::AlreadyDecided => {
                Self::conflict("ALREADY_DECIDED", "Somebody has decided about it.")
            }
            ResolutionError::SecondPerson => Self::conflict(
                "SECOND_PERSON_REQUIRED",
                "Whoever asked for it cannot decide about it.",
            ),
            ResolutionError::Vault(error) => error.into(),
            ResolutionError::Storage(error) => error.into(),
        }
    }
}

impl Resolution {
    /// Somebody else agrees.
    ///
    /// # Errors
    /// When it is their own, or somebody decided before.
    pub fn approved(self, by: Uuid, at: Timestamp) -> Result<Self, ResolutionError> {
        if self.status == Status::Requested && by == self.requested_by {
            return Err(ResolutionError::SecondPerson);
        }
        self.decided(Status::Approved, by, at)
    }

    /// Somebody does not agree, or takes their own back.
    ///
    /// # Errors
    /// When somebody decided before.
    pub fn rejected(self, by: Uuid, at: Timestamp) -> Result<Self, ResolutionError> {
        self.decided(Status::Rejected, by, at)
    }

    fn decided(self, status: Status, by: Uuid, at: Timestamp) -> Result<Self, ResolutionError> {
        if self.status != Status::Requested {
            return Err(ResolutionError::AlreadyDecided);
        }
        Ok(Self {
            status,
            decided: Some((by, at)),
            version: self.version + 1,
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found_by(person: u128) -> Resolution {
        Resolution {
            id: Id::from_uuid(Uuid::nil()),
            order: Uuid::nil(),
            outcome: Outcome::Settled,
            evidence: ProviderReference::new("E-1").expect("a reference"),
            status: Status::Requested,
            requested_by: Uuid::from_u128(person),
            requested_at: Timestamp::UNIX_EPOCH,
            decided: None,
            provider_says: None,
            version: 1,
        }
    }

    proptest! {
        #[test]
        fn two_people_are_needed_and_nothing_is_decided_twice(
            finds in 0_u128..4,
            decides in 0_u128..4,
            first in any::<bool>(),
            second in any::<bool>(),
        ) {
            let decide = |found: Resolution, agrees: bool| {
                let (by, at) = (Uuid::from_u128(decides), Timestamp::UNIX_EPOCH);
                if agrees { found.approved(by, at) } else { found.rejected(by, at) }
            };
            let decided = decide(found_by(finds), first);
            prop_assert_eq!(decided.is_ok(), !first || finds != decides);
            if let Ok(decided) = decided {
                prop_assert_eq!(decided.version, 2);
                let again = decide(decided, second);
                prop_assert!(matches!(again, Err(ResolutionError::AlreadyDecided)));
            }
        }
    }

    #[test]
    fn what_the_provider_does_not_say_is_no_outcome() {
        assert_eq!(Outcome::of(&Report::Unknown), None);
        assert_eq!(Outcome::of(&Report::Pending), None);
        assert_eq!(Outcome::of(&Report::NeverHeardOf), Some(Outcome::Failed));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for outcome in [Outcome::Settled, Outcome::Failed] {
            assert_eq!(Outcome::read(outcome.name()), Some(outcome));
        }
        for status in [Status::Requested, Status::Approved, Status::Rejected] {
            assert_eq!(Status::read(status.name()), Some(status));
        }
        assert_eq!((Outcome::read("x"), Status::read("x")), (None, None));
    }
}

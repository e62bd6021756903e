//! A plan and its versions, as the catalogue has them. Pure.

use std::sync::Arc;

use galen_kernel::{Problem, Timestamp};
use jiff::civil::Date;
use uuid::Uuid;

use crate::catalogue::PayerId;
use crate::plan::Plan;
use crate::plan::vector::Vector;

/// A plan: what its versions have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CataloguePlan {
    /// As coverages name it.
    pub id: String,
    /// Who has it.
    pub payer: PayerId,
    /// Its name.
    pub name: String,
    /// Its last version, if there is one.
    pub last: Option<u32>,
}

/// A version of a plan, which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanVersion {
    /// What it says.
    pub plan: Plan,
    /// First day.
    pub valid_from: Date,
    /// First day of the next version; `None`: there is none.
    pub valid_to: Option<Date>,
    /// The examples that it was checked with.
    pub vectors: Vec<Vector>,
    /// When it was published.
    pub published_at: Timestamp,
    /// The account that published it.
    pub published_by: Uuid,
}

/// A version that is in force on a day.
#[derive(Debug, Clone)]
pub struct InForce {
    /// Who pays by it.
    pub payer: PayerId,
    /// What it says.
    pub plan: Arc<Plan>,
}

/// Why a command on a plan is refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// There is no such plan, or no such version.
    #[error("no such plan")]
    Unknown,
    /// There is no such payer, or it has no plans any more.
    #[error("no such payer")]
    UnknownPayer,
    /// There is a plan with this id.
    #[error("the plan exists")]
    Exists,
    /// Another version is the next.
    #[error("the next version is {0}")]
    NotNext(u32),
    /// It begins no later than the version before it.
    #[error("it begins before {0}")]
    NotLater(Date),
    /// The database failed.
    #[error(transparent)]
    Storage(galen_storage::Error),
}

impl From<galen_storage::Error> for CatalogueError {
    fn from(error: galen_storage::Error) -> Self {
        match error.constraint() {
            Some("plan_pkey") => Self::Exists,
            Some("plan_payer_id_fkey") => Self::UnknownPayer,
            _ => Self::Storage(error),
        }
    }
}

impl From<CatalogueError> for Problem {
    fn from(error: CatalogueError) -> Self {
        match error {
            CatalogueError::Unknown => Self::not_found(),
            CatalogueError::UnknownPayer => Self::invalid_field(
                "/payerId",
                "UNKNOWN_PAYER",
                "there is no such payer, or it is not active",
            ),
            CatalogueError::Exists => {
                Self::conflict("PLAN_EXISTS", "There is a plan with this id.")
            }
            CatalogueError::NotNext(next) => Self::conflict(
                "NOT_NEXT_VERSION",
                "The version of the plan is not the next one.",
            )
            .with("nextVersion", next.into()),
            CatalogueError::NotLater(day) => Self::conflict(
                "PLAN_VERSION_OVERLAP",
                "A version begins after the one before it.",
            )
            .with("lastValidFrom", day.to_string().into()),
            CatalogueError::Storage(error) => error.into(),
        }
    }
}

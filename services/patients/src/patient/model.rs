//! A record and the states it passes through.

use galen_contracts::ids::{PatientId, UserId};
use galen_kernel::{Problem, Timestamp};
use galen_storage::Error;
use galen_vault::Sealed;

use super::person::Person;
use crate::named::named;

named! {
    /// The state of a record.
    ///
    /// ```text
    /// ACTIVE ──deactivate──▶ INACTIVE
    /// ACTIVE ◀──deceasedAt──▶ DECEASED ──deactivate──▶ INACTIVE
    /// ACTIVE, DECEASED ◀──unmerge── MERGED ◀──merge── ACTIVE, DECEASED
    /// ```
    #[schema(as = PatientStatus)]
    pub enum Status {
        /// In use.
        Active = "ACTIVE",
        /// Closed: no new bookings.
        Inactive = "INACTIVE",
        /// Found to be another record's person; that record stands for both.
        Merged = "MERGED",
        /// The person has died.
        Deceased = "DECEASED",
    }
}

/// A medical record's head: the person, not what is written about them. Who they are
/// stays sealed until somebody opens it ([`super::person::open`]).
#[derive(Clone)]
pub struct Patient {
    /// Its id.
    pub id: PatientId,
    /// Its number, valid for ever.
    pub mrn: String,
    /// Its state.
    pub status: Status,
    /// The record that stands for the person, at the end of the chain of merges.
    pub survivor_id: Option<PatientId>,
    /// Numbers of the records that were merged into it, directly or through others.
    pub retired_mrns: Vec<String>,
    /// The person.
    pub sealed: Sealed<Person>,
    /// Their account.
    pub user_id: Option<UserId>,
    /// Since when it exists.
    pub registered_at: Timestamp,
    /// Rises by one per change.
    pub version: i64,
}

/// Why a person cannot be written into a record: something that belongs to one person
/// belongs to somebody else.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The national id or an identifier of another system.
    #[error("the identifier exists")]
    IdentifierExists,
    /// The account.
    #[error("the account has a record")]
    AlreadyRegistered,
    /// The database failed.
    #[error(transparent)]
    Storage(Error),
    /// The person cannot be sealed or opened.
    #[error(transparent)]
    Vault(galen_vault::Error),
}

impl From<galen_vault::Error> for IdentityError {
    fn from(error: galen_vault::Error) -> Self {
        match error {
            galen_vault::Error::Storage(error) => error.into(),
            error => Self::Vault(error),
        }
    }
}

impl From<Error> for IdentityError {
    fn from(error: Error) -> Self {
        match error.constraint() {
            Some("patient_national_id_unique" | "patient_identifier_unique") => {
                Self::IdentifierExists
            }
            Some("patient_user_unique") => Self::AlreadyRegistered,
            _ => Self::Storage(error),
        }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::IdentifierExists => Self::conflict(
                "IDENTIFIER_EXISTS",
                "Somebody is registered with this identifier.",
            ),
            IdentityError::AlreadyRegistered => {
                Self::conflict("ALREADY_REGISTERED", "This account has a patient record.")
            }
            IdentityError::Storage(error) => error.into(),
            IdentityError::Vault(error) => error.into(),
        }
    }
}

/// Why a record does not take a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It points to another one now.
    #[error("the record was merged into {0}")]
    Merged(PatientId),
    /// It is closed.
    #[error("the record is closed")]
    Inactive,
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Merged(survivor) => Self::conflict(
                "PATIENT_MERGED",
                "The record was merged into another one; use that one.",
            )
            .with("mergedIntoId", serde_json::json!(survivor)),
            StateError::Inactive => Self::conflict("PATIENT_INACTIVE", "The record is closed."),
        }
    }
}

impl Patient {
    /// Whether anything may still be written to the record: a merged one is history.
    ///
    /// # Errors
    /// [`StateError::Merged`].
    pub fn writable(&self) -> Result<(), StateError> {
        match self.survivor_id {
            Some(survivor) => Err(StateError::Merged(survivor)),
            None => Ok(()),
        }
    }

    /// Whether the record can be closed.
    ///
    /// # Errors
    /// When it is merged or closed already.
    pub fn deactivatable(&self) -> Result<(), StateError> {
        self.writable()?;
        if self.status == Status::Inactive {
            Err(StateError::Inactive)
        } else {
            Ok(())
        }
    }
}

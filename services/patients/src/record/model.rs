//! What all entries of the record have in common.

use galen_contracts::ids::{PatientId, UserId};
use galen_kernel::{Id, Problem, Text, Timestamp, Violations};
use galen_storage::Error;
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::named::named;
use crate::patient::demographics::Identifier;

/// Marker of the ids of entries.
pub enum EntryKind {}
/// The id of an entry.
pub type EntryId = Id<EntryKind>;

/// How far a device's clock may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

named! {
    /// What an entry is.
    #[schema(as = RecordKind)]
    pub enum Kind {
        /// An allergy or intolerance.
        Allergy = "ALLERGY",
        /// A problem or diagnosis.
        Condition = "CONDITION",
        /// A note.
        Note = "NOTE",
        /// A vital sign.
        Vital = "VITAL",
    }
}

/// A concept of a terminology, such as SNOMED CT.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coding {
    /// The terminology: a URI.
    pub system: Text<255>,
    /// The code in it.
    pub code: Text<64>,
    /// What a person reads.
    pub display: Text<255>,
}

/// A concept of a terminology, as it is given and shown (FHIR `Coding`).
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Coding)]
pub struct CodingBody {
    /// The terminology: a URI.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("http://snomed.info/sct")
    )]
    pub system: String,
    /// The code in it.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("91936005")
    )]
    pub code: String,
    /// What a person reads.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Allergy to penicillin")
    )]
    pub display: String,
}

impl CodingBody {
    /// Reads a concept.
    pub fn read(&self, violations: &mut Violations, pointer: &str) -> Option<Coding> {
        let system = Text::line(violations, &format!("{pointer}/system"), &self.system);
        let code = Text::line(violations, &format!("{pointer}/code"), &self.code);
        let display = Text::line(violations, &format!("{pointer}/display"), &self.display);
        Some(Coding {
            system: system?,
            code: code?,
            display: display?,
        })
    }
}

impl From<Coding> for CodingBody {
    fn from(
        Coding {
            system,
            code,
            display,
        }: Coding,
    ) -> Self {
        Self {
            system: system.into(),
            code: code.into(),
            display: display.into(),
        }
    }
}

/// Who marked an entry as a mistake, when and why.
#[derive(Clone)]
pub struct ErrorMark {
    /// Who.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Text<500>,
}

/// An entry without what it says.
#[derive(Clone)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// The record it was written into.
    pub patient_id: PatientId,
    /// When it was true of the patient.
    pub happened_at: Timestamp,
    /// Who wrote it.
    pub recorded_by: UserId,
    /// When it was written.
    pub recorded_at: Timestamp,
    /// The entry it takes the place of.
    pub amends: Option<EntryId>,
    /// The entry that takes its place, as seen from the record that was read.
    pub amended_by: Option<EntryId>,
    /// Its number in another system.
    pub source: Option<Identifier>,
    /// Marked as a mistake.
    pub error: Option<ErrorMark>,
    /// Rises by one per change.
    pub version: i64,
}

/// Why an entry is not recorded or marked.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// What it amends is not an entry of this kind in this record.
    #[error("there is no such entry to amend")]
    NothingToAmend,
    /// Another entry amends it already.
    #[error("the entry is amended")]
    AlreadyAmended,
    /// It was a mistake.
    #[error("the entry was made in error")]
    InError,
    /// An entry with this number of another system is there.
    #[error("the identifier exists")]
    IdentifierExists,
    /// The database failed.
    #[error(transparent)]
    Storage(Error),
    /// What it says was not sealed.
    #[error(transparent)]
    Sealing(galen_vault::Error),
}

impl From<Error> for EntryError {
    fn from(error: Error) -> Self {
        match error.constraint() {
            Some("entry_amended_once") => Self::AlreadyAmended,
            Some("entry_source_value_unique") => Self::IdentifierExists,
            _ => Self::Storage(error),
        }
    }
}

impl From<galen_vault::Error> for EntryError {
    fn from(error: galen_vault::Error) -> Self {
        match error {
            galen_vault::Error::Storage(error) => error.into(),
            error => Self::Sealing(error),
        }
    }
}

impl From<EntryError> for Problem {
    fn from(error: EntryError) -> Self {
        match error {
            EntryError::NothingToAmend => Self::not_found()
                .with_detail("there is no such entry of this kind in this record to amend"),
            EntryError::AlreadyAmended => Self::conflict(
                "ALREADY_AMENDED",
                "Another entry amends this one; amend that one.",
            ),
            EntryError::InError => {
                Self::conflict("ENTRY_IN_ERROR", "The entry is marked as made in error.")
            }
            EntryError::IdentifierExists => Self::conflict(
                "IDENTIFIER_EXISTS",
                "An entry with this identifier is recorded.",
            ),
            EntryError::Storage(error) => error.into(),
            EntryError::Sealing(error) => error.into(),
        }
    }
}

impl Entry {
    /// Whether the entry still stands: neither amended nor a mistake.
    ///
    /// # Errors
    /// When it does not.
    pub const fn stands(&self) -> Result<(), EntryError> {
        if self.error.is_some() {
            Err(EntryError::InError)
        } else if self.amended_by.is_some() {
            Err(EntryError::AlreadyAmended)
        } else {
            Ok(())
        }
    }
}

/// The instant a day begins at the hospital: where a day stands on the timeline. What
/// begins today has begun by now.
#[must_use]
pub fn beginning(day: Date, zone: &TimeZone, now: Timestamp) -> Timestamp {
    day.to_zoned(zone.clone())
        .map_or(now, |start| start.timestamp().min(now))
}

/// The latest instant that an entry may be about.
#[must_use]
pub fn latest(now: Timestamp) -> Timestamp {
    now.saturating_add(CLOCK_SKEW).unwrap_or(now)
}

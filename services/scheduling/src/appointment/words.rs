//! What somebody says about an appointment: why they come, and why they do not. Sealed
//! with the data key of the patient whom it was booked for.
//!
//! A key is made for who says something, and looked up for what was said: appointments
//! without words cost nothing.

use galen_contracts::ids::{AppointmentId, PatientId};
use galen_kernel::{Pii, Violations};
use galen_vault::{Column, Error, Keyring, Sealed, SealedColumn, Vault};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::model::Appointment;
use crate::field;

/// The most characters of a text. The schema says the same.
const MOST: usize = 500;

/// Why a patient comes.
pub(crate) const REASON: Column<Words> = Column::new("scheduling", "appointment", "sealed_reason");

/// Why a patient does not come.
pub(crate) const NOTE: Column<Words> =
    Column::new("scheduling", "appointment", "sealed_cancellation_note");

/// What is sealed of appointments.
pub(crate) const SEALED: &[SealedColumn] = &[
    SealedColumn {
        place: REASON.place(),
        row: "id",
        subject: "t.patient_id",
    },
    SealedColumn {
        place: NOTE.place(),
        row: "id",
        subject: "t.patient_id",
    },
];

/// A text of 1 to 500 characters without NUL. What is sealed cannot be looked at by a
/// constraint of the database: the type keeps everything else out, on its way in and on
/// its way back. Personal: has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Words(String);

/// It is empty, too long, or holds NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MOST} characters")]
pub struct WordsError;

impl Words {
    /// Reads a field of a request.
    pub fn read(wrong: &mut Violations, pointer: &str, given: &str) -> Option<Pii<Self>> {
        field::text(wrong, pointer, given, MOST).map(|text| Pii::new(Self(text)))
    }
}

impl TryFrom<String> for Words {
    type Error = WordsError;

    fn try_from(text: String) -> Result<Self, WordsError> {
        if text.is_empty() || text.contains('\0') || text.chars().count() > MOST {
            Err(WordsError)
        } else {
            Ok(Self(text))
        }
    }
}

impl From<Words> for String {
    fn from(words: Words) -> Self {
        words.0
    }
}

/// Seals what is said about an appointment; when nothing is, nothing is asked.
///
/// # Errors
/// When the patient was erased, or the database or the master keys fail.
pub(crate) async fn seal(
    vault: &Vault,
    db: &mut PgConnection,
    column: &Column<Words>,
    (patient, id): (PatientId, AppointmentId),
    words: Option<&Pii<Words>>,
) -> Result<Option<Sealed<Words>>, Error> {
    let Some(words) = words else {
        return Ok(None);
    };
    let key = vault.key_of(db, patient).await?;
    key.seal(column, id, words.expose()).map(Some)
}

/// The keys for all that is said about these appointments, asked for at once.
///
/// # Errors
/// When the database or the master keys fail.
pub(crate) async fn keyring(
    vault: &Vault,
    db: &mut PgConnection,
    appointments: &[Appointment],
) -> Result<Keyring, Error> {
    let mut keys = Vec::new();
    for appointment in appointments {
        let cancellation = appointment.cancellation.as_ref();
        let note = cancellation.and_then(|cancellation| cancellation.note.as_ref());
        let said = appointment.reason.iter().chain(note);
        keys.extend(said.filter_map(Sealed::key_id));
    }
    vault.keyring_of(db, keys).await
}

/// Opens what is said about an appointment. What was said by or about who was erased is
/// as if it had never been said.
///
/// # Errors
/// When it is not exactly what was sealed for this appointment.
pub(crate) fn open(
    ring: &Keyring,
    column: &Column<Words>,
    (patient, id): (PatientId, AppointmentId),
    sealed: Option<&Sealed<Words>>,
) -> Result<Option<Pii<Words>>, Error> {
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    match ring.open(column, patient, id, sealed) {
        Ok(words) => Ok(Some(words)),
        Err(Error::Erased) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_is_kept_and_comes_back(text in any::<String>()) {
            if let Some(words) = Words::read(&mut Violations::new(), "/reason", &text) {
                let stored = serde_json::to_string(words.expose()).expect("words are data");
                let back: Words = serde_json::from_str(&stored).expect("they were kept");
                prop_assert_eq!(String::from(back), text.trim());
            }
        }

        #[test]
        fn nothing_else_comes_back(length in 0_usize..1002, nul in any::<bool>()) {
            let text = format!("{}{}", "ü".repeat(length), if nul { "\0" } else { "" });
            let stored = serde_json::to_string(&text).expect("a text is data");
            let kept = serde_json::from_str::<Words>(&stored).is_ok();
            prop_assert_eq!(kept, !nul && (1..=MOST).contains(&length));
        }
    }
}

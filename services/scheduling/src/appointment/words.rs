//! What somebody says about an appointment: why they come, and why they do not. Sealed
//! with the data key of the patient whom it was booked for.
//!
//! A key is made for who says something, and looked up for what was said: appointments
//! without words cost nothing.

use galen_contracts::ids::{AppointmentId, PatientId};
use galen_kernel::{Pii, Text};
use galen_vault::{Column, Error, Keyring, Sealed, SealedColumn, Vault};
use sqlx::PgConnection;

use super::model::Appointment;
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

/// A text of 1 to 500 characters. The schema says the same.
pub type Words = Text<500>;

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
    ring.open_unless_erased(column, patient, id, sealed)
}

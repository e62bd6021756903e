//! What somebody writes about money: why something was charged by hand, credited, given
//! up or given back. Sealed with the data key of the patient whom it concerns.

use galen_contracts::ids::PatientId;
use galen_kernel::{Pii, Problem, Text};
use galen_vault::{Column, Error, Keyring, Sealed, SealedColumn, Vault};
use sqlx::PgConnection;
use uuid::Uuid;

/// Why something was charged by hand.
pub(crate) const CHARGED: Column<Words> = Column::new("billing", "charge", "sealed_reason");

/// Why something is credited, given up or given back.
pub(crate) const ADJUSTED: Column<Words> = Column::new("billing", "adjustment", "sealed_reason");

/// What is sealed.
pub(crate) const SEALED: &[SealedColumn] = &[
    SealedColumn {
        place: CHARGED.place(),
        row: "id",
        subject: "t.patient_id",
    },
    SealedColumn {
        place: ADJUSTED.place(),
        row: "id",
        subject: "t.patient_id",
    },
];

/// A text of 1 to 500 characters. The schema says the same.
pub(crate) type Words = Text<500>;

/// Seals a text.
///
/// # Errors
/// 409 when the patient was erased, or when the database or the master keys fail.
pub(crate) async fn seal(
    vault: &Vault,
    db: &mut PgConnection,
    column: &Column<Words>,
    (patient, row): (PatientId, Uuid),
    words: &Pii<Words>,
) -> Result<Sealed<Words>, Problem> {
    let sealed = match vault.key_of(db, patient).await {
        Ok(key) => key.seal(column, row, words.expose()),
        Err(error) => Err(error),
    };
    sealed.map_err(|error| match error {
        Error::Erased => Problem::conflict(
            "SUBJECT_ERASED",
            "The person's data were erased: nothing is written about them any more.",
        ),
        error => error.into(),
    })
}

/// The keys for some texts, asked for at once.
///
/// # Errors
/// When the database or the master keys fail.
pub(crate) async fn keyring<'a>(
    vault: &Vault,
    db: &mut PgConnection,
    texts: impl Iterator<Item = &'a Sealed<Words>>,
) -> Result<Keyring, Error> {
    vault
        .keyring_of(db, texts.filter_map(Sealed::key_id).collect())
        .await
}

/// Opens a text. What was written about who was erased is as if it had never been.
///
/// # Errors
/// When it is not exactly what was sealed for this row.
pub(crate) fn open(
    ring: &Keyring,
    column: &Column<Words>,
    (patient, row): (PatientId, Uuid),
    sealed: Option<&Sealed<Words>>,
) -> Result<Option<Pii<Words>>, Error> {
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    ring.open_unless_erased(column, patient, row, sealed)
}

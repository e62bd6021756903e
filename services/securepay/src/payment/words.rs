//! What somebody writes about a payment. Sealed with the data key of the payer, where
//! that is a patient; else of the payee, where that is one; else of the payer's wallet.

use galen_kernel::Text;
use galen_vault::{Column, Sealed, SealedColumn};
use uuid::Uuid;

use crate::account::{Account, Owner};

/// Where descriptions are kept.
pub(crate) const DESCRIPTION: Column<Words> = Column::new("securepay", "payment", "description");

/// What is sealed of payments.
pub(crate) const SEALED: SealedColumn = SealedColumn {
    place: DESCRIPTION.place(),
    row: "id",
    subject: "t.subject",
};

/// A sealed description, and whose key it is.
#[derive(Debug, Clone)]
pub struct Described {
    /// Whom it is about.
    pub subject: Uuid,
    /// What was written.
    pub words: Sealed<Words>,
}

/// A text of 1 to 500 characters. The schema says the same.
pub type Words = Text<500>;

/// Whom what is written about a payment is about.
#[must_use]
pub fn subject(from: &Account, to: &Account) -> Uuid {
    match (from.owner, to.owner) {
        (Owner::Patient(patient), _) | (_, Owner::Patient(patient)) => patient,
        _ => from.public_id.uuid(),
    }
}

//! A payer. Pure.

use galen_kernel::{Id, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a [`PayerId`] identifies.
pub enum PayerMark {}
/// A payer's id.
pub type PayerId = Id<PayerMark>;

/// What kind of payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PayerKind)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// Insures people.
    Insurer,
    /// The public purse.
    Government,
    /// Pays for those who work there.
    Employer,
    /// Anybody else.
    Other,
}

impl Kind {
    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Insurer => "INSURER",
            Self::Government => "GOVERNMENT",
            Self::Employer => "EMPLOYER",
            Self::Other => "OTHER",
        }
    }

    /// Reads what [`Kind::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::Insurer, Self::Government, Self::Employer, Self::Other]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// Who pays for care besides patients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payer {
    /// Its id.
    pub id: PayerId,
    /// Its name.
    pub name: String,
    /// What kind of payer.
    pub kind: Kind,
    /// What it is called in claims.
    pub identifier: Option<String>,
    /// Whether plans of it may be published.
    pub active: bool,
    /// Rises by one with every change.
    pub version: i64,
}

/// Why a command on a payer is refused.
#[derive(Debug, thiserror::Error)]
pub enum PayerError {
    /// There is none.
    #[error("no such payer")]
    Unknown,
    /// Another one has the identifier.
    #[error("the identifier is taken")]
    IdentifierExists,
    /// The database failed.
    #[error(transparent)]
    Storage(galen_storage::Error),
}

impl From<galen_storage::Error> for PayerError {
    fn from(error: galen_storage::Error) -> Self {
        match error.constraint() {
            Some("payer_identifier_once") => Self::IdentifierExists,
            _ => Self::Storage(error),
        }
    }
}

impl From<PayerError> for Problem {
    fn from(error: PayerError) -> Self {
        match error {
            PayerError::Unknown => Self::not_found(),
            PayerError::IdentifierExists => {
                Self::conflict("IDENTIFIER_EXISTS", "Another payer has this identifier.")
            }
            PayerError::Storage(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for kind in [Kind::Insurer, Kind::Government, Kind::Employer, Kind::Other] {
            assert_eq!(Kind::read(kind.name()), Some(kind));
        }
        assert_eq!(Kind::read("insurer"), None);
    }
}

//! An organisation. Pure.

use galen_kernel::{Id, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::practitioner::model::Identifier;

/// What an [`OrganizationId`] identifies.
pub enum OrganizationKind {}

/// An organisation's id.
pub type OrganizationId = Id<OrganizationKind>;

/// What an organisation is to the hospital (FHIR organization-type `prov`, `pay`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OrganizationKind)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// Provides care.
    Provider,
    /// Pays for care.
    Payer,
    /// Anything else.
    Other,
}

impl Kind {
    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "PROVIDER",
            Self::Payer => "PAYER",
            Self::Other => "OTHER",
        }
    }

    /// Reads what [`Kind::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::Provider, Self::Payer, Self::Other]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OrganizationAddress)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Address {
    /// Street and number.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub line: String,
    /// City.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub city: String,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub state: Option<String>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        min_length = 1,
        max_length = 20,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub postal_code: Option<String>,
    /// Country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub country: Option<String>,
}

/// A registered organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// What it is to the hospital.
    pub kind: Kind,
    /// How to call it.
    pub phone: Option<String>,
    /// Where it is.
    pub address: Option<Address>,
    /// What other systems call it.
    pub identifiers: Vec<Identifier>,
    /// Rises by one with every change.
    pub version: i64,
}

/// Why a command on an organisation is refused.
#[derive(Debug, thiserror::Error)]
pub enum OrganizationError {
    /// There is none.
    #[error("no such organisation")]
    Unknown,
    /// Another one has an identifier.
    #[error("an identifier is registered")]
    IdentifierExists,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
}

impl From<OrganizationError> for Problem {
    fn from(error: OrganizationError) -> Self {
        match error {
            OrganizationError::Unknown => Self::not_found(),
            OrganizationError::IdentifierExists => Self::conflict(
                "IDENTIFIER_EXISTS",
                "Another organisation has one of these identifiers.",
            ),
            OrganizationError::Storage(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for kind in [Kind::Provider, Kind::Payer, Kind::Other] {
            assert_eq!(Kind::read(kind.name()), Some(kind));
        }
        assert_eq!(Kind::read("provider"), None);
    }
}

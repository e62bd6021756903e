//! Parts of requests and answers that are given as they are shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::demographics::{Address, Identifier};

/// A postal address, as it is given and shown.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PatientAddress)]
pub struct AddressBody {
    /// Street and house number.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("1 Main Street")
    )]
    pub line: String,
    /// City.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Boston")
    )]
    pub city: String,
    /// State or province.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub state: Option<String>,
    /// Postal code.
    #[schema(
        min_length = 1,
        max_length = 20,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(min_length = 2, max_length = 2, pattern = "^[A-Z]{2}$", examples("US"))]
    pub country: Option<String>,
}

impl From<Address> for AddressBody {
    fn from(address: Address) -> Self {
        let Address {
            line,
            city,
            state,
            postal_code,
            country,
        } = address;
        Self {
            line,
            city,
            state,
            postal_code,
            country,
        }
    }
}

/// A number by which another system knows a person or an entry, as it is given and shown.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PatientIdentifier)]
pub struct IdentifierBody {
    /// Whose number it is: a URI without `|`.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^|\x00-\x1f\x7f-\x9f]*[^|\s\x00-\x1f\x7f-\x9f][^|\x00-\x1f\x7f-\x9f]*$",
        examples("https://hospital.example/patients")
    )]
    pub system: String,
    /// The number.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("9971058")
    )]
    pub value: String,
}

impl From<Identifier> for IdentifierBody {
    fn from(Identifier { system, value }: Identifier) -> Self {
        Self { system, value }
    }
}

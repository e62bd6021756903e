//! What an allergy says (FHIR R4 `AllergyIntolerance`).

use galen_kernel::Text;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::model::{Coding, CodingBody, Entry};
use super::super::view::EntryView;
use crate::named::named;

named! {
    /// Whether the allergy still is one.
    #[schema(as = AllergyStatus)]
    pub enum Status {
        /// It is.
        Active = "ACTIVE",
        /// It is not at the moment.
        Inactive = "INACTIVE",
        /// It is over.
        Resolved = "RESOLVED",
    }
}

named! {
    /// What the patient is allergic to.
    #[schema(as = AllergyCategory)]
    pub enum Category {
        /// Food.
        Food = "FOOD",
        /// A medicine.
        Medication = "MEDICATION",
        /// Something in the surroundings.
        Environment = "ENVIRONMENT",
        /// A preparation of living tissue.
        Biologic = "BIOLOGIC",
    }
}

named! {
    /// How bad a reaction could become.
    #[schema(as = AllergyCriticality)]
    pub enum Criticality {
        /// Not life-threatening.
        Low = "LOW",
        /// Life-threatening.
        High = "HIGH",
        /// Not known.
        UnableToAssess = "UNABLE_TO_ASSESS",
    }
}

/// An allergy: what is sealed of it. Fields may be added as optional ones, and bounds
/// be widened; whatever was ever recorded has to be read.
#[derive(Clone, Serialize, Deserialize)]
pub struct Allergy {
    /// To what.
    pub code: Coding,
    /// Whether it still is one.
    pub clinical_status: Status,
    /// What kind.
    pub category: Option<Category>,
    /// How bad it could become.
    pub criticality: Option<Criticality>,
    /// What happens.
    pub reaction: Option<Text<500>>,
    /// Since when.
    pub onset: Option<Date>,
}

/// An allergy in the record.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Allergy)]
pub struct AllergyView {
    /// The entry.
    #[serde(flatten)]
    entry: EntryView,
    /// To what.
    code: CodingBody,
    /// Whether it still is one.
    clinical_status: Status,
    /// What kind.
    category: Option<Category>,
    /// How bad it could become.
    criticality: Option<Criticality>,
    /// What happens.
    reaction: Option<String>,
    /// Since when.
    onset: Option<Date>,
}

impl From<(Entry, Allergy)> for AllergyView {
    fn from((entry, allergy): (Entry, Allergy)) -> Self {
        let Allergy {
            code,
            clinical_status,
            category,
            criticality,
            reaction,
            onset,
        } = allergy;
        Self {
            entry: entry.into(),
            code: code.into(),
            clinical_status,
            category,
            criticality,
            reaction: reaction.map(String::from),
            onset,
        }
    }
}

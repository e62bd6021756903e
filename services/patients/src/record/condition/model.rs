//! What a condition says (FHIR R4 `Condition`).

use galen_kernel::Violations;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::model::{Coding, CodingBody, Entry};
use super::super::view::EntryView;
use crate::named::named;

named! {
    /// The course of a condition (FHIR `condition-clinical`).
    #[schema(as = ConditionStatus)]
    pub enum Status {
        /// There.
        Active = "ACTIVE",
        /// There again.
        Recurrence = "RECURRENCE",
        /// There again after getting better.
        Relapse = "RELAPSE",
        /// Not there at the moment.
        Inactive = "INACTIVE",
        /// Better.
        Remission = "REMISSION",
        /// Over.
        Resolved = "RESOLVED",
    }
}

/// A condition: what is sealed of it. Fields may be added as optional ones, and bounds
/// be widened; whatever was ever recorded has to be read.
#[derive(Clone, Serialize, Deserialize)]
pub struct Condition {
    /// Which.
    pub code: Coding,
    /// Its course.
    pub clinical_status: Status,
    /// When it was there.
    pub period: Period,
}

/// Since when and until when, where that is known; it does not end before it begins.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Days")]
pub struct Period {
    onset: Option<Date>,
    abatement: Option<Date>,
}

/// It ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must not lie before onset")]
pub struct BeforeOnset;

impl Period {
    /// From a day to a day.
    ///
    /// # Errors
    /// [`BeforeOnset`].
    pub fn new(onset: Option<Date>, abatement: Option<Date>) -> Result<Self, BeforeOnset> {
        match (onset, abatement) {
            (Some(onset), Some(abatement)) if abatement < onset => Err(BeforeOnset),
            _ => Ok(Self { onset, abatement }),
        }
    }

    /// Reads it, noting what contradicts itself.
    pub fn read(
        violations: &mut Violations,
        onset: Option<Date>,
        abatement: Option<Date>,
    ) -> Option<Self> {
        Self::new(onset, abatement)
            .map_err(|error| violations.push("/abatement", "BEFORE_ONSET", error.to_string()))
            .ok()
    }

    /// Since when.
    #[must_use]
    pub const fn onset(self) -> Option<Date> {
        self.onset
    }

    /// Until when.
    #[must_use]
    pub const fn abatement(self) -> Option<Date> {
        self.abatement
    }
}

/// Two days, as they are stored.
#[derive(Deserialize)]
struct Days {
    onset: Option<Date>,
    abatement: Option<Date>,
}

impl TryFrom<Days> for Period {
    type Error = BeforeOnset;

    fn try_from(days: Days) -> Result<Self, BeforeOnset> {
        Self::new(days.onset, days.abatement)
    }
}

/// A condition in the record.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Condition)]
pub struct ConditionView {
    /// The entry.
    #[serde(flatten)]
    entry: EntryView,
    /// Which.
    code: CodingBody,
    /// Its course.
    clinical_status: Status,
    /// Since when.
    onset: Option<Date>,
    /// Until when.
    abatement: Option<Date>,
}

impl From<(Entry, Condition)> for ConditionView {
    fn from((entry, condition): (Entry, Condition)) -> Self {
        let Condition {
            code,
            clinical_status,
            period,
        } = condition;
        Self {
            entry: entry.into(),
            code: code.into(),
            clinical_status,
            onset: period.onset,
            abatement: period.abatement,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_ends_before_it_begins(days in -1_000_i64..1_000) {
            let onset = date(2020, 6, 1);
            let abatement = onset + days.days();
            let period = Period::new(Some(onset), Some(abatement));
            prop_assert_eq!(period.is_ok(), 0 <= days);
            let stored = format!(r#"{{"onset":"{onset}","abatement":"{abatement}"}}"#);
            let read = serde_json::from_str::<Period>(&stored).ok();
            prop_assert!(read == period.ok());
        }
    }
}

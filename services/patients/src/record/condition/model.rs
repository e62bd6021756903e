//! What a condition says (FHIR R4 `Condition`).

use galen_kernel::Violations;
use jiff::civil::Date;
use serde::Serialize;
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

/// A condition.
#[derive(Clone)]
pub struct Condition {
    /// Which.
    pub code: Coding,
    /// Its course.
    pub clinical_status: Status,
    /// Since when.
    pub onset: Option<Date>,
    /// Until when.
    pub abatement: Option<Date>,
}

impl Condition {
    /// Notes what contradicts itself.
    pub fn check(&self, violations: &mut Violations) {
        let ordered = self
            .onset
            .zip(self.abatement)
            .is_none_or(|(onset, abatement)| onset <= abatement);
        violations.require(
            ordered,
            "/abatement",
            "BEFORE_ONSET",
            "must not lie before onset",
        );
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
            onset,
            abatement,
        } = condition;
        Self {
            entry: entry.into(),
            code: code.into(),
            clinical_status,
            onset,
            abatement,
        }
    }
}

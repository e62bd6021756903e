//! A shift as the API shows one.

use galen_kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Shift, ShiftKind};

/// A time that a practitioner works.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shift)]
#[serde(rename_all = "camelCase")]
pub struct ShiftView {
    /// Its id.
    pub id: Uuid,
    /// Who works.
    pub practitioner_id: Uuid,
    /// What for.
    pub kind: ShiftKind,
    /// From then on.
    pub start: Timestamp,
    /// Up to then.
    pub end: Timestamp,
    /// The weekly pattern it was made from; absent when planned by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern_id: Option<Uuid>,
    /// For `If-Match`.
    pub version: i64,
}

impl From<Shift> for ShiftView {
    fn from(shift: Shift) -> Self {
        Self {
            id: shift.id.uuid(),
            practitioner_id: shift.practitioner.uuid(),
            kind: shift.kind,
            start: shift.during.start(),
            end: shift.during.end(),
            pattern_id: shift.origin.map(|(pattern, _)| pattern.uuid()),
            version: shift.version,
        }
    }
}

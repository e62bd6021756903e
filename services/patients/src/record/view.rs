//! What the API shows of any entry.

use galen_kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Entry, ErrorMark};
use crate::patient::body::IdentifierBody;

/// An entry was a mistake.
#[derive(Serialize, ToSchema)]
#[schema(as = EnteredInError)]
pub struct ErrorView {
    /// Who said so.
    by: Uuid,
    /// When.
    at: Timestamp,
    /// Why.
    reason: String,
}

impl From<ErrorMark> for ErrorView {
    fn from(mark: ErrorMark) -> Self {
        Self {
            by: mark.by.uuid(),
            at: mark.at,
            reason: mark.reason.into(),
        }
    }
}

/// What all entries of the record have in common.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecordEntry)]
pub struct EntryView {
    /// Id of the entry.
    id: Uuid,
    /// The record it was written into: after a merge, maybe the retired one.
    patient_id: Uuid,
    /// The user who wrote it.
    recorded_by: Uuid,
    /// When it was written.
    recorded_at: Timestamp,
    /// The earlier entry it takes the place of.
    amends: Option<Uuid>,
    /// The later entry that takes its place.
    amended_by: Option<Uuid>,
    /// Its number in another system.
    identifier: Option<IdentifierBody>,
    /// Set when it was a mistake.
    entered_in_error: Option<ErrorView>,
    /// Rises by one per change; also the `ETag`.
    version: i64,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id.uuid(),
            patient_id: entry.patient_id.uuid(),
            recorded_by: entry.recorded_by.uuid(),
            recorded_at: entry.recorded_at,
            amends: entry.amends.map(|id| id.uuid()),
            amended_by: entry.amended_by.map(|id| id.uuid()),
            identifier: entry.source.map(IdentifierBody::from),
            entered_in_error: entry.error.map(ErrorView::from),
            version: entry.version,
        }
    }
}

//! What is shown of an erasure to those who decide about it.

use galen_kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Erasure, State, Status};

/// A request to erase somebody.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Erasure)]
pub struct ErasureView {
    /// Its id.
    id: Uuid,
    /// Whose record; the others of the same person go with it.
    patient_id: Uuid,
    /// What became of it.
    status: Status,
    /// Why; null once the person is erased.
    reason: Option<String>,
    /// The account that asked.
    requested_by: Uuid,
    /// When.
    requested_at: Timestamp,
    /// The account that decided.
    decided_by: Option<Uuid>,
    /// When.
    decided_at: Option<Timestamp>,
    /// Since when the keys of the patients service are erased.
    completed_at: Option<Timestamp>,
    /// Rises by one per change; also the `ETag`.
    version: i64,
}

impl From<Erasure> for ErasureView {
    fn from(erasure: Erasure) -> Self {
        let decision = erasure.decision();
        Self {
            status: erasure.status(),
            version: erasure.version(),
            id: erasure.id.uuid(),
            patient_id: erasure.patient_id.uuid(),
            reason: erasure.reason.map(String::from),
            requested_by: erasure.requested_by.uuid(),
            requested_at: erasure.requested_at,
            decided_by: decision.map(|decision| decision.by.uuid()),
            decided_at: decision.map(|decision| decision.at),
            completed_at: match erasure.state {
                State::Approved(_, completed_at) => completed_at,
                State::Open | State::Rejected(_) => None,
            },
        }
    }
}

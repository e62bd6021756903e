//! A leave as the API shows one, and who may see which part.

use galen_access::{Permission, Principal};
use galen_kernel::{Pii, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Leave, LeaveKind, LeaveStatus};

/// A time that a practitioner is away.
#[derive(Serialize, ToSchema)]
#[schema(as = Leave)]
#[serde(rename_all = "camelCase")]
pub struct LeaveView {
    /// Its id.
    pub id: Uuid,
    /// Who is away.
    pub practitioner_id: Uuid,
    /// From then on.
    pub start: Timestamp,
    /// Up to then.
    pub end: Timestamp,
    /// What for; shown to those who decide and to the practitioner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<LeaveKind>,
    /// In the practitioner's words; shown to those who decide and to the practitioner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it stands.
    pub status: LeaveStatus,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was approved or rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// The account that approved or rejected it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Uuid>,
    /// For `If-Match`.
    pub version: i64,
}

impl LeaveView {
    /// What `caller` may see of a leave.
    #[must_use]
    pub fn of(leave: Leave, caller: &Principal) -> Self {
        let why = caller.may(Permission::LeaveDecide)
            || caller.practitioner_id == Some(leave.practitioner);
        Self {
            id: leave.id.uuid(),
            practitioner_id: leave.practitioner.uuid(),
            start: leave.during.start(),
            end: leave.during.end(),
            kind: why.then_some(leave.kind),
            reason: leave.reason.filter(|_| why).map(Pii::into_inner),
            status: leave.status,
            requested_at: leave.requested_at,
            decided_at: leave.decision.map(|decision| decision.at),
            decided_by: leave.decision.map(|decision| decision.by.uuid()),
            version: leave.version,
        }
    }
}

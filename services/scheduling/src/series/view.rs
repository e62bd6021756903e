//! A series as the API shows it.

use galen_kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Conflict, Frequency, Reason, Series};
use crate::appointment::view::AppointmentView;
use crate::service_type::ServiceType;

/// An occurrence that was not booked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeriesConflict)]
#[serde(rename_all = "camelCase")]
pub struct ConflictView {
    /// When it would have begun.
    pub start: Timestamp,
    /// Why not.
    pub reason: Reason,
}

impl From<Conflict> for ConflictView {
    fn from(conflict: Conflict) -> Self {
        Self {
            start: conflict.start,
            reason: conflict.reason,
        }
    }
}

/// A series of appointments.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppointmentSeries)]
#[serde(rename_all = "camelCase")]
pub struct SeriesView {
    /// Its id.
    pub series_id: Uuid,
    /// Whose.
    pub patient_id: Uuid,
    /// With whom.
    pub practitioner_id: Uuid,
    /// What for.
    pub service_type: ServiceType,
    /// When the first one begins.
    pub first_start: Timestamp,
    /// How long each one takes.
    pub duration_minutes: i64,
    /// How often.
    pub frequency: Frequency,
    /// Every how many days, weeks or months.
    pub interval: i16,
    /// How many were wanted.
    pub count: i16,
    /// When the rest was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Timestamp>,
    /// The appointments, by start, whatever became of them.
    pub booked: Vec<AppointmentView>,
    /// The occurrences that were not booked, by start.
    pub conflicts: Vec<ConflictView>,
    /// For `If-Match`.
    pub version: i64,
}

impl SeriesView {
    /// A series with what became of it.
    #[must_use]
    pub fn of(series: &Series, booked: Vec<AppointmentView>, conflicts: Vec<Conflict>) -> Self {
        Self {
            series_id: series.id.uuid(),
            patient_id: series.patient.uuid(),
            practitioner_id: series.practitioner.uuid(),
            service_type: series.service_type,
            first_start: series.recurrence.first.start(),
            duration_minutes: series.recurrence.first.length().as_mins(),
            frequency: series.recurrence.frequency,
            interval: series.recurrence.every,
            count: series.recurrence.count,
            cancelled_at: series.cancelled_at,
            booked,
            conflicts: conflicts.into_iter().map(ConflictView::from).collect(),
            version: series.version,
        }
    }
}

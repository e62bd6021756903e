//! What is shown of a broken glass to those who judge it, and to who broke it.

use galen_kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{BreakGlass, Outcome, Review, Status};

/// One time that somebody broke the glass.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BreakGlass)]
pub struct BreakGlassView {
    /// Its id.
    id: Uuid,
    /// Whose record was opened.
    patient_id: Uuid,
    /// The account that reaches it.
    user_id: Uuid,
    /// The practitioner whom the account belonged to.
    practitioner_id: Uuid,
    /// Why, in their words.
    reason: String,
    /// Since when the record is open.
    opened_at: Timestamp,
    /// The instant from which it is closed again.
    until: Timestamp,
    /// Whether somebody has judged it.
    status: Status,
    /// What they thought.
    review: Option<ReviewView>,
    /// Rises by one per change; also the `ETag`.
    version: i64,
}

/// A judgement.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BreakGlassReview)]
pub struct ReviewView {
    /// What was thought.
    outcome: Outcome,
    /// Why.
    comment: String,
    /// The account of who judged.
    reviewed_by: Uuid,
    /// When.
    reviewed_at: Timestamp,
}

impl From<BreakGlass> for BreakGlassView {
    fn from(glass: BreakGlass) -> Self {
        Self {
            status: glass.status(),
            version: glass.version(),
            id: glass.id.uuid(),
            patient_id: glass.patient_id.uuid(),
            user_id: glass.user_id.uuid(),
            practitioner_id: glass.practitioner_id.uuid(),
            reason: glass.reason.into(),
            opened_at: glass.opened_at,
            until: glass.until,
            review: glass.review.map(ReviewView::from),
        }
    }
}

impl From<Review> for ReviewView {
    fn from(review: Review) -> Self {
        Self {
            outcome: review.outcome,
            comment: review.comment.into(),
            reviewed_by: review.by.uuid(),
            reviewed_at: review.at,
        }
    }
}

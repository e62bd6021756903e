//! Judging whether the glass was rightly broken.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::patients::v1::BreakGlassReviewed;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Text, Violations};
use galen_service::{Answer, Body, Cx, Needs, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{BreakGlassId, Outcome, Review};
use super::store;
use super::view::BreakGlassView;
use crate::Patients;
use crate::patient::reach::reach_everybody;

/// Judges one time that somebody broke the glass.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewBreakGlass {
    /// What is thought of it.
    outcome: Outcome,
    /// Why.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Was on duty in the emergency room")
    )]
    comment: String,
}

impl Requires for ReviewBreakGlass {
    const NEEDS: Needs = Needs::Permission(Permission::BreakGlassReview);
}

/// Judge a broken glass
///
/// Once, and for good; nobody judges their own.
#[utoipa::path(
    post,
    path = "/break-glass/{id}/review",
    operation_id = "reviewBreakGlass",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the broken glass")),
    request_body = ReviewBreakGlass,
    responses((status = 200, description = "Judged.", body = BreakGlassView)),
)]
pub async fn review(
    cx: Cx<ReviewBreakGlass>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<BreakGlassId>,
    Body(request): Body<ReviewBreakGlass>,
) -> galen_service::Outcome {
    reach_everybody(&cx)?;
    let mut violations = Violations::new();
    let comment = Text::line(&mut violations, "/comment", &request.comment);
    violations.finish()?;
    let comment =
        comment.ok_or_else(|| Problem::internal("a field was refused without a violation"))?;

    let mut tx = cx.begin(&s.db).await?;
    let glass = store::find(&s.vault, &mut tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.concerns(glass.patient_id);
    cx.expect_version(glass.version())?;
    let review = Review {
        outcome: request.outcome,
        comment,
        by: cx.principal()?.user_id,
        at: cx.now(),
    };
    let glass = glass.reviewed(review.clone())?;
    store::review(&s.vault, &mut tx, &glass, &review).await?;
    tx.publish(&BreakGlassReviewed {
        patient_id: glass.patient_id.to_string(),
        break_glass_id: glass.id.to_string(),
        outcome: review.outcome.name().to_owned(),
    });
    let version = glass.version();
    tx.commit(Answer::ok(&BreakGlassView::from(glass)).version(version))
        .await
}

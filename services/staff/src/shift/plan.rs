//! `POST /practitioners/{id}/shifts`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{self, LONGEST, Shift, ShiftError, ShiftKind};
use super::store;
use super::view::ShiftView;
use crate::interval::Interval;
use crate::practitioner;
use crate::{Staff, field};

/// A shift to be planned; may go over midnight.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanShift {
    /// From then on.
    #[schema(example = "2025-03-03T22:00:00+03:00")]
    pub start: Timestamp,
    /// Up to then; after the start and at most 36 hours later.
    #[schema(example = "2025-03-04T06:00:00+03:00")]
    pub end: Timestamp,
    /// What for.
    pub kind: ShiftKind,
}

impl Requires for PlanShift {
    const NEEDS: Needs = Needs::Permission(Permission::StaffManage);
}

impl PlanShift {
    fn parse(self) -> Result<(ShiftKind, Interval), Problem> {
        let mut wrong = Violations::new();
        let during = field::interval(&mut wrong, ("/start", self.start), ("/end", self.end));
        let bearable = during.is_none_or(|during| during.length() <= LONGEST);
        wrong.require(
            bearable,
            "/end",
            "TOO_LONG",
            "must be at most 36 hours after the start",
        );
        Ok((self.kind, field::accept(wrong, during)?))
    }
}

/// Plans one shift.
#[utoipa::path(
    post,
    path = "/practitioners/{id}/shifts",
    operation_id = "planShift",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner.")),
    request_body = PlanShift,
    responses((status = 201, description = "Planned.", body = ShiftView)),
)]
pub async fn plan(
    cx: Cx<PlanShift>,
    State(staff): State<Arc<Staff>>,
    PathIds(practitioner): PathIds<PractitionerId>,
    Body(request): Body<PlanShift>,
) -> Outcome {
    let (kind, during) = request.parse()?;
    let shift = Shift {
        id: cx.clock().id(),
        practitioner,
        kind,
        during,
        origin: None,
        version: 1,
    };
    let mut tx = cx.begin(&staff.db).await?;
    practitioner::store::lock(&mut tx, practitioner)
        .await?
        .must_be_active()?;
    let planned = store::plan(&mut tx, std::slice::from_ref(&shift), cx.now()).await?;
    if !planned.contains(&shift.id) {
        return Err(ShiftError::Overlap.into());
    }
    for event in model::planned(practitioner, std::slice::from_ref(&shift)) {
        tx.publish(&event);
    }
    let version = shift.version;
    tx.commit(Answer::created(&ShiftView::from(shift)).version(version))
        .await
}

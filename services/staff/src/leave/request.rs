//! `POST /practitioners/{id}/leaves`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_kernel::{Pii, Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Leave, LeaveKind, LeaveStatus};
use super::store;
use super::view::LeaveView;
use crate::interval::Interval;
use crate::{Staff, field, practitioner};

/// Somebody wants to be away.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestLeave {
    /// From then on.
    #[schema(example = "2025-07-01T00:00:00+03:00")]
    pub start: Timestamp,
    /// Up to then; after the start.
    #[schema(example = "2025-07-15T00:00:00+03:00")]
    pub end: Timestamp,
    /// What for.
    pub kind: LeaveKind,
    /// In their words, for those who decide.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
    )]
    pub reason: Option<String>,
}

impl Requires for RequestLeave {
    const NEEDS: Needs = Needs::Permission(Permission::LeaveRequest);
}

struct Wish {
    during: Interval,
    kind: LeaveKind,
    reason: Option<Pii<String>>,
}

impl RequestLeave {
    fn parse(self) -> Result<Wish, Problem> {
        let mut wrong = Violations::new();
        let reason = self
            .reason
            .map(|reason| Pii::new(field::paragraph(&mut wrong, "/reason", &reason, 500)));
        let during = field::interval(&mut wrong, ("/start", self.start), ("/end", self.end));
        Ok(Wish {
            during: field::accept(wrong, during)?,
            kind: self.kind,
            reason,
        })
    }
}

/// Asks for leave: for oneself, or for anybody with the right to.
#[utoipa::path(
    post,
    path = "/practitioners/{id}/leaves",
    operation_id = "requestLeave",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner.")),
    request_body = RequestLeave,
    responses((status = 201, description = "Asked for; waits for a decision.", body = LeaveView)),
)]
pub async fn request(
    cx: Cx<RequestLeave>,
    State(staff): State<Arc<Staff>>,
    PathIds(practitioner): PathIds<PractitionerId>,
    Body(request): Body<RequestLeave>,
) -> Outcome {
    cx.reach_practitioner(practitioner)?;
    let Wish {
        during,
        kind,
        reason,
    } = request.parse()?;
    let leave = Leave {
        id: cx.clock().id(),
        practitioner,
        kind,
        reason,
        during,
        status: LeaveStatus::Requested,
        requested_by: cx.principal()?.user_id,
        requested_at: cx.now(),
        decision: None,
        withdrawn_at: None,
        version: 1,
    };
    let mut tx = cx.begin(&staff.db).await?;
    practitioner::store::lock(&mut tx, practitioner)
        .await?
        .must_be_active()?;
    store::insert(&mut tx, &leave).await?;
    let location = format!("/api/v1/practitioners/{practitioner}/leaves/{}", leave.id);
    let version = leave.version;
    let view = LeaveView::of(leave, cx.principal()?);
    tx.commit(Answer::created(&view).version(version).location(&location))
        .await
}

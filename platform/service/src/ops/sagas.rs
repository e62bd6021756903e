//! Process managers: flows across services, where they stand, and what an operator
//! decides for those that cannot go on by themselves.

use std::sync::Arc;

use axum::extract::State;
use galen_eventing::Status;
use galen_eventing::operations::{ProcessStep, ProcessView};
use galen_kernel::page::{self, Cursor};
use galen_kernel::{Page, Problem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Look, Manage, Ops, check_reason};
use crate::{Answer, Body, Cx, Needs, Outcome, PageView, Params, PathIds, Requires};

/// Where an instance stands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum SagaStatus {
    Running,
    Compensating,
    Completed,
    Rejected,
    Compensated,
    Suspended,
}

impl SagaStatus {
    const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Compensating => "COMPENSATING",
            Self::Completed => "COMPLETED",
            Self::Rejected => "REJECTED",
            Self::Compensated => "COMPENSATED",
            Self::Suspended => "SUSPENDED",
        }
    }
}

/// Which instances.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct SagaFilter {
    /// Only these.
    status: Option<SagaStatus>,
    /// Items on the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// An instance of a process manager.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SagaView {
    /// Its id.
    id: Uuid,
    /// `<service>.<what>`.
    kind: String,
    /// The aggregate it is about.
    business_key: String,
    /// Where it stands.
    #[schema(value_type = SagaStatus)]
    status: String,
    /// The step it waits in.
    step: String,
    /// When the whole must have ended.
    deadline: Timestamp,
    /// When it last moved.
    updated_at: Timestamp,
}

impl From<ProcessView> for SagaView {
    fn from(view: ProcessView) -> Self {
        let ProcessView {
            id,
            kind,
            business_key,
            status,
            step,
            deadline,
            updated_at,
        } = view;
        Self {
            id,
            kind,
            business_key,
            status,
            step,
            deadline,
            updated_at,
        }
    }
}

/// Instances of process managers, newest first.
#[utoipa::path(get, path = "/ops/sagas", params(SagaFilter),
    responses((status = 200, body = PageView<SagaView>)), tag = "operations")]
pub(super) async fn list(
    _: Cx<Look>,
    State(ops): State<Arc<Ops>>,
    Params(filter): Params<SagaFilter>,
) -> Outcome {
    let limit = page::limit(filter.limit)?;
    let before = filter
        .cursor
        .as_deref()
        .map(Cursor::decode::<Uuid>)
        .transpose()?;
    let status = filter.status.map(SagaStatus::name);
    let rows = ops
        .operations()
        .processes(status, before, limit + 1)
        .await?;
    let page = Page::from_rows(rows, limit, |row| row.id).map(SagaView::from);
    Ok(Answer::ok(&PageView::from(page)))
}

/// A step that an instance took.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SagaStepView {
    /// Its number, from 1.
    #[schema(minimum = 1)]
    number: i32,
    /// What moved the instance.
    trigger: String,
    /// Where it then stood.
    #[schema(value_type = SagaStatus)]
    status: String,
    /// The step it then waited in.
    step: String,
    /// When.
    at: Timestamp,
}

impl From<ProcessStep> for SagaStepView {
    fn from(step: ProcessStep) -> Self {
        let ProcessStep {
            number,
            trigger,
            status,
            step,
            at,
        } = step;
        Self {
            number,
            trigger,
            status,
            step,
            at,
        }
    }
}

/// How an instance got where it is; one page.
#[utoipa::path(get, path = "/ops/sagas/{id}/steps", params(("id" = Uuid, Path)),
    responses((status = 200, body = PageView<SagaStepView>)), tag = "operations")]
pub(super) async fn steps(
    _: Cx<Look>,
    State(ops): State<Arc<Ops>>,
    PathIds(id): PathIds<Uuid>,
) -> Outcome {
    let steps = ops.operations().process_history(id).await?;
    if steps.is_empty() {
        return Err(Problem::not_found().into());
    }
    let items: Vec<SagaStepView> = steps.into_iter().map(Into::into).collect();
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: None,
    }))
}

/// Why an instance is to decide once more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RetrySaga {
    /// For those who ask later.
    #[schema(min_length = 3, max_length = 500, pattern = r"^\S.*\S$")]
    reason: String,
}

impl Requires for RetrySaga {
    const NEEDS: Needs = Manage::NEEDS;
}

/// Lets an instance that has not ended decide once more.
#[utoipa::path(post, path = "/ops/sagas/{id}/retry", params(("id" = Uuid, Path)), request_body = RetrySaga,
    responses((status = 204, description = "It will decide again.")), tag = "operations")]
pub(super) async fn retry(
    cx: Cx<RetrySaga>,
    State(ops): State<Arc<Ops>>,
    PathIds(id): PathIds<Uuid>,
    Body(RetrySaga { reason }): Body<RetrySaga>,
) -> Outcome {
    check_reason(&reason)?;
    let actor = cx.principal()?.user_id.to_string();
    let found = ops.operations().retry_process(id, &actor, &reason).await?;
    if found {
        Ok(Answer::no_content())
    } else {
        Err(Problem::not_found().into())
    }
}

/// How an instance ends that a person has dealt with.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum SagaEnd {
    Completed,
    Rejected,
    Compensated,
}

/// Why and how an instance ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EndSaga {
    /// How.
    status: SagaEnd,
    /// For those who ask later.
    #[schema(min_length = 3, max_length = 500, pattern = r"^\S.*\S$")]
    reason: String,
}

impl Requires for EndSaga {
    const NEEDS: Needs = Manage::NEEDS;
}

/// Declares an instance ended, after a person has dealt with it.
#[utoipa::path(post, path = "/ops/sagas/{id}/end", params(("id" = Uuid, Path)), request_body = EndSaga,
    responses((status = 204, description = "It has ended.")), tag = "operations")]
pub(super) async fn end(
    cx: Cx<EndSaga>,
    State(ops): State<Arc<Ops>>,
    PathIds(id): PathIds<Uuid>,
    Body(EndSaga { status, reason }): Body<EndSaga>,
) -> Outcome {
    check_reason(&reason)?;
    let status = match status {
        SagaEnd::Completed => Status::Completed,
        SagaEnd::Rejected => Status::Rejected,
        SagaEnd::Compensated => Status::Compensated,
    };
    let actor = cx.principal()?.user_id.to_string();
    let found = ops
        .operations()
        .end_process(id, status, &actor, &reason)
        .await?;
    if found {
        Ok(Answer::no_content())
    } else {
        Err(Problem::not_found().into())
    }
}

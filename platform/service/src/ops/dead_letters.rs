//! Events that kept failing: seen, tried again, given up.

use std::sync::Arc;

use axum::extract::State;
use galen_eventing::operations::{DeadLetter, DeadLetterFilter};
use galen_kernel::page::{self, Cursor};
use galen_kernel::{Page, Problem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Look, Manage, Ops, check_reason};
use crate::{Answer, Body, Cx, Needs, Outcome, PageView, Params, PathIds, Requires};

/// Which letters, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct DeadLetterQuery {
    /// Only of this group of handlers.
    group: Option<String>,
    /// Only of this CloudEvents type.
    event_type: Option<String>,
    /// Only of this class of errors.
    error_class: Option<String>,
    /// Only of this key.
    key: Option<String>,
    /// Items on the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// An event that its handlers did not apply.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadLetterView {
    /// Names it when it is redriven or discarded.
    id: i64,
    /// Group whose handler failed.
    group: String,
    /// Topic.
    topic: String,
    /// Key whose later events wait behind it.
    key: String,
    /// Offset of the event.
    offset: i64,
    /// CloudEvents type.
    event_type: String,
    /// `retry`, `blocked`, `dead` or `discarded`.
    state: String,
    /// Tries so far.
    attempts: i32,
    /// Class of the last error.
    #[schema(required = true)]
    error_class: Option<String>,
    /// The last error with its causes.
    #[schema(required = true)]
    error: Option<String>,
    /// When it first failed.
    first_at: Timestamp,
    /// When it is tried next.
    next_at: Timestamp,
    /// Later events of the same key that wait behind it.
    #[schema(minimum = 0)]
    blocked_behind: i64,
    /// The event as JSON; only where one letter is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    payload: Option<serde_json::Value>,
    /// The publisher's trace.
    #[schema(required = true)]
    trace_id: Option<String>,
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id,
            group: letter.group,
            topic: letter.topic,
            key: letter.key,
            offset: letter.offset,
            event_type: letter.event_type,
            state: letter.state,
            attempts: letter.attempts,
            error_class: letter.error_class,
            error: letter.error,
            first_at: letter.first_at,
            next_at: letter.next_at,
            blocked_behind: letter.blocked_behind,
            payload: letter.payload,
            trace_id: letter.trace_id,
        }
    }
}

/// Dead letters, oldest first.
#[utoipa::path(get, path = "/ops/dead-letters", params(DeadLetterQuery), responses((status = 200, body = PageView<DeadLetterView>)), tag = "operations")]
pub(super) async fn list(
    _: Cx<Look>,
    State(ops): State<Arc<Ops>>,
    Params(query): Params<DeadLetterQuery>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = query
        .cursor
        .as_deref()
        .map(Cursor::decode::<i64>)
        .transpose()?
        .unwrap_or(0);
    let filter = DeadLetterFilter {
        group: query.group,
        event_type: query.event_type,
        error_class: query.error_class,
        key: query.key,
    };
    let rows = ops
        .operations()
        .dead_letters(&filter, after, limit + 1)
        .await?;
    let page = Page::from_rows(rows, limit, |row| row.id).map(DeadLetterView::from);
    Ok(Answer::ok(&PageView::from(page)))
}

/// One dead letter with its payload.
#[utoipa::path(get, path = "/ops/dead-letters/{id}", params(("id" = i64, Path)), responses((status = 200, body = DeadLetterView)), tag = "operations")]
pub(super) async fn show(
    _: Cx<Look>,
    State(ops): State<Arc<Ops>>,
    PathIds(id): PathIds<i64>,
) -> Outcome {
    let letter = ops
        .operations()
        .dead_letter(id)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(Answer::ok(&DeadLetterView::from(letter)))
}

/// How many letters are tried again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RedrivenView {
    /// Letters.
    #[schema(minimum = 0)]
    redriven: u64,
}

/// Tries one dead letter again, and then those that wait behind it.
#[utoipa::path(post, path = "/ops/dead-letters/{id}/redrive", params(("id" = i64, Path)), responses((status = 200, body = RedrivenView)), tag = "operations")]
pub(super) async fn redrive(
    cx: Cx<Manage>,
    State(ops): State<Arc<Ops>>,
    PathIds(id): PathIds<i64>,
) -> Outcome {
    let actor = cx.principal()?.user_id.to_string();
    let redriven = ops
        .operations()
        .redrive(&DeadLetterFilter::default(), Some(&[id]), &actor)
        .await?;
    if redriven == 0 {
        return Err(Problem::not_found().into());
    }
    Ok(Answer::ok(&RedrivenView { redriven }))
}

/// Which letters to try again; none of the members means all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RedriveMatching {
    /// Only of this group of handlers.
    group: Option<String>,
    /// Only of this CloudEvents type.
    event_type: Option<String>,
    /// Only of this class of errors.
    error_class: Option<String>,
    /// Only of this key.
    key: Option<String>,
}

impl Requires for RedriveMatching {
    const NEEDS: Needs = Manage::NEEDS;
}

/// Tries all matching dead letters again, in their order.
#[utoipa::path(post, path = "/ops/dead-letters/redrive", request_body = RedriveMatching, responses((status = 200, body = RedrivenView)), tag = "operations")]
pub(super) async fn redrive_matching(
    cx: Cx<RedriveMatching>,
    State(ops): State<Arc<Ops>>,
    Body(wish): Body<RedriveMatching>,
) -> Outcome {
    let RedriveMatching {
        group,
        event_type,
        error_class,
        key,
    } = wish;
    let filter = DeadLetterFilter {
        group,
        event_type,
        error_class,
        key,
    };
    let actor = cx.principal()?.user_id.to_string();
    let redriven = ops.operations().redrive(&filter, None, &actor).await?;
    Ok(Answer::ok(&RedrivenView { redriven }))
}

/// Why a letter is given up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DiscardDeadLetter {
    /// For those who ask later.
    #[schema(min_length = 3, max_length = 500, pattern = r"^\S.*\S$")]
    reason: String,
}

impl Requires for DiscardDeadLetter {
    const NEEDS: Needs = Manage::NEEDS;
}

/// Gives one event up for its group; what waits behind it goes on.
#[utoipa::path(post, path = "/ops/dead-letters/{id}/discard", params(("id" = i64, Path)), request_body = DiscardDeadLetter, responses((status = 204, description = "Given up.")), tag = "operations")]
pub(super) async fn discard(
    cx: Cx<DiscardDeadLetter>,
    State(ops): State<Arc<Ops>>,
    PathIds(id): PathIds<i64>,
    Body(DiscardDeadLetter { reason }): Body<DiscardDeadLetter>,
) -> Outcome {
    check_reason(&reason)?;
    let actor = cx.principal()?.user_id.to_string();
    if !ops.operations().discard(id, &actor, &reason).await? {
        return Err(Problem::not_found().into());
    }
    Ok(Answer::no_content())
}

//! Timers whose handlers fail.

use std::sync::Arc;

use axum::extract::State;
use galen_eventing::operations::FailingTimer;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Look, Ops};
use crate::{Answer, Cx, Outcome, PageView};

/// Longest list of failing timers.
const SHOWN: u16 = 200;

/// A timer whose handler fails; it is tried again and again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TimerView {
    /// Whose.
    service: String,
    /// What it is for.
    kind: String,
    /// Whom it is for.
    key: String,
    /// When it was to fire.
    fire_at: Timestamp,
    /// When it is tried next.
    next_at: Timestamp,
    /// Tries that failed.
    #[schema(minimum = 0)]
    attempts: i32,
    /// The last error with its causes.
    #[schema(required = true)]
    error: Option<String>,
}

impl From<FailingTimer> for TimerView {
    fn from(timer: FailingTimer) -> Self {
        let FailingTimer {
            service,
            kind,
            key,
            fire_at,
            next_at,
            attempts,
            error,
        } = timer;
        Self {
            service,
            kind,
            key,
            fire_at,
            next_at,
            attempts,
            error,
        }
    }
}

/// Timers that keep failing, the longest waiting first; one page of at most 200.
#[utoipa::path(get, path = "/ops/timers", responses((status = 200, body = PageView<TimerView>)), tag = "operations")]
pub(super) async fn failing(_: Cx<Look>, State(ops): State<Arc<Ops>>) -> Outcome {
    let timers = ops.operations().failing_timers(SHOWN).await?;
    let items: Vec<TimerView> = timers.into_iter().map(Into::into).collect();
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: None,
    }))
}

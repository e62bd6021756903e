//! Recurring work: when it ran last, and how that went.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Look, Ops};
use crate::job::{LastRun, Report};
use crate::{Answer, Cx, Outcome, PageView};

/// A job, as this process sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobView {
    /// `<service>.<what>`.
    name: String,
    /// Seconds between runs.
    #[schema(minimum = 0)]
    every_seconds: u64,
    /// Whether this process runs it; otherwise another one does.
    runs_here: bool,
    /// When the present run began; null when it is not running.
    #[schema(required = true)]
    running_since: Option<Timestamp>,
    /// The last run by this process; null when there was none.
    #[schema(required = true)]
    last_run: Option<RunView>,
}

/// One run of a job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RunView {
    /// When it began.
    started_at: Timestamp,
    /// How long it took, in milliseconds.
    #[schema(minimum = 0)]
    took_ms: u64,
    /// How many things it did; null when it failed.
    #[schema(required = true, minimum = 0)]
    items: Option<u64>,
    /// The code of the problem it failed with; null when it did not.
    #[schema(required = true)]
    failure: Option<&'static str>,
}

impl From<Report> for JobView {
    fn from(report: Report) -> Self {
        Self {
            name: report.name.into_owned(),
            every_seconds: report.every.as_secs(),
            runs_here: report.leads,
            running_since: report.running_since,
            last_run: report.last.map(Into::into),
        }
    }
}

impl From<LastRun> for RunView {
    fn from(run: LastRun) -> Self {
        Self {
            started_at: run.started_at,
            took_ms: u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX),
            items: run.outcome.ok(),
            failure: run.outcome.err(),
        }
    }
}

/// The jobs of all services; one page.
#[utoipa::path(get, path = "/ops/jobs", responses((status = 200, body = PageView<JobView>)), tag = "operations")]
pub(super) async fn list(_: Cx<Look>, State(ops): State<Arc<Ops>>) -> Outcome {
    let items: Vec<JobView> = ops.jobs.iter().map(|job| job.report().into()).collect();
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: None,
    }))
}

//! The one page to look at when called.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::lag::OutboxView;
use super::{Look, Ops};
use crate::{Answer, Cx, Outcome};

/// Sagas beyond this are not counted one by one.
const COUNTED: u16 = 200;

/// Everything that waits, in numbers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OverviewView {
    /// Committed events without an offset.
    outbox: OutboxView,
    /// Events that subscriptions have not applied.
    #[schema(minimum = 0)]
    lag_events: i64,
    /// Age of the oldest of them, in milliseconds.
    #[schema(minimum = 0)]
    lag_age_ms: i64,
    /// Keys that wait behind a failure.
    #[schema(minimum = 0)]
    parked_keys: i64,
    /// Dead letters: somebody has to decide.
    #[schema(minimum = 0)]
    dead_letters: i64,
    /// Sagas that are suspended: somebody has to decide. At most 200 are counted.
    #[schema(minimum = 0)]
    suspended_sagas: usize,
    /// Jobs of this process whose last run failed.
    failing_jobs: Vec<String>,
}

/// What waits for an operator, in numbers.
#[utoipa::path(get, path = "/ops/overview", responses((status = 200, body = OverviewView)), tag = "operations")]
pub(super) async fn overview(_: Cx<Look>, State(ops): State<Arc<Ops>>) -> Outcome {
    let lags = ops.operations().lag().await?;
    let suspended = ops
        .operations()
        .processes(Some("SUSPENDED"), None, COUNTED)
        .await?;
    let reports = ops.jobs.iter().map(super::Scheduled::report);
    let failing = reports.filter(|job| job.last.as_ref().is_some_and(|last| last.outcome.is_err()));
    Ok(Answer::ok(&OverviewView {
        outbox: OutboxView::now(&ops).await?,
        lag_events: lags.iter().map(|lag| lag.events).sum(),
        lag_age_ms: lags.iter().map(|lag| lag.age_ms).max().unwrap_or(0),
        parked_keys: lags.iter().map(|lag| lag.parked_keys).sum(),
        dead_letters: lags.iter().map(|lag| lag.dead).sum(),
        suspended_sagas: suspended.len(),
        failing_jobs: failing.map(|job| job.name.into_owned()).collect(),
    }))
}

//! Whether the process lives, and whether it can do its work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::future::join_all;
use galen_storage::Db;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// A dependency that has not answered by then is down.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is looked at.
pub(crate) struct Health {
    pub(crate) databases: Vec<Db>,
    /// Cancelled when the host begins to stop; from then on it is not ready.
    pub(crate) stopping: CancellationToken,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verdict {
    Up,
    Down,
    Stopping,
}

#[derive(Serialize)]
struct View {
    status: Verdict,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    dependencies: BTreeMap<String, Verdict>,
}

/// `/health/live` and `/health/ready`.
pub(crate) fn router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .with_state(health)
}

/// What an operator's port offers: health, and metrics in Prometheus text format.
pub(crate) fn operators(health: Arc<Health>) -> Router {
    router(Arc::clone(&health)).route("/metrics", get(metrics).with_state(health))
}

async fn live() -> Response {
    answer(
        StatusCode::OK,
        View {
            status: Verdict::Up,
            dependencies: BTreeMap::new(),
        },
    )
}

async fn ready(State(health): State<Arc<Health>>) -> Response {
    let checks = health.databases.iter().map(|db| async {
        let alive = sqlx::query("select").execute(db.pool());
        let alive = matches!(tokio::time::timeout(PATIENCE, alive).await, Ok(Ok(_)));
        (
            format!("database.{}", db.service()),
            if alive { Verdict::Up } else { Verdict::Down },
        )
    });
    let dependencies: BTreeMap<_, _> = join_all(checks).await.into_iter().collect();
    let status = if health.stopping.is_cancelled() {
        Verdict::Stopping
    } else if dependencies
        .values()
        .all(|verdict| matches!(verdict, Verdict::Up))
    {
        Verdict::Up
    } else {
        Verdict::Down
    };
    let code = if matches!(status, Verdict::Up) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    answer(
        code,
        View {
            status,
            dependencies,
        },
    )
}

fn answer(code: StatusCode, view: View) -> Response {
    let mut response = (code, Json(view)).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn metrics(State(health): State<Arc<Health>>) -> Response {
    for db in &health.databases {
        let (open, idle) = (
            db.pool().size(),
            u32::try_from(db.pool().num_idle()).unwrap_or(u32::MAX),
        );
        metrics::gauge!("galen_database_connections", "service" => db.service(), "state" => "idle")
            .set(idle);
        metrics::gauge!("galen_database_connections", "service" => db.service(), "state" => "busy")
            .set(open.saturating_sub(idle));
    }
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        galen_telemetry::render_metrics(),
    )
        .into_response()
}

//! Read models: rebuilt from the log.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::State;
use galen_eventing::RebuildError;
use galen_kernel::Problem;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Look, Manage, Ops};
use crate::{Answer, Cx, Outcome, PageView, PathIds};

/// A rebuild that takes longer goes on after the answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A read model of this process.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProjectionView {
    /// Its name.
    name: String,
    /// Events not yet applied.
    #[schema(minimum = 0)]
    events: i64,
    /// Age of the oldest of them, in milliseconds.
    #[schema(minimum = 0)]
    age_ms: i64,
    /// Whether it is being rebuilt.
    rebuilding: bool,
}

/// How a rebuild stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RebuildStatus {
    Completed,
    Running,
}

/// A rebuild of a read model.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RebuildView {
    /// The projection.
    name: String,
    /// How it stands.
    status: RebuildStatus,
    /// Events that were replayed; null while it is running.
    #[schema(required = true, minimum = 0)]
    replayed: Option<u64>,
}

/// Takes a projection off the list of those being rebuilt, however that ends.
struct Rebuilding {
    ops: Arc<Ops>,
    name: String,
}

impl Rebuilding {
    fn begin(ops: &Arc<Ops>, name: &str) -> Option<Self> {
        let mut rebuilding = ops
            .rebuilding
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        rebuilding.insert(name.to_owned()).then(|| Self {
            ops: Arc::clone(ops),
            name: name.to_owned(),
        })
    }
}

impl Drop for Rebuilding {
    fn drop(&mut self) {
        self.ops
            .rebuilding
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.name);
    }
}

/// The read models of this process and how far they are behind; one page.
#[utoipa::path(get, path = "/ops/projections", responses((status = 200, body = PageView<ProjectionView>)), tag = "operations")]
pub(super) async fn list(_: Cx<Look>, State(ops): State<Arc<Ops>>) -> Outcome {
    let lag = ops.operations().lag().await?;
    let rebuilding = ops
        .rebuilding
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let items = ops
        .backbone
        .projections()
        .map(|name| {
            let behind = || lag.iter().filter(|one| one.group == name);
            ProjectionView {
                name: name.to_owned(),
                events: behind().map(|one| one.events).sum(),
                age_ms: behind().map(|one| one.age_ms).max().unwrap_or(0),
                rebuilding: rebuilding.contains(name),
            }
        })
        .collect();
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: None,
    }))
}

/// Rebuilds a projection from the log while the present one goes on answering.
#[utoipa::path(post, path = "/ops/projections/{name}/rebuild", params(("name" = String, Path)),
    responses((status = 200, body = RebuildView), (status = 202, body = RebuildView, description = "It takes long, and goes on.")), tag = "operations")]
pub(super) async fn rebuild(
    cx: Cx<Manage>,
    State(ops): State<Arc<Ops>>,
    PathIds(name): PathIds<String>,
) -> Outcome {
    let actor = cx.principal()?.user_id;
    let rebuilding = Rebuilding::begin(&ops, &name).ok_or_else(|| {
        Problem::conflict(
            "REBUILD_IN_PROGRESS",
            "The projection is already being rebuilt.",
        )
        .retry_after(5)
    })?;
    tracing::info!(projection = name, %actor, "a projection is rebuilt");
    // On its own, so that a client that goes away does not stop it half-way.
    let work = tokio::spawn(async move { rebuilding.ops.backbone.rebuild(&rebuilding.name).await });
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(replayed)) => {
            let replayed = replayed.map_err(problem)?.ok_or_else(Problem::not_found)?;
            let replayed = Some(replayed);
            Ok(Answer::ok(&RebuildView {
                name,
                status: RebuildStatus::Completed,
                replayed,
            }))
        }
        Ok(Err(panic)) => Err(Problem::internal(panic).into()),
        Err(_) => Ok(Answer::json(
            StatusCode::ACCEPTED,
            &RebuildView {
                name,
                status: RebuildStatus::Running,
                replayed: None,
            },
        )),
    }
}

fn problem(error: RebuildError) -> Problem {
    match error {
        RebuildError::Storage(error) => error.into(),
        error @ (RebuildError::Handler { .. } | RebuildError::SessionLost) => {
            Problem::internal(error)
        }
    }
}

//! What operators see and do over REST, below `/api/v1/ops`: the backbone and the
//! jobs of this process. The command line does the same through
//! `galen_eventing::Operations`.

mod dead_letters;
mod jobs;
mod lag;
mod overview;
mod projections;
mod sagas;
mod timers;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use galen_access::Permission;
use galen_eventing::{Operations, Running};
use galen_kernel::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::job::Scheduled;
use crate::{Needs, Requires};

/// What the operators' routes look at.
pub(crate) struct Ops {
    backbone: Arc<Running>,
    jobs: Vec<Scheduled>,
    /// Projections that are being rebuilt by this process.
    rebuilding: Mutex<HashSet<String>>,
}

impl Ops {
    pub(crate) fn new(backbone: Arc<Running>, jobs: Vec<Scheduled>) -> Self {
        Self {
            backbone,
            jobs,
            rebuilding: Mutex::default(),
        }
    }

    fn operations(&self) -> &Operations {
        self.backbone.operations()
    }
}

/// Looks only.
struct Look;

impl Requires for Look {
    const NEEDS: Needs = Needs::Permission(Permission::OpsRead);
}

/// Redrives, discards, rebuilds.
struct Manage;

impl Requires for Manage {
    const NEEDS: Needs = Needs::Permission(Permission::OpsManage);
}

/// A reason is one line that says something.
fn check_reason(reason: &str) -> Result<(), Problem> {
    if (3..=500).contains(&reason.chars().count())
        && reason.trim() == reason
        && !reason.contains('\n')
    {
        return Ok(());
    }
    Err(Problem::invalid_field(
        "/reason",
        "INVALID_REASON",
        "must be one line of 3 to 500 characters without blanks around it",
    ))
}

/// The operators' routes.
pub(crate) fn router(ops: Arc<Ops>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(overview::overview))
        .routes(routes!(lag::outbox))
        .routes(routes!(lag::subscriptions))
        .routes(routes!(timers::failing))
        .routes(routes!(sagas::list))
        .routes(routes!(sagas::steps))
        .routes(routes!(sagas::retry))
        .routes(routes!(sagas::end))
        .routes(routes!(jobs::list))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::show))
        .routes(routes!(dead_letters::redrive))
        .routes(routes!(dead_letters::redrive_matching))
        .routes(routes!(dead_letters::discard))
        .routes(routes!(projections::list))
        .routes(routes!(projections::rebuild))
        .with_state(ops)
}

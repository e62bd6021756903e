//! What was done that somebody pays for.

pub mod model;

use std::sync::Arc;

use galen_service::Job;
use utoipa_axum::router::OpenApiRouter;

use crate::Billing;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
}

/// Its work.
pub(crate) const fn jobs(_: &Arc<Billing>) -> Vec<Job> {
    Vec::new()
}

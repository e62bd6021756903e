//! Payers, tariffs and insurance plans.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::Billing;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
}

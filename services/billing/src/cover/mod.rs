//! Who is expected to pay what: policies, what was counted under them, estimates.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::Billing;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
}

/// Its part of what other services may ask.
pub(crate) const fn serve(_: &Arc<Billing>, _: &mut tonic::service::RoutesBuilder) {}

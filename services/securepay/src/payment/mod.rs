//! Payments from wallet to wallet.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::SecurePay;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
}

/// Its part of what other services may ask.
pub(crate) const fn serve(_: &Arc<SecurePay>, _: &mut tonic::service::RoutesBuilder) {}

//! Wallets: money of somebody that the hospital keeps.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::SecurePay;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
}

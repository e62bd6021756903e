//! Payments from wallet to wallet.

pub mod model;
pub(crate) mod store;

pub use model::{Capture, Payment};

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::SecurePay;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
}

/// Its part of what other services may ask.
pub(crate) const fn serve(_: &Arc<SecurePay>, _: &mut tonic::service::RoutesBuilder) {}

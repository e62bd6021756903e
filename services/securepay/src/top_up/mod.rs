//! Money that comes into a wallet through a payment provider.

pub mod find;
pub mod get;
pub mod request;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::SecurePay;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
        .routes(routes!(request::request, find::find))
        .routes(routes!(get::get))
}

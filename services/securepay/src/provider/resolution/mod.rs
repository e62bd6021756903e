//! What people find out about orders of which the provider cannot say what became of
//! them.
//!
//! One person says what is to be seen at the bank or at the provider, and where; when
//! another one agrees, the order ends so. The provider goes on being asked: what it says
//! later moves nothing any more, and is shown when it contradicts.

pub mod decide;
pub mod find;
pub mod model;
pub mod request;
pub mod store;
pub mod view;
pub(crate) mod watch;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::SecurePay;

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
        .routes(routes!(request::request, find::find))
        .routes(routes!(decide::approve))
        .routes(routes!(decide::reject))
}

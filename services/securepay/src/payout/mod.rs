//! Money that leaves a wallet through a payment provider.

pub mod find;
pub mod get;
pub mod iban;
pub mod request;

use std::sync::Arc;

use galen_vault::SealedColumn;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::SecurePay;
use crate::provider::order::pursue::DESTINATION;
use crate::provider::order::store::SUBJECT;

/// What is sealed of payouts.
pub(crate) const SEALED: SealedColumn = SealedColumn {
    place: DESTINATION.place(),
    row: "id",
    subject: SUBJECT,
};

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
        .routes(routes!(request::request, find::find))
        .routes(routes!(get::get))
}
